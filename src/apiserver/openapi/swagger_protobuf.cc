// Swagger 2.0 as protobuf, by the field numbers of gnostic's OpenAPIv2.proto. Members that our own
// documents never have are not known here.
#include "kist/api/json.h"
#include "src/apiserver/openapi/openapi.h"

namespace kist::apiserver {
namespace {

using api::Value;

void varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

void bytes(std::string& out, uint32_t number, std::string_view text) {
  varint(out, number << 3 | 2);
  varint(out, text.size());
  out += text;
}

void boolean(std::string& out, uint32_t number, bool value) {
  if (!value) return;  // proto3 leaves zeros out
  varint(out, number << 3);
  varint(out, 1);
}

std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

void text_member(std::string& out, uint32_t number, const Value& object, std::string_view name) {
  const std::string_view text = api::text_of(object, name);
  if (!text.empty()) bytes(out, number, text);
}

std::string named(std::string_view name, const std::string& value) {
  std::string out;
  bytes(out, 1, name);
  bytes(out, 2, value);
  return out;
}

// Any: its YAML, of which JSON is a part.
std::string any(const Value& value) {
  std::string out;
  bytes(out, 2, api::to_text(value) + "\n");
  return out;
}

void extensions(std::string& out, uint32_t number, const Value& object) {
  for (const auto& member : object.GetObject()) {
    if (!view(member.name).starts_with("x-")) continue;
    bytes(out, number, named(view(member.name), any(member.value)));
  }
}

std::string schema(const Value& object);

std::string schemas_by_name(const Value& object) {
  std::string out;
  for (const auto& member : object.GetObject()) {
    bytes(out, 1, named(view(member.name), schema(member.value)));
  }
  return out;
}

std::string schema(const Value& object) {
  std::string out;
  text_member(out, 1, object, "$ref");
  text_member(out, 2, object, "format");
  text_member(out, 4, object, "description");
  if (const Value* value = api::find(object, "default")) bytes(out, 5, any(*value));
  if (const Value* required = api::find(object, "required")) {
    for (const Value& name : required->GetArray()) bytes(out, 19, view(name));
  }
  if (const Value* values = api::find(object, "enum")) {
    for (const Value& value : values->GetArray()) bytes(out, 20, any(value));
  }
  if (const Value* additional = api::find(object, "additionalProperties")) {
    std::string item;
    bytes(item, 1, schema(*additional));
    bytes(out, 21, item);
  }
  const std::string_view type = api::text_of(object, "type");
  if (!type.empty()) {
    std::string item;
    bytes(item, 1, type);
    bytes(out, 22, item);
  }
  if (const Value* items = api::find(object, "items")) {
    std::string item;
    bytes(item, 1, schema(*items));
    bytes(out, 23, item);
  }
  if (const Value* properties = api::find(object, "properties")) {
    bytes(out, 25, schemas_by_name(*properties));
  }
  extensions(out, 31, object);
  return out;
}

std::string body_parameter(const Value& object) {
  std::string out;
  text_member(out, 2, object, "name");
  text_member(out, 3, object, "in");
  boolean(out, 4, api::bool_of(object, "required"));
  if (const Value* found = api::find(object, "schema")) {
    bytes(out, 5, schema(*found));
  }
  return out;
}

// Query and path parameters are alike but for the number of `type`.
std::string plain_parameter(const Value& object, bool query) {
  std::string out;
  boolean(out, 1, api::bool_of(object, "required"));
  text_member(out, 2, object, "in");
  text_member(out, 4, object, "name");
  text_member(out, query ? 6 : 5, object, "type");
  return out;
}

std::string parameters_item(const Value& object) {
  const std::string_view in = api::text_of(object, "in");
  std::string parameter;
  if (in == "body") {
    bytes(parameter, 1, body_parameter(object));
  } else {
    std::string non_body;
    bytes(non_body, in == "query" ? 3 : 4, plain_parameter(object, in == "query"));
    bytes(parameter, 2, non_body);
  }
  std::string item;
  bytes(item, 1, parameter);
  return item;
}

void parameters(std::string& out, uint32_t number, const Value& object) {
  const Value* list = api::find(object, "parameters");
  if (list == nullptr) return;
  for (const Value& parameter : list->GetArray()) bytes(out, number, parameters_item(parameter));
}

std::string responses(const Value& object) {
  std::string out;
  for (const auto& member : object.GetObject()) {
    std::string response, value;
    text_member(response, 1, member.value, "description");
    if (const Value* found = api::find(member.value, "schema")) {
      std::string item;
      bytes(item, 1, schema(*found));
      bytes(response, 2, item);
    }
    bytes(value, 1, response);
    bytes(out, 1, named(view(member.name), value));
  }
  return out;
}

std::string operation(const Value& object) {
  std::string out;
  parameters(out, 8, object);
  if (const Value* found = api::find(object, "responses")) bytes(out, 9, responses(*found));
  extensions(out, 13, object);
  return out;
}

std::string path_item(const Value& object) {
  struct Method {
    std::string_view name;
    uint32_t number;
  };
  constexpr Method kMethods[] = {{"get", 2},     {"put", 3},  {"post", 4}, {"delete", 5},
                                 {"options", 6}, {"head", 7}, {"patch", 8}};
  std::string out;
  for (const Method& method : kMethods) {
    if (const Value* found = api::find(object, method.name)) {
      bytes(out, method.number, operation(*found));
    }
  }
  parameters(out, 9, object);
  return out;
}

}  // namespace

Result<std::string> swagger_to_protobuf(std::string_view swagger_json) {
  api::ParseLimits limits;
  limits.bytes_max = 64 << 20;  // our own text, which grows with the kinds served
  const api::Json json = TRY(api::parse_json(swagger_json, nullptr, limits));
  const Value& root = json.root();
  std::string out;
  text_member(out, 1, root, "swagger");
  if (const Value* info = api::find(root, "info")) {
    std::string text;
    text_member(text, 1, *info, "title");
    text_member(text, 2, *info, "version");
    bytes(out, 2, text);
  }
  if (const Value* paths = api::find(root, "paths")) {
    std::string items;
    for (const auto& member : paths->GetObject()) {
      bytes(items, 2, named(view(member.name), path_item(member.value)));
    }
    bytes(out, 8, items);
  }
  if (const Value* definitions = api::find(root, "definitions")) {
    bytes(out, 9, schemas_by_name(*definitions));
  }
  return out;
}

}  // namespace kist::apiserver
