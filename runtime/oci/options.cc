#include "runtime/oci/options.h"

#include <cstddef>

namespace kist::runtime::oci {
namespace {

struct Split {
  std::string name, value;
  bool has_value = false;
};

const OptionRow* find(const std::vector<OptionRow>& rows, const std::string& name) {
  for (const OptionRow& row : rows) {
    if (name == row.name || (name.size() == 1 && name[0] == row.letter)) return &row;
  }
  return nullptr;
}

// "--bundle=x", "--bundle", "-b", "-bx"
Split split(const std::string& word) {
  Split out;
  if (word.starts_with("--")) {
    const size_t equals = word.find('=');
    out.name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    out.has_value = equals != std::string::npos;
    if (out.has_value) out.value = word.substr(equals + 1);
    return out;
  }
  out.name = word.substr(1, 1);
  out.has_value = word.size() > 2;
  if (out.has_value) out.value = word.substr(2);
  return out;
}

// Takes the flag at `at`; returns how many words it had.
Result<size_t> take(const std::vector<OptionRow>& rows, const std::vector<std::string>& words,
                    size_t at) {
  Split flag = split(words[at]);
  const OptionRow* row = find(rows, flag.name);
  const bool letters = !words[at].starts_with("--");
  if (row == nullptr) return Error{Code::kInvalid, "unknown flag " + words[at]};
  if (bool* const* target = std::get_if<bool*>(&row->target)) {
    **target = !(flag.has_value && !letters && flag.value == "false");
    if (!letters || !flag.has_value) return size_t{1};
    // "-dt": the letters behind are flags as well.
    std::vector<std::string> rest = {"-" + flag.value};
    TRY(take(rows, rest, 0));
    return size_t{1};
  }
  size_t used = 1;
  if (!flag.has_value) {
    if (at + 1 >= words.size()) return Error{Code::kInvalid, words[at] + " needs a value"};
    flag.value = words[at + 1];
    used = 2;
  }
  if (std::string* const* target = std::get_if<std::string*>(&row->target)) {
    **target = flag.value;
  } else {
    std::get<std::vector<std::string>*>(row->target)->push_back(flag.value);
  }
  return used;
}

Result<> parse(const std::vector<OptionRow>& rows, std::vector<std::string>& words, bool mixed) {
  std::vector<std::string> kept;
  size_t at = 0;
  while (at < words.size()) {
    if (words[at] == "--") {
      ++at;
      break;
    }
    if (words[at].size() > 1 && words[at][0] == '-') {
      at += TRY(take(rows, words, at));
      continue;
    }
    if (!mixed) break;
    kept.push_back(words[at++]);
  }
  kept.insert(kept.end(), words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  words = std::move(kept);
  return {};
}

}  // namespace

Result<> take_options(const std::vector<OptionRow>& rows, std::vector<std::string>& words) {
  return parse(rows, words, false);
}

Result<> take_mixed_options(const std::vector<OptionRow>& rows, std::vector<std::string>& words) {
  return parse(rows, words, true);
}

}  // namespace kist::runtime::oci
