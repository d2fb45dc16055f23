// Types as OpenAPI schemas, with the extensions by which clients merge and apply.
#include "src/apiserver/openapi/schemas.h"

#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kTime = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
constexpr std::string_view kMicroTime = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
constexpr std::string_view kQuantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
constexpr std::string_view kIntOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

void member(std::string& out, std::string_view name, std::string_view json) {
  if (out.size() > 1) out += ',';
  append_json_string(out, name);
  out += ':';
  out += json;
}

std::string_view scalar_schema(api::Scalar scalar) {
  switch (scalar) {
    case api::Scalar::kBool: return R"("type":"boolean")";
    case api::Scalar::kInt32: return R"("type":"integer","format":"int32")";
    case api::Scalar::kInt64: return R"("type":"integer","format":"int64")";
    case api::Scalar::kFloat64: return R"("type":"number","format":"double")";
    case api::Scalar::kBytes: return R"("type":"string","format":"byte")";
    case api::Scalar::kAny: return R"("type":"object")";
    default: return R"("type":"string")";
  }
}

std::string_view zero_value(api::Scalar scalar) {
  switch (scalar) {
    case api::Scalar::kString: return "\"\"";
    case api::Scalar::kBool: return "false";
    case api::Scalar::kInt32:
    case api::Scalar::kInt64:
    case api::Scalar::kFloat64: return "0";
    default: return {};
  }
}

std::string group_version_kinds(const api::Type& type) {
  std::string out;
  for (const api::Kind& kind : api::all_kinds()) {
    if (kind.type != &type) continue;
    out += out.empty() ? "[" : ",";
    out += "{\"group\":" + json_string(kind.group) + ",\"kind\":" + json_string(kind.kind) +
           ",\"version\":" + json_string(kind.version) + "}";
  }
  return out.empty() ? out : out + "]";
}

void merge_extensions(const api::Field& field, std::string& out) {
  const bool merge = field.has(api::kPatchMerge), retain = field.has(api::kPatchReplaceKeys);
  if (merge || retain) {
    member(out, "x-kubernetes-patch-strategy",
           merge && retain ? "\"merge,retainKeys\""
           : merge         ? "\"merge\""
                           : "\"retainKeys\"");
  }
  if (!field.merge_key.empty()) {
    member(out, "x-kubernetes-patch-merge-key", json_string(field.merge_key));
  }
  if (field.shape == api::Shape::kList) {
    if (field.list_type == api::ListType::kSet) member(out, "x-kubernetes-list-type", "\"set\"");
    if (field.list_type == api::ListType::kMap) member(out, "x-kubernetes-list-type", "\"map\"");
    if (field.list_type == api::ListType::kAtomic) {
      member(out, "x-kubernetes-list-type", "\"atomic\"");
    }
  }
  if (!field.map_keys.empty()) {
    std::string keys = "[";
    for (std::string_view key : field.map_keys) {
      if (keys.size() > 1) keys += ',';
      keys += json_string(key);
    }
    member(out, "x-kubernetes-list-map-keys", keys + "]");
  }
  if (field.has(api::kMapAtomic)) member(out, "x-kubernetes-map-type", "\"atomic\"");
}

}  // namespace

std::string SchemaWriter::reference(std::string_view name, bool empty_default) const {
  if (version_ == OpenApiVersion::kV2) {
    return "\"$ref\":" + json_string("#/definitions/" + std::string(name));
  }
  // v3: members beside $ref are ignored, so a reference with siblings stands in allOf.
  const std::string ref =
      "{\"$ref\":" + json_string("#/components/schemas/" + std::string(name)) + "}";
  return "\"allOf\":[" + ref + "]" + (empty_default ? ",\"default\":{}" : "");
}

std::string SchemaWriter::element(const api::Field& field, bool nested) {
  const bool v2 = version_ == OpenApiVersion::kV2;
  switch (field.scalar) {
    case api::Scalar::kStruct:
      add(*field.type);
      return reference(field.type->name, !v2 && (nested || !field.has(api::kPointer)));
    case api::Scalar::kTime:
      add_special(kTime, R"("type":"string","format":"date-time")");
      return reference(kTime, false);
    case api::Scalar::kMicroTime:
      add_special(kMicroTime, R"("type":"string","format":"date-time")");
      return reference(kMicroTime, false);
    case api::Scalar::kQuantity:
      add_special(kQuantity,
                  v2 ? R"("type":"string")" : R"("oneOf":[{"type":"string"},{"type":"number"}])");
      return reference(kQuantity, false);
    case api::Scalar::kIntOrString:
      add_special(
          kIntOrString,
          v2 ? R"("type":"string","format":"int-or-string")"
             : R"("format":"int-or-string","oneOf":[{"type":"integer"},{"type":"string"}])");
      return reference(kIntOrString, false);
    default: break;
  }
  std::string out(scalar_schema(field.scalar));
  if (!v2 && nested && !zero_value(field.scalar).empty()) {
    out += ",\"default\":" + std::string(zero_value(field.scalar));
  }
  return out;
}

std::string SchemaWriter::shaped(const api::Field& field, api::Shape shape, bool nested) {
  switch (shape) {
    case api::Shape::kSingle: return element(field, nested);
    case api::Shape::kList:
      return "\"type\":\"array\",\"items\":{" + shaped(field, api::Shape::kSingle, true) + "}";
    case api::Shape::kMap:
      return "\"type\":\"object\",\"additionalProperties\":{" +
             shaped(field, api::Shape::kSingle, true) + "}";
    case api::Shape::kListOfLists:
      return "\"type\":\"array\",\"items\":{" + shaped(field, api::Shape::kList, true) + "}";
    case api::Shape::kMapOfLists:
      return "\"type\":\"object\",\"additionalProperties\":{" +
             shaped(field, api::Shape::kList, true) + "}";
  }
  return {};
}

std::string SchemaWriter::field_schema(const api::Field& field) {
  std::string out = "{" + shaped(field, field.shape, false);
  if (!field.doc.empty()) member(out, "description", json_string(field.doc));
  if (!field.default_json.empty()) {
    member(out, "default", field.default_json);
  } else if (version_ == OpenApiVersion::kV3 && field.shape == api::Shape::kSingle &&
             !field.has(api::kPointer) && !field.has(api::kOmitEmpty) &&
             !zero_value(field.scalar).empty()) {
    member(out, "default", zero_value(field.scalar));
  }
  if (!field.enum_values.empty()) {
    std::string values = "[";
    for (std::string_view value : field.enum_values) {
      if (values.size() > 1) values += ',';
      values += json_string(value);
    }
    member(out, "enum", values + "]");
  }
  merge_extensions(field, out);
  return out + "}";
}

std::string SchemaWriter::type_schema(const api::Type& type) {
  std::string properties = "{", required = "[";
  for (const api::Field* field : type.members) {
    member(properties, field->name, field_schema(*field));
    if (!field->has(api::kRequired)) continue;
    if (required.size() > 1) required += ',';
    append_json_string(required, field->name);
  }
  std::string out = "{";
  member(out, "type", "\"object\"");
  if (!type.doc.empty()) member(out, "description", json_string(type.doc));
  if (required.size() > 1) member(out, "required", required + "]");
  if (!type.members.empty()) member(out, "properties", properties + "}");
  const std::string kinds = group_version_kinds(type);
  if (!kinds.empty()) member(out, "x-kubernetes-group-version-kind", kinds);
  return out + "}";
}

void SchemaWriter::add_special(std::string_view name, std::string_view schema) {
  if (!done_.insert(name).second) return;
  if (!out_.empty()) out_ += ',';
  append_json_string(out_, name);
  out_ += ":{";
  out_ += schema;
  out_ += '}';
}

void SchemaWriter::add(const api::Type& type) {
  if (!done_.insert(type.name).second) return;  // also what ends the recursion of recursive types
  const std::string schema = type_schema(type);
  if (!out_.empty()) out_ += ',';
  append_json_string(out_, type.name);
  out_ += ':';
  out_ += schema;
}

}  // namespace kist::apiserver
