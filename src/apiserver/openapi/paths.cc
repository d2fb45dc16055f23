// Operations of a resource as OpenAPI path items. Clients read them for what an operation supports:
// kubectl looks for the query parameters dryRun and fieldValidation of PATCH.
#include <algorithm>
#include <vector>

#include "src/apiserver/openapi/schemas.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

struct Parameter {
  std::string_view name, type;
};
constexpr Parameter kWriteParameters[] = {
    {"dryRun", "string"}, {"fieldManager", "string"}, {"fieldValidation", "string"}};
constexpr Parameter kListParameters[] = {{"allowWatchBookmarks", "boolean"},
                                         {"continue", "string"},
                                         {"fieldSelector", "string"},
                                         {"labelSelector", "string"},
                                         {"limit", "integer"},
                                         {"resourceVersion", "string"},
                                         {"resourceVersionMatch", "string"},
                                         {"sendInitialEvents", "boolean"},
                                         {"timeoutSeconds", "integer"},
                                         {"watch", "boolean"}};
constexpr Parameter kDeleteParameters[] = {{"dryRun", "string"},
                                           {"gracePeriodSeconds", "integer"},
                                           {"orphanDependents", "boolean"},
                                           {"propagationPolicy", "string"}};

struct Operation {
  std::string_view method, action;
  std::span<const Parameter> parameters;
  std::string_view body_kind;  // "" none, "self", "patch", "delete"
  bool answers_list = false;
};
constexpr Operation kCreate{"post", "post", kWriteParameters, "self"};
constexpr Operation kList{"get", "list", kListParameters, "", true};
constexpr Operation kDeleteCollection{"delete", "deletecollection", kDeleteParameters, "delete"};
constexpr Operation kGet{"get", "get", {}, ""};
constexpr Operation kUpdate{"put", "put", kWriteParameters, "self"};
constexpr Operation kPatch{"patch", "patch", kWriteParameters, "patch"};
constexpr Operation kDelete{"delete", "delete", kDeleteParameters, "delete"};

struct Verb {
  std::string_view verb;
  const Operation* operation;
};
constexpr Verb kCollectionVerbs[] = {
    {"list", &kList}, {"create", &kCreate}, {"deletecollection", &kDeleteCollection}};
constexpr Verb kItemVerbs[] = {
    {"get", &kGet}, {"update", &kUpdate}, {"patch", &kPatch}, {"delete", &kDelete}};
constexpr Verb kSubresourceVerbs[] = {
    {"get", &kGet}, {"create", &kCreate}, {"update", &kUpdate}, {"patch", &kPatch}};

constexpr std::string_view kPatchType = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch";
constexpr std::string_view kDeleteOptionsType =
    "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions";

// What an operation works on.
struct Target {
  std::string_view group, version, kind;
  OpenApiVersion openapi;
};

std::string schema_reference(std::string_view type_name, OpenApiVersion version) {
  if (type_name == kPatchType) return R"({"type":"object"})";
  const char* prefix = version == OpenApiVersion::kV2 ? "#/definitions/" : "#/components/schemas/";
  return "{\"$ref\":" + json_string(prefix + std::string(type_name)) + "}";
}

std::string parameter(std::string_view name, std::string_view in, std::string_view type,
                      OpenApiVersion version) {
  std::string out = "{\"name\":" + json_string(name) + ",\"in\":" + json_string(in);
  if (in == "path") out += ",\"required\":true";
  const std::string typed = "\"type\":" + json_string(type);
  out += version == OpenApiVersion::kV2 ? ",\"uniqueItems\":true," + typed
                                        : ",\"schema\":{" + typed + ",\"uniqueItems\":true}";
  return out + "}";
}

std::string_view body_type(const Operation& operation, const api::Kind* kind) {
  if (operation.body_kind == "patch") return kPatchType;
  if (operation.body_kind == "delete") return kDeleteOptionsType;
  return kind == nullptr ? std::string_view() : kind->type->name;
}

std::string operation_text(const Operation& operation, const Target& target) {
  const api::Kind* kind = api::find_kind(target.group, target.version, target.kind);
  const bool v2 = target.openapi == OpenApiVersion::kV2;
  std::string parameters;
  auto add = [&](const std::string& text) { parameters += (parameters.empty() ? "" : ",") + text; };
  for (const Parameter& p : operation.parameters) {
    add(parameter(p.name, "query", p.type, target.openapi));
  }
  std::string request_body;
  const std::string_view body = operation.body_kind.empty() ? "" : body_type(operation, kind);
  if (!body.empty()) {
    const std::string schema = schema_reference(body, target.openapi);
    if (v2) {
      add("{\"name\":\"body\",\"in\":\"body\",\"required\":true,\"schema\":" + schema + "}");
    } else {
      request_body = "\"requestBody\":{\"content\":{\"*/*\":{\"schema\":" + schema + "}}},";
    }
  }
  const api::Kind* answer = operation.answers_list && kind != nullptr ? kind->list : kind;
  std::string response = "{\"description\":\"OK\"";
  if (answer != nullptr) {
    const std::string schema = schema_reference(answer->type->name, target.openapi);
    response += v2 ? ",\"schema\":" + schema
                   : ",\"content\":{\"application/json\":{\"schema\":" + schema + "}}";
  }
  return "{\"parameters\":[" + parameters + "]," + request_body +
         "\"responses\":{\"200\":" + response +
         "}},\"x-kubernetes-action\":" + json_string(operation.action) +
         ",\"x-kubernetes-group-version-kind\":{\"group\":" + json_string(target.group) +
         ",\"kind\":" + json_string(target.kind) + ",\"version\":" + json_string(target.version) +
         "}}";
}

bool has_verb(std::span<const std::string_view> verbs, std::string_view verb) {
  return std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
}

std::string path_item(std::string_view path, std::span<const Verb> table,
                      std::span<const std::string_view> verbs, const Target& target) {
  std::string operations;
  for (const Verb& verb : table) {
    if (!has_verb(verbs, verb.verb)) continue;
    operations +=
        json_string(verb.operation->method) + ":" + operation_text(*verb.operation, target) + ",";
  }
  if (operations.empty()) return {};
  std::string parameters;
  for (std::string_view name : {"namespace", "name"}) {
    if (path.find("{" + std::string(name) + "}") == path.npos) continue;
    parameters +=
        (parameters.empty() ? "" : ",") + parameter(name, "path", "string", target.openapi);
  }
  return json_string(path) + ":{" + operations + "\"parameters\":[" + parameters + "]}";
}

}  // namespace

std::string path_items(const Resource& row, OpenApiVersion version) {
  const std::string root =
      row.group.empty() ? "/api/" + std::string(row.version) + "/"
                        : "/apis/" + std::string(row.group) + "/" + std::string(row.version) + "/";
  const std::string inside = root + (row.namespaced ? "namespaces/{namespace}/" : "");
  const Target target{row.group, row.version, row.kind, version};
  std::string out;
  auto add = [&](const std::string& item) {
    if (!item.empty()) out += (out.empty() ? "" : ",") + item;
  };
  const std::string plural(row.plural);
  if (row.namespaced && has_verb(row.verbs, "list")) {
    constexpr std::string_view kListOnly[] = {"list"};
    add(path_item(root + plural, kCollectionVerbs, kListOnly, target));
  }
  add(path_item(inside + plural, kCollectionVerbs, row.verbs, target));
  add(path_item(inside + plural + "/{name}", kItemVerbs, row.verbs, target));
  for (std::string_view name : row.subresources) {
    const Subresource sub = describe_subresource(row, name);
    if (sub.by_node) continue;
    add(path_item(inside + plural + "/{name}/" + std::string(name), kSubresourceVerbs, sub.verbs,
                  {sub.group, sub.version, sub.kind, version}));
  }
  return out;
}

}  // namespace kist::apiserver
