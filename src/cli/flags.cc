// Command lines into assignments, assignments into structs.
#include "cli/flags.h"

#include <charconv>
#include <cstddef>
#include <set>

#include "cli/suggest.h"

namespace kist::cli {
namespace {

Error invalid(std::string message) { return Error{Code::kInvalid, std::move(message)}; }

Error unknown_flag(const std::vector<BoundFlag>& flags, std::string_view name) {
  std::vector<std::string_view> names;
  for (const BoundFlag& flag : flags) names.push_back(flag.name);
  std::string message = "unknown flag --" + std::string(name);
  if (const std::string_view near = nearest(name, names); !near.empty()) {
    message += ", did you mean --" + std::string(near) + "?";
  }
  return invalid(std::move(message));
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    if (comma != 0 && !text.empty()) parts.emplace_back(text.substr(0, comma));
    if (comma == text.npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

Result<> set(std::string& target, const Assignment& from) {
  target = from.values.front();
  return {};
}

Result<> set(int& target, const Assignment& from) {
  const std::string& text = from.values.front();
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid(from.origin + ": \"" + text + "\" is not a number");
  }
  target = number;
  return {};
}

Result<> set(bool& target, const Assignment& from) {
  const std::string& text = from.values.front();
  if (text != "true" && text != "false") {
    return invalid(from.origin + ": \"" + text + "\" is neither true nor false");
  }
  target = text == "true";
  return {};
}

Result<> set(std::vector<std::string>& target, const Assignment& from) {
  if (!from.append) target.clear();
  target.insert(target.end(), from.values.begin(), from.values.end());
  return {};
}

}  // namespace

const BoundFlag* find_flag(const std::vector<BoundFlag>& flags, std::string_view name) {
  for (const BoundFlag& flag : flags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

Result<Arguments> parse_arguments(const std::vector<BoundFlag>& flags,
                                  const std::vector<std::string>& arguments) {
  Arguments parsed;
  std::set<std::string, std::less<>> lists_begun;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--") {
      parsed.positional.insert(parsed.positional.end(),
                               arguments.begin() + static_cast<ptrdiff_t>(i) + 1, arguments.end());
      break;
    }
    if (argument == "--help" || argument == "-h") {
      parsed.help = true;
      continue;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      parsed.positional.emplace_back(argument);
      continue;
    }
    if (argument[1] != '-') {
      return invalid("unknown flag " + std::string(argument) +
                     ": flags have long names, see --help");
    }
    const size_t equals = argument.find('=');
    const std::string_view name = argument.substr(2, equals == argument.npos ? equals : equals - 2);
    const BoundFlag* flag = find_flag(flags, name);
    if (flag == nullptr) return unknown_flag(flags, name);

    std::string value;
    if (equals != argument.npos) {
      value = argument.substr(equals + 1);
    } else if (flag->is_bool()) {
      value = "true";
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return invalid("--" + std::string(name) +
                     " needs a value: " + std::string(flag->placeholder));
    }
    Assignment assignment{std::string(name), {value}, false, "--" + std::string(name)};
    if (flag->is_list()) {
      assignment.values = split_commas(value);
      assignment.append = !lists_begun.emplace(name).second;  // the first one replaces the default
    }
    parsed.flags.push_back(std::move(assignment));
  }
  return parsed;
}

Result<> apply(const std::vector<BoundFlag>& flags, const std::vector<Assignment>& assignments) {
  for (const Assignment& assignment : assignments) {
    const BoundFlag* flag = find_flag(flags, assignment.name);
    if (flag == nullptr) continue;  // of another command: a config file serves them all
    TRY(std::visit([&](auto* target) { return set(*target, assignment); }, flag->target));
  }
  return {};
}

std::string shown_value(const BoundFlag& flag) {
  if (const auto* text = std::get_if<std::string*>(&flag.target)) return **text;
  if (const auto* number = std::get_if<int*>(&flag.target)) return std::to_string(**number);
  if (const auto* on = std::get_if<bool*>(&flag.target)) return **on ? "true" : "";
  std::string joined;
  for (const std::string& value : **std::get_if<std::vector<std::string>*>(&flag.target)) {
    joined += (joined.empty() ? "" : ",") + value;
  }
  return joined;
}

}  // namespace kist::cli
