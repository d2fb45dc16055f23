// The API as data: what every type of Kubernetes looks like.
//
// Constant tables, generated at build time from src/api/schema/*.json into read-only pages.
// Decoding, encoding, defaulting, validation, patching, OpenAPI and discovery are loops over them;
// a custom resource brings a table of the same form at run time. Facts: shared/api of the founders.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace kist::api {

enum class Scalar : uint8_t {
  kString,
  kBool,
  kInt32,
  kInt64,
  kFloat64,
  kBytes,
  kTime,
  kMicroTime,
  kDuration,
  kQuantity,
  kIntOrString,
  kAny,     // any JSON: runtime.RawExtension, apiextensions JSON, FieldsV1
  kStruct,  // see Field::type
};

enum class Shape : uint8_t { kSingle, kList, kMap, kListOfLists, kMapOfLists };  // element: Scalar

enum class ListType : uint8_t { kAtomic, kSet, kMap };

enum FieldFlags : uint16_t {
  kPointer = 1,            // absent and zero differ
  kOmitEmpty = 2,          // left out of JSON when empty
  kRequired = 4,           // in OpenAPI's `required`
  kPatchMerge = 8,         // patchStrategy merge
  kPatchReplaceKeys = 16,  // patchStrategy retainKeys
  kMapAtomic = 32,         // mapType or structType atomic
  kInline = 64,            // its members stand at this level in JSON; name is empty
  kDeprecated = 128,
  kNullable = 256,
  kListMessage = 512,  // in protobuf the list is a message of its own with `items` = 1
};

struct Type;

struct Field {
  std::string_view name;  // JSON name
  Scalar scalar = Scalar::kString;
  Shape shape = Shape::kSingle;
  ListType list_type = ListType::kAtomic;
  uint16_t flags = 0;
  uint16_t number = 0;                              // protobuf; 0: not in protobuf
  const Type* type = nullptr;                       // kStruct
  std::string_view go_type = {};                    // "[]v1.Container": as Go's decoder says
  std::string_view merge_key = {};                  // strategic merge patch
  std::span<const std::string_view> map_keys = {};  // ListType::kMap
  std::string_view default_json = {};               // declared default, as JSON text; empty: none
  std::span<const std::string_view> enum_values = {};  // closed set; empty: any
  std::string_view doc = {};                           // our own short words for `kubectl explain`

  bool has(FieldFlags flag) const { return (flags & flag) != 0; }
};

struct Type {
  std::string_view name;     // "io.k8s.api.core.v1.PodSpec": the OpenAPI definition name
  std::string_view go_name;  // "v1.PodSpec": as Go's decoder says in its errors
  std::string_view doc = {};
  // As declared, inline structs as one field: what protobuf sees.
  std::span<const Field> fields = {};
  // What JSON sees: inline structs replaced by their members, in Go's source order, which is the
  // order of JSON output.
  std::span<const Field* const> members = {};
  std::span<const uint16_t> by_name = {};    // indices into members, sorted by name
  std::span<const uint16_t> by_number = {};  // indices into fields that have a number, ascending
  bool protobuf = true;                      // false: has no protobuf form (meta/v1 Table)

  const Field* find(std::string_view member) const;  // among members; may be null
  int find_index(std::string_view member) const;     // index into members, -1: none
  const Field* find_number(uint32_t number) const;   // may be null
};

// A type with apiVersion and kind.
struct Kind {
  std::string_view group, version, kind;
  const Type* type = nullptr;
  const Kind* list = nullptr;  // null for lists and for kinds that have none
};

std::span<const Kind> all_kinds();
std::span<const Type* const> all_types();
const Kind* find_kind(std::string_view group, std::string_view version, std::string_view kind);
const Type* find_type(std::string_view openapi_name);

}  // namespace kist::api
