// What the API server knows of a resource beyond its type: one row each, in resources.cc.
//
// Strategy functions are pure: they see values and nothing else, so each rule is a row of a table
// test. A null function has nothing to do. They (and printers) see the stored form. Sources:
// pkg/registry/*/strategy.go of Kubernetes for what happens when, not for code.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/field_errors.h"
#include "kist/api/json.h"
#include "kist/api/schema.h"

namespace kist::apiserver {

struct Strategy {
  // Fills defaults that the schema cannot declare (conditional ones), on what clients sent.
  void (*set_defaults)(api::Value& object, api::Allocator&) = nullptr;
  // Before a create is validated: reset status and what only the server sets.
  void (*prepare_create)(api::Value& object, api::Allocator&) = nullptr;
  // Before an update is validated: keep what clients may not change. `status` is kept by the
  // registry.
  void (*prepare_update)(api::Value& next, const api::Value& old, api::Allocator&) = nullptr;
  void (*prepare_status_update)(api::Value& next, const api::Value& old, api::Allocator&) = nullptr;
  void (*validate)(const api::Value& object, api::FieldErrors&) = nullptr;
  void (*validate_update)(const api::Value& next, const api::Value& old,
                          api::FieldErrors&) = nullptr;
  void (*validate_status_update)(const api::Value& next, const api::Value& old,
                                 api::FieldErrors&) = nullptr;
  // Writes through any other subresource that shows the same object ("ephemeralcontainers",
  // "finalize"): what it may change is taken from `next`, all else from `old`.
  void (*prepare_subresource_update)(std::string_view subresource, api::Value& next,
                                     const api::Value& old, api::Allocator&) = nullptr;
  void (*validate_subresource_update)(std::string_view subresource, const api::Value& next,
                                      const api::Value& old, api::FieldErrors&) = nullptr;
  // Warning headers about what a client sent (deprecated fields, insecure choices). `old` may be
  // null.
  void (*warnings)(const api::Value& next, const api::Value* old,
                   std::vector<std::string>& out) = nullptr;
  api::NameCheck name_check = nullptr;  // null: any path segment

  bool generation = false;           // metadata.generation counts changes of spec
  bool unconditional_update = true;  // PUT without resourceVersion is allowed
  bool create_on_update = false;     // PUT of what is missing creates it
  bool graceful_delete = false;      // Pods: deletionGracePeriodSeconds
};

enum class ColumnType : uint8_t { kString, kInteger, kNumber, kBoolean, kDate };

// A column of `kubectl get`. Cells come from print(), in the order of the columns.
struct Column {
  std::string_view name;
  std::string_view type;    // "string", "integer", "date"
  std::string_view format;  // "name" for the first
  int priority = 0;         // 1: only with -o wide
  std::string_view doc;
};

struct Printer {
  std::span<const Column> columns;
  // Appends one cell per column to the array `cells`. `now` is in Unix seconds.
  void (*print)(const api::Value& object, int64_t now, api::Value& cells,
                api::Allocator&) = nullptr;
  // Row conditions (Pods: Completed); may be null.
  void (*conditions)(const api::Value& object, api::Value& out, api::Allocator&) = nullptr;
};

enum class Lifetime : uint8_t { kDurable, kLazy };

// A selectable field whose stored form is not a text at the dotted path of its name.
struct FieldSource {
  std::string_view field;        // as clients write it: "regarding.kind"
  std::string_view path;         // in the stored object: "involvedObject.kind"
  std::string_view absent = {};  // what counts where the path is missing: "false", "0"
};

// What a subresource takes and answers, as discovery tells it.
struct Subresource {
  std::string_view name;                  // "scale"
  std::string_view group, version, kind;  // "autoscaling", "v1", "Scale"
  std::span<const std::string_view> verbs;
  const Strategy* strategy = nullptr;  // of that kind where it is another one (Scale); may be null
  bool by_node = false;                // the Pod's node answers: no object goes in or out
};

// One served group/version/resource. Several rows may share a storage (events in "" and in
// events.k8s.io): then `storage_group` and `convert_*` say how.
struct Resource {
  std::string_view group, version, plural, singular, kind;
  bool namespaced = true;
  std::span<const std::string_view> short_names = {};
  std::span<const std::string_view> categories = {};
  std::span<const std::string_view> subresources = {};  // "status", "scale", "binding", ...
  std::span<const std::string_view> verbs = {};         // in discovery's order (alphabetical)
  // Field selectors beyond metadata.name and metadata.namespace, as dotted paths.
  std::span<const std::string_view> selectable_fields = {};
  std::span<const FieldSource> field_sources = {};  // for those of them that need one
  const Strategy* strategy = nullptr;               // may be null
  const Printer* printer = nullptr;                 // null: kinds that are never stored
  Lifetime lifetime = Lifetime::kDurable;
  // The Warning that every answer carries, in apiserver's words; empty: not deprecated.
  std::string_view deprecation = {};

  // The stored form, where it is another version's: group and version of that row.
  std::string_view storage_group = {}, storage_version = {};  // empty version: this row's own
  void (*to_storage)(api::Value& object, api::Allocator&) = nullptr;
  void (*from_storage)(api::Value& object, api::Allocator&) = nullptr;
};

std::span<const Resource> all_resources();
const Resource* find_resource(std::string_view group, std::string_view version,
                              std::string_view plural);

// `subresource` must be one of resource.subresources.
Subresource describe_subresource(const Resource& resource, std::string_view subresource);

}  // namespace kist::apiserver
