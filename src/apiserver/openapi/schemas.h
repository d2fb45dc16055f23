// Schemas of types and the operations of resources as OpenAPI text, for version 2 and 3.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "kist/api/schema.h"
#include "src/apiserver/registry/resource.h"

namespace kist::apiserver {

enum class OpenApiVersion { kV2, kV3 };

// Writes `"name": schema` members for types and all they refer to, each once.
class SchemaWriter {
 public:
  explicit SchemaWriter(OpenApiVersion version) : version_(version) {}

  void add(const api::Type& type);
  std::string take() { return std::move(out_); }  // members, without the braces around them

 private:
  void add_special(std::string_view name, std::string_view schema);
  std::string type_schema(const api::Type& type);
  std::string field_schema(const api::Field& field);
  std::string shaped(const api::Field& field, api::Shape shape, bool nested);
  std::string element(const api::Field& field, bool nested);
  std::string reference(std::string_view name, bool empty_default) const;

  OpenApiVersion version_;
  std::string out_;
  std::set<std::string_view> done_;
};

// `"/path": {operations}` members for a resource and its subresources.
std::string path_items(const Resource& row, OpenApiVersion version);

}  // namespace kist::apiserver
