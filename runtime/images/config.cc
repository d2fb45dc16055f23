// Image configs of docker and OCI: the same fields, the same names.
#include <sys/utsname.h>

#include "kist/base/json.h"
#include "kist/runtime/image_config.h"
#include "kist/runtime/image_reference.h"

namespace kist::runtime::images {
namespace {

using json::Value;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// A member that may be missing or null.
const Value* member(const Value& object, const char* name) {
  const Value* value = json::find(object, name);
  return value == nullptr || value->IsNull() ? nullptr : value;
}

Result<std::string> text_member(const Value& object, const char* name, std::string_view path) {
  const Value* value = member(object, name);
  if (value == nullptr) return std::string();
  if (!value->IsString()) return invalid(std::string(path) + name + ": not a string");
  std::string text(value->GetString(), value->GetStringLength());
  if (text.find('\0') != text.npos) return invalid(std::string(path) + name + ": a NUL byte");
  return text;
}

Result<std::vector<std::string>> text_list(const Value& object, const char* name,
                                           std::string_view path) {
  std::vector<std::string> list;
  const Value* value = member(object, name);
  if (value == nullptr) return list;
  const std::string where = std::string(path) + name;
  if (!value->IsArray()) return invalid(where + ": not a list");
  for (const Value& item : value->GetArray()) {
    if (!item.IsString()) return invalid(where + ": not a list of strings");
    list.emplace_back(item.GetString(), item.GetStringLength());
    if (list.back().find('\0') != std::string::npos) return invalid(where + ": a NUL byte");
  }
  return list;
}

// Sets are objects whose values say nothing: {"/data": {}}.
Result<std::vector<std::string>> key_list(const Value& object, const char* name,
                                          std::string_view path) {
  std::vector<std::string> keys;
  const Value* value = member(object, name);
  if (value == nullptr) return keys;
  if (!value->IsObject()) return invalid(std::string(path) + name + ": not an object");
  for (const auto& each : value->GetObject())
    keys.emplace_back(each.name.GetString(), each.name.GetStringLength());
  return keys;
}

Result<> read_process(const Value& config, ImageConfig& image) {
  constexpr std::string_view kPath = "config.";
  if (!config.IsObject()) return invalid("config: not an object");
  image.entrypoint = TRY(text_list(config, "Entrypoint", kPath));
  image.command = TRY(text_list(config, "Cmd", kPath));
  image.environment = TRY(text_list(config, "Env", kPath));
  for (const std::string& variable : image.environment)
    if (variable.empty() || variable[0] == '=')
      return invalid("config.Env: a variable without a name");
  image.user = TRY(text_member(config, "User", kPath));
  image.working_dir = TRY(text_member(config, "WorkingDir", kPath));
  // Some builders write it without a slash; docker takes it from the root.
  if (!image.working_dir.empty() && image.working_dir[0] != '/') image.working_dir.insert(0, "/");
  image.volumes = TRY(key_list(config, "Volumes", kPath));
  image.exposed_ports = TRY(key_list(config, "ExposedPorts", kPath));
  image.stop_signal = TRY(text_member(config, "StopSignal", kPath));
  if (const Value* labels = member(config, "Labels")) {
    if (!labels->IsObject()) return invalid("config.Labels: not an object");
    for (const auto& label : labels->GetObject()) {
      if (!label.value.IsString()) return invalid("config.Labels: a value that is no string");
      image.labels.emplace(label.name.GetString(), label.value.GetString());
    }
  }
  return {};
}

}  // namespace

Result<ImageConfig> parse_image_config(std::string_view text) {
  json::ParseLimits limits;
  limits.bytes_max = size_t{8} << 20;
  Result<json::Json> parsed = json::parse_json(text, nullptr, limits);
  if (!parsed.ok()) return invalid("image config: " + parsed.error().message);
  const Value& root = parsed.value().root();
  if (!root.IsObject()) return invalid("image config: not an object");

  auto read = [&]() -> Result<ImageConfig> {
    ImageConfig image;
    image.platform.os = TRY(text_member(root, "os", ""));
    image.platform.architecture = TRY(text_member(root, "architecture", ""));
    image.platform.variant = TRY(text_member(root, "variant", ""));
    image.created = TRY(text_member(root, "created", ""));
    if (const Value* config = member(root, "config")) TRY(read_process(*config, image));
    const Value* rootfs = member(root, "rootfs");
    if (rootfs == nullptr || !rootfs->IsObject()) return invalid("rootfs: missing");
    if (const std::string type = TRY(text_member(*rootfs, "type", "rootfs.")); type != "layers")
      return invalid("rootfs.type: \"" + type + "\", not \"layers\"");
    image.diff_ids = TRY(text_list(*rootfs, "diff_ids", "rootfs."));
    for (const std::string& digest : image.diff_ids)
      TRY(check_digest(digest).context("rootfs.diff_ids"));
    return image;
  };
  return read().context("image config");
}

Platform host_platform() {
  struct Name {
    std::string_view machine;
    const char* architecture;
    const char* variant;
  };
  constexpr Name kNames[] = {{"x86_64", "amd64", ""},    {"aarch64", "arm64", "v8"},
                             {"armv7l", "arm", "v7"},    {"armv6l", "arm", "v6"},
                             {"i686", "386", ""},        {"riscv64", "riscv64", ""},
                             {"ppc64le", "ppc64le", ""}, {"s390x", "s390x", ""}};
  utsname system{};
  ::uname(&system);
  for (const Name& name : kNames)
    if (name.machine == system.machine) return {"linux", name.architecture, name.variant};
  return {"linux", system.machine, ""};
}

std::string platform_text(const Platform& platform) {
  return platform.os + "/" + platform.architecture +
         (platform.variant.empty() ? "" : "/" + platform.variant);
}

Result<Platform> parse_platform(std::string_view text) {
  const size_t first = text.find('/');
  if (first == text.npos || first == 0 || first + 1 == text.size())
    return invalid("platform \"" + std::string(text) + "\": not OS/ARCHITECTURE[/VARIANT]");
  const size_t second = text.find('/', first + 1);
  Platform platform;
  platform.os = text.substr(0, first);
  platform.architecture = text.substr(first + 1, second == text.npos ? second : second - first - 1);
  if (second != text.npos) platform.variant = text.substr(second + 1);
  if (platform.variant.find('/') != std::string::npos || platform.architecture.empty())
    return invalid("platform \"" + std::string(text) + "\": not OS/ARCHITECTURE[/VARIANT]");
  return platform;
}

}  // namespace kist::runtime::images
