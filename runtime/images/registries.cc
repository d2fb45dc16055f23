#include "kist/runtime/registries.h"

#include <regex.h>

#include <algorithm>
#include <memory>

#include "kist/base/base64.h"
#include "kist/base/json.h"

namespace kist::runtime::images {
namespace {

using json::Value;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// Calls `each(name, value)` for the members of an object that may be missing.
template <typename Each>
Result<> members_of(const Value* object, const std::string& path, const Each& each) {
  if (object == nullptr || object->IsNull()) return {};
  if (!object->IsObject()) return invalid(path + ": not a mapping");
  for (const auto& member : object->GetObject()) {
    const std::string name(member.name.GetString(), member.name.GetStringLength());
    TRY(each(name, member.value));
  }
  return {};
}

Result<std::string> text(const Value& value, const std::string& path) {
  if (!value.IsString()) return invalid(path + ": not a text");
  return std::string(value.GetString(), value.GetStringLength());
}

Result<RegistryMirror> read_mirror(const Value& value, const std::string& path) {
  RegistryMirror mirror;
  auto read = [&](const std::string& name, const Value& member) -> Result<> {
    const std::string where = path + "." + name;
    if (name == "endpoint") {
      if (!member.IsArray()) return invalid(where + ": not a list");
      for (const Value& item : member.GetArray())
        mirror.endpoints.push_back(TRY(text(item, where)));
      return {};
    }
    if (name != "rewrite") return invalid(where + ": unknown field");
    return members_of(&member, where, [&](const std::string& pattern, const Value& to) -> Result<> {
      mirror.rewrites.emplace_back(pattern, TRY(text(to, where)));
      return {};
    });
  };
  TRY(members_of(&value, path, read));
  return mirror;
}

// "auth" is base64 of "user:password", as in docker's own file.
Result<> read_auth(const std::string& name, const std::string& value, RegistryAccess& access) {
  if (name == "username") {
    access.username = value;
  } else if (name == "password") {
    access.password = value;
  } else if (name == "identity_token" || name == "identitytoken") {
    access.identity_token = value;
  } else if (name == "auth") {
    const std::string pair = TRY(decode_base64(value));
    const size_t colon = pair.find(':');
    if (colon == pair.npos) return invalid("not base64 of user:password");
    access.username = pair.substr(0, colon);
    access.password = pair.substr(colon + 1);
  } else {
    return invalid("unknown field");
  }
  return {};
}

Result<> read_tls(const std::string& name, const Value& value, RegistryAccess& access) {
  if (name == "insecure_skip_verify") {
    if (!value.IsBool()) return invalid("neither true nor false");
    access.insecure_skip_verify = value.GetBool();
    return {};
  }
  std::string* const field = name == "ca_file"     ? &access.ca_file
                             : name == "cert_file" ? &access.cert_file
                             : name == "key_file"  ? &access.key_file
                                                   : nullptr;
  if (field == nullptr) return invalid("unknown field");
  *field = TRY(text(value, name));
  return {};
}

Result<RegistryAccess> read_access(const Value& value, const std::string& path) {
  RegistryAccess access;
  auto read = [&](const std::string& part, const Value& fields) -> Result<> {
    const std::string where = path + "." + part;
    if (part != "auth" && part != "tls") return invalid(where + ": unknown field");
    return members_of(&fields, where, [&](const std::string& name, const Value& field) -> Result<> {
      if (part == "tls") return read_tls(name, field, access).context(where + "." + name);
      const std::string word = TRY(text(field, where + "." + name));
      return read_auth(name, word, access).context(where + "." + name);
    });
  };
  TRY(members_of(&value, path, read));
  return access;
}

struct FreePattern {
  void operator()(regex_t* pattern) const { ::regfree(pattern); }
};

// The first rewrite that fits, with "$1" and "${1}" of Go's regexp.
Result<std::string> rewrite(const RegistryMirror& mirror, const std::string& repository) {
  constexpr size_t kGroupsMax = 10;
  for (const auto& [pattern, replacement] : mirror.rewrites) {
    regex_t compiled;
    if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED) != 0)
      return invalid("rewrite \"" + pattern + "\": not a pattern");
    const std::unique_ptr<regex_t, FreePattern> owner(&compiled);
    regmatch_t groups[kGroupsMax];
    if (::regexec(&compiled, repository.c_str(), kGroupsMax, groups, 0) != 0) continue;
    std::string result = repository.substr(0, static_cast<size_t>(groups[0].rm_so));
    for (size_t i = 0; i < replacement.size(); ++i) {
      const bool braces = replacement[i] == '$' && i + 3 < replacement.size() &&
                          replacement[i + 1] == '{' && replacement[i + 3] == '}';
      const size_t digit = braces ? i + 2 : i + 1;
      if (replacement[i] != '$' || digit >= replacement.size() || replacement[digit] < '0' ||
          replacement[digit] > '9') {
        result += replacement[i];
        continue;
      }
      const regmatch_t& group = groups[replacement[digit] - '0'];
      if (group.rm_so >= 0)
        result += repository.substr(static_cast<size_t>(group.rm_so),
                                    static_cast<size_t>(group.rm_eo - group.rm_so));
      i = braces ? i + 3 : i + 1;
    }
    return result + repository.substr(static_cast<size_t>(groups[0].rm_eo));
  }
  return repository;
}

bool is_loopback(std::string_view host) {
  const std::string_view name =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return name == "localhost" || name == "[::1]" || name.starts_with("127.");
}

Result<RegistryEndpoint> endpoint_of_url(std::string url) {
  if (url.find("://") == url.npos) url.insert(0, "https://");
  if (!url.starts_with("https://") && !url.starts_with("http://"))
    return invalid("endpoint \"" + url + "\": neither http nor https");
  while (url.ends_with('/')) url.pop_back();
  RegistryEndpoint endpoint;
  const size_t begin = url.find("://") + 3;
  const size_t slash = url.find('/', begin);
  endpoint.host = url.substr(begin, slash == url.npos ? slash : slash - begin);
  if (endpoint.host.empty() || endpoint.host.find('@') != std::string::npos)
    return invalid("endpoint \"" + url + "\": no host, or one with credentials");
  endpoint.url = slash == url.npos ? url + "/v2" : url;  // a path is taken as it stands, as in k3s
  return endpoint;
}

}  // namespace

Result<Registries> parse_registries(std::string_view json_text) {
  Result<json::Json> parsed = json::parse_json(json_text);
  if (!parsed.ok()) return invalid("registries: " + parsed.error().message);
  Registries registries;
  auto read = [&](const std::string& part, const Value& value) -> Result<> {
    if (part != "mirrors" && part != "configs") return invalid(part + ": unknown field");
    return members_of(&value, part, [&](const std::string& name, const Value& member) -> Result<> {
      const std::string where = part + "." + name;
      if (part == "mirrors") {
        registries.mirrors[name] = TRY(read_mirror(member, where));
      } else {
        registries.configs[name] = TRY(read_access(member, where));
      }
      return {};
    });
  };
  TRY(members_of(&parsed.value().root(), "registries", read));
  return registries;
}

Result<std::vector<RegistryEndpoint>> endpoints_of(const Registries& registries,
                                                   std::string_view registry,
                                                   std::string_view repository) {
  std::vector<RegistryEndpoint> endpoints;
  auto mirror = registries.mirrors.find(std::string(registry));
  if (mirror == registries.mirrors.end()) mirror = registries.mirrors.find("*");
  if (mirror != registries.mirrors.end()) {
    for (const std::string& url : mirror->second.endpoints) {
      RegistryEndpoint endpoint = TRY(endpoint_of_url(url));
      endpoint.repository = TRY(rewrite(mirror->second, std::string(repository)));
      if (endpoint.host != registry) endpoint.ns = registry;
      endpoints.push_back(std::move(endpoint));
    }
  }
  const std::string host = registry == "docker.io" ? "registry-1.docker.io" : std::string(registry);
  const std::string scheme = is_loopback(host) ? "http://" : "https://";
  const bool named =
      std::ranges::any_of(endpoints, [&](const auto& each) { return each.host == host; });
  if (!named) endpoints.push_back({scheme + host + "/v2", host, std::string(repository), ""});
  return endpoints;
}

}  // namespace kist::runtime::images
