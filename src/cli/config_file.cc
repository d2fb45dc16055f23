// Reads the configuration file and its drop-ins into the same assignments a command line makes.
#include "cli/config_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "cli/suggest.h"
#include "kist/api/json.h"
#include "roles/files.h"

namespace kist::cli {
namespace {

constexpr size_t kConfigBytesMax = 1 << 20;
constexpr size_t kDropInsMax = 256;

Error invalid(std::string message) { return Error{Code::kInvalid, std::move(message)}; }

Error unknown_key(const std::vector<BoundFlag>& known, std::string_view key) {
  std::vector<std::string_view> names;
  for (const BoundFlag& flag : known) names.push_back(flag.name);
  std::string message = "unknown key \"" + std::string(key) + "\"";
  if (const std::string_view near = nearest(key, names); !near.empty()) {
    message += ", did you mean \"" + std::string(near) + "\"?";
  }
  return invalid(std::move(message));
}

Result<std::string> scalar_text(const api::Value& value) {
  if (value.IsString()) return std::string(value.GetString(), value.GetStringLength());
  if (value.IsBool() || value.IsNumber()) return api::to_text(value);
  return invalid("wants a text, a number, true or false");
}

Result<Assignment> read_key(const std::vector<BoundFlag>& known, std::string_view key,
                            const api::Value& value) {
  Assignment assignment;
  assignment.append = key.ends_with('+');
  if (assignment.append) key.remove_suffix(1);
  const BoundFlag* flag = find_flag(known, key);
  if (flag == nullptr) return unknown_key(known, key);
  if (assignment.append && !flag->is_list()) {
    return invalid("\"" + std::string(key) + "\" is no list, so \"+\" cannot add to it");
  }
  assignment.name = key;
  if (!value.IsArray()) {
    assignment.values = {TRY(scalar_text(value).context(key))};
    return assignment;
  }
  if (!flag->is_list()) return invalid("\"" + std::string(key) + "\" takes one value, not a list");
  for (const api::Value& element : value.GetArray()) {
    assignment.values.push_back(TRY(scalar_text(element).context(key)));
  }
  return assignment;
}

Result<std::vector<Assignment>> read_text(const std::vector<BoundFlag>& known,
                                          std::string_view text) {
  std::vector<Assignment> assignments;
  if (text.find_first_not_of(" \t\r\n") == text.npos) return assignments;
  std::vector<std::string> duplicates;
  const api::Json json = TRY(api::parse_yaml(text, &duplicates));
  if (!duplicates.empty()) return invalid("key \"" + duplicates.front() + "\" appears twice");
  if (json.root().IsNull()) return assignments;  // comments only
  if (!json.root().IsObject()) return invalid("wants a mapping of flags to values");
  for (const auto& member : json.root().GetObject()) {
    const std::string_view key(member.name.GetString(), member.name.GetStringLength());
    assignments.push_back(TRY(read_key(known, key, member.value)));
  }
  return assignments;
}

Result<> read_one(const std::vector<BoundFlag>& known, const std::string& path,
                  std::vector<Assignment>& into) {
  const std::string text = TRY(roles::read_file(path, kConfigBytesMax));
  for (Assignment& assignment : TRY(read_text(known, text).context(path))) {
    assignment.origin = path + ": " + assignment.name;
    into.push_back(std::move(assignment));
  }
  return {};
}

std::vector<std::string> drop_ins(const std::string& path) {
  std::vector<std::string> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path + ".d", error)) {
    const std::string extension = entry.path().extension();
    if (extension == ".yaml" || extension == ".yml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::vector<Assignment>> read_config(const ConfigSource& source,
                                            const std::vector<BoundFlag>& known) {
  std::vector<Assignment> assignments;
  std::error_code error;
  const bool exists = std::filesystem::exists(source.path, error);
  if (exists || source.required) TRY(read_one(known, source.path, assignments));

  const std::vector<std::string> files = drop_ins(source.path);
  if (files.size() > kDropInsMax) return invalid(source.path + ".d: more than 256 files");
  for (const std::string& file : files) TRY(read_one(known, file, assignments));
  return assignments;
}

}  // namespace kist::cli
