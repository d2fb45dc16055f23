// ConfigMaps and Secrets: keys, sizes, and what `immutable` means.
#include <string>

#include "kist/base/base64.h"
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

constexpr size_t kBytesMax = 1 << 20;  // of all values together

// Base64 text of n bytes has this many bytes inside.
size_t decoded_size(std::string_view base64) {
  size_t padding = 0;
  while (padding < base64.size() && base64[base64.size() - 1 - padding] == '=') ++padding;
  return base64.size() / 4 * 3 - std::min<size_t>(padding, 2);
}

void check_key(std::string_view key, const FieldPath& path, FieldErrors& errors) {
  add_messages(errors, path.key(key), key, api::check_config_map_key(key));
}

void validate_config_map(const Value& object, FieldErrors& errors) {
  size_t total = 0;
  FieldPath binary("binaryData"), data("data");
  each_member(object, "data", [&](std::string_view key, const Value& value) {
    check_key(key, data, errors);
    if (has(at(object, "binaryData"), key)) {
      errors.invalid(data.key(key), key, "duplicate of key present in binaryData");
    }
    total += view(value).size();
  });
  each_member(object, "binaryData", [&](std::string_view key, const Value& value) {
    check_key(key, binary, errors);
    total += decoded_size(view(value));
  });
  if (total > kBytesMax) errors.too_long(FieldPath(), kBytesMax);
}

void check_frozen(const Value& next, const Value& old, std::initializer_list<const char*> members,
                  FieldErrors& errors) {
  if (!api::bool_of(old, "immutable")) return;
  constexpr std::string_view kDetail = "field is immutable when `immutable` is set";
  if (!api::bool_of(next, "immutable")) errors.forbidden(FieldPath("immutable"), kDetail);
  for (const char* member : members) {
    if (!same(at(next, member), at(old, member))) errors.forbidden(FieldPath(member), kDetail);
  }
}

void validate_config_map_update(const Value& next, const Value& old, FieldErrors& errors) {
  check_frozen(next, old, {"data", "binaryData"}, errors);
  validate_config_map(next, errors);
}

// stringData is a write-only convenience: it ends up in data and is never stored.
void secret_defaults(Value& secret, Allocator& allocator) {
  default_text(secret, "type", "Opaque", allocator);
  if (has(secret, "stringData")) {
    Value& data = api::child(secret, "data", allocator);
    each_member(std::as_const(secret), "stringData", [&](std::string_view key, const Value& text) {
      std::string encoded = encode_base64(view(text));
      api::set(data, key, std::string_view(encoded), allocator);
    });
  }
  api::remove(secret, "stringData");
}

struct SecretKeys {
  std::string_view type;
  std::vector<std::string_view> keys;
};

const std::vector<SecretKeys>& required_keys() {
  static const std::vector<SecretKeys> kTable = {
      {"kubernetes.io/dockercfg", {".dockercfg"}},
      {"kubernetes.io/dockerconfigjson", {".dockerconfigjson"}},
      {"kubernetes.io/ssh-auth", {"ssh-privatekey"}},
      {"kubernetes.io/tls", {"tls.crt", "tls.key"}},
  };
  return kTable;
}

void validate_secret_type(const Value& secret, FieldErrors& errors) {
  FieldPath data("data");
  std::string_view type = api::text_of(secret, "type");
  for (const SecretKeys& rule : required_keys()) {
    if (rule.type != type) continue;
    for (std::string_view key : rule.keys) {
      if (!has(at(secret, "data"), key)) errors.required(data.key(key));
    }
  }
  if (type == "kubernetes.io/basic-auth" && !has(at(secret, "data"), "username") &&
      !has(at(secret, "data"), "password")) {
    errors.required(data.key("username"));
    errors.required(data.key("password"));
  }
  if (type == "kubernetes.io/service-account-token" &&
      api::text_of(at(secret, "metadata", "annotations"), "kubernetes.io/service-account.name")
          .empty()) {
    errors.required(
        FieldPath("metadata").child("annotations").key("kubernetes.io/service-account.name"));
  }
}

void validate_secret(const Value& secret, FieldErrors& errors) {
  size_t total = 0;
  FieldPath data("data");
  each_member(secret, "data", [&](std::string_view key, const Value& value) {
    check_key(key, data, errors);
    total += decoded_size(view(value));
  });
  if (total > kBytesMax) errors.too_long(data, kBytesMax);
  validate_secret_type(secret, errors);
}

void secret_prepare_update(Value& next, const Value& old, Allocator& allocator) {
  // The default would otherwise refuse a PUT that leaves the type of a typed secret out.
  if (api::text_of(next, "type").empty()) keep_member(next, old, "type", allocator);
}

void validate_secret_update(const Value& next, const Value& old, FieldErrors& errors) {
  check_immutable(errors, FieldPath("type"), at(next, "type"), at(old, "type"));
  check_frozen(next, old, {"data"}, errors);
  validate_secret(next, errors);
}

void warn_secret(const Value& secret, const Value* old, std::vector<std::string>& out) {
  if (api::text_of(secret, "type") == "kubernetes.io/tls" && old == nullptr &&
      (api::text_of(at(secret, "data"), "tls.crt").empty() !=
       api::text_of(at(secret, "data"), "tls.key").empty())) {
    out.push_back("tls: failed to find any PEM data in certificate input");
  }
}

}  // namespace

const Strategy kConfigMapStrategy = {
    .validate = validate_config_map,
    .validate_update = validate_config_map_update,
    .name_check = api::check_dns1123_subdomain,
};

const Strategy kSecretStrategy = {
    .set_defaults = secret_defaults,
    .prepare_update = secret_prepare_update,
    .validate = validate_secret,
    .validate_update = validate_secret_update,
    .warnings = warn_secret,
    .name_check = api::check_dns1123_subdomain,
};

}  // namespace kist::apiserver
