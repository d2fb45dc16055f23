// Validation errors in Kubernetes' words (apimachinery util/validation/field).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/api/json.h"
#include "kist/base/result.h"

namespace kist::api {

// A path like spec.containers[0].ports[name].
class FieldPath {
 public:
  FieldPath() = default;
  explicit FieldPath(std::string_view first) : text_(first) {}
  FieldPath child(std::string_view name) const;
  FieldPath index(size_t index) const;
  FieldPath key(std::string_view key) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Collects what is wrong. Each call words one error exactly as Kubernetes does:
//   required       "spec.x: Required value[: detail]"
//   invalid        "spec.x: Invalid value: \"v\": detail" (strings quoted, else as in JSON)
//   not_supported  "spec.x: Unsupported value: \"v\": supported values: \"A\", \"B\""
//   duplicate      "spec.x[1]: Duplicate value: \"v\""
//   not_found, forbidden ("spec.x: Forbidden: detail"), too_long ("Too long: may not be more than
//   N bytes"), too_many ("Too many: N: must have at most M items"), type_invalid, internal
class FieldErrors {
 public:
  void required(const FieldPath& path, std::string_view detail = {});
  void invalid(const FieldPath& path, std::string_view value, std::string_view detail);
  void invalid(const FieldPath& path, int64_t value, std::string_view detail);
  void invalid(const FieldPath& path, const Value& value, std::string_view detail);
  void not_supported(const FieldPath& path, std::string_view value,
                     const std::vector<std::string_view>& supported);
  void duplicate(const FieldPath& path, std::string_view value);
  void duplicate(const FieldPath& path, int64_t value);
  void duplicate(const FieldPath& path, const Value& value);
  void not_found(const FieldPath& path, std::string_view value);
  void forbidden(const FieldPath& path, std::string_view detail);
  void too_long(const FieldPath& path, size_t bytes_max);
  void too_many(const FieldPath& path, size_t count, size_t count_max);

  bool empty() const { return causes_.empty(); }
  std::vector<Cause> take() { return std::move(causes_); }
  // "a: Required value" for one, "[a: ..., b: ...]" for several.
  std::string message() const;

 private:
  void add(const char* reason, const FieldPath& path, std::string message);
  std::vector<Cause> causes_;
};

// Each returns the messages that are wrong with `text`, empty when it is right
// (apimachinery util/validation).
using Messages = std::vector<std::string>;
Messages check_dns1123_label(std::string_view text);
Messages check_dns1123_subdomain(std::string_view text);
Messages check_dns1035_label(std::string_view text);
Messages check_qualified_name(std::string_view text);
Messages check_label_value(std::string_view text);
Messages check_config_map_key(std::string_view text);
Messages check_env_var_name(std::string_view text);
Messages check_port_name(std::string_view text);
Messages check_port_number(int64_t port);
Messages check_ip(std::string_view text);
Messages check_path_segment(std::string_view text);

// metadata of any object: name by `name_check` (null: path segment), generateName, namespace,
// labels, annotations (262144 bytes), ownerReferences, finalizers; and what an update must not
// change.
using NameCheck = Messages (*)(std::string_view);
void validate_metadata(const Value& metadata, bool namespaced, NameCheck name_check,
                       const FieldPath& path, FieldErrors& errors);
void validate_metadata_update(const Value& next, const Value& old, const FieldPath& path,
                              FieldErrors& errors);
void validate_labels(const Value& labels, const FieldPath& path, FieldErrors& errors);
void validate_label_selector(const Value& selector, const FieldPath& path, FieldErrors& errors);

}  // namespace kist::api
