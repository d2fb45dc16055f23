// Puts the documents together and picks the form that the client asked for.
#include "src/apiserver/openapi/openapi.h"

#include <algorithm>
#include <vector>

#include "src/apiserver/etag.h"
#include "src/apiserver/negotiation.h"
#include "src/apiserver/openapi/schemas.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

std::string info(std::string_view git_version) {
  return "\"info\":{\"title\":\"Kubernetes\",\"version\":" + json_string(git_version) + "}";
}

bool is_in(const Resource& row, std::string_view group, std::string_view version) {
  return row.group == group && row.version == version;
}

// Schemas of every kind that the row's operations show.
void add_kinds(const Resource& row, SchemaWriter& schemas) {
  auto add = [&](std::string_view group, std::string_view version, std::string_view name) {
    const api::Kind* kind = api::find_kind(group, version, name);
    if (kind == nullptr) return;
    schemas.add(*kind->type);
    if (kind->list != nullptr) schemas.add(*kind->list->type);
  };
  add(row.group, row.version, row.kind);
  for (std::string_view name : row.subresources) {
    const Subresource sub = describe_subresource(row, name);
    if (sub.by_node) continue;
    add(sub.group, sub.version, sub.kind);
  }
}

void add_delete_options(SchemaWriter& schemas) {
  const api::Type* type = api::find_type("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
  if (type != nullptr) schemas.add(*type);
}

std::string swagger(std::string_view git_version) {
  SchemaWriter schemas(OpenApiVersion::kV2);
  std::string paths;
  for (const Resource& row : all_resources()) {
    paths += (paths.empty() ? "" : ",") + path_items(row, OpenApiVersion::kV2);
    add_kinds(row, schemas);
  }
  add_delete_options(schemas);
  return "{\"swagger\":\"2.0\"," + info(git_version) + ",\"paths\":{" + paths +
         "},\"definitions\":{" + schemas.take() + "}}";
}

// Empty: nothing is served there.
std::string openapi3(std::string_view group, std::string_view version,
                     std::string_view git_version) {
  SchemaWriter schemas(OpenApiVersion::kV3);
  std::string paths;
  for (const Resource& row : all_resources()) {
    if (!is_in(row, group, version)) continue;
    paths += (paths.empty() ? "" : ",") + path_items(row, OpenApiVersion::kV3);
    add_kinds(row, schemas);
  }
  if (paths.empty()) return {};
  add_delete_options(schemas);
  return "{\"openapi\":\"3.0.0\"," + info(git_version) + ",\"paths\":{" + paths +
         "},\"components\":{\"schemas\":{" + schemas.take() + "}}}";
}

std::string index(std::string_view git_version) {
  std::vector<std::string> seen;
  std::string out = "{\"paths\":{";
  for (const Resource& row : all_resources()) {
    const std::string name =
        row.group.empty() ? "api/" + std::string(row.version)
                          : "apis/" + std::string(row.group) + "/" + std::string(row.version);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
    if (!seen.empty()) out += ',';
    seen.push_back(name);
    const std::string tag = etag_of(openapi3(row.group, row.version, git_version));
    out += json_string(name) + ":{\"serverRelativeURL\":\"/openapi/v3/" + name +
           "?hash=" + tag.substr(1, tag.size() - 2) + "\"}";
  }
  return out + "}}";
}

OpenApiDocument json_document(std::string body) {
  std::string etag = etag_of(body);
  return {std::string(kJsonType), std::move(body), std::move(etag)};
}

enum class Form : uint8_t { kJson, kProtobuf };

// The first clause that names a form there is. Version 3 has no protobuf here: kubectl 1.27 to 1.33
// ask for its JSON. Who asks for nothing else must not take JSON for it.
Result<Form> form_of(std::string_view accept, bool version2) {
  if (accept.empty()) return Form::kJson;
  for (const MediaType& media : parse_media_types(accept)) {
    if (media.type == kJsonType || media.type == "*/*" || media.type == "application/*")
      return Form::kJson;
    if (version2 && (media.type == kOpenApiV2Protobuf || media.type == kOpenApiV2ProtobufAnswer))
      return Form::kProtobuf;
  }
  std::string forms(kJsonType);
  if (version2) forms += ", " + std::string(kOpenApiV2Protobuf);
  return Error{Code::kNotAcceptable,
               "only the following media types are accepted: " + std::move(forms)};
}

Result<OpenApiDocument> version2(std::string_view accept, std::string_view git_version) {
  if (TRY(form_of(accept, true)) == Form::kJson) return json_document(swagger(git_version));
  std::string body = TRY(swagger_to_protobuf(swagger(git_version)));
  std::string etag = etag_of(body);
  return OpenApiDocument{std::string(kOpenApiV2ProtobufAnswer), std::move(body), std::move(etag)};
}

}  // namespace

Result<OpenApiDocument> openapi_document(std::string_view path, std::string_view accept,
                                         std::string_view git_version) {
  if (path.ends_with('/')) path.remove_suffix(1);
  if (path == "/openapi/v2") return version2(accept, git_version);
  if (path == "/openapi/v3") return json_document(index(git_version));

  std::string_view group, version;
  constexpr std::string_view kCore = "/openapi/v3/api/", kNamed = "/openapi/v3/apis/";
  if (path.starts_with(kCore)) {
    version = path.substr(kCore.size());
  } else if (path.starts_with(kNamed)) {
    const std::string_view rest = path.substr(kNamed.size());
    const size_t slash = std::min(rest.find('/'), rest.size());
    group = rest.substr(0, slash);
    version = rest.substr(std::min(slash + 1, rest.size()));
    if (group.empty()) version = {};
  }
  std::string body = version.empty() ? std::string() : openapi3(group, version, git_version);
  if (body.empty()) {
    return Error{Code::kNotFound, "the server could not find the requested resource"};
  }
  TRY(form_of(accept, false));
  return json_document(std::move(body));
}

}  // namespace kist::apiserver
