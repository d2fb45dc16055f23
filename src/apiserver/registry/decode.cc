// Media types, kinds and fields of what clients send.
#include "src/apiserver/registry/decode.h"

#include <algorithm>
#include <charconv>

#include "kist/api/codec.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

// "cannot be handled as" is Kubernetes' frame around every error of decoding an object.
Error cannot_handle(std::string_view data_kind, std::string_view data_version,
                    const api::Kind& want, std::string_view why) {
  return bad_request(std::string(data_kind) + " in version " + quoted(data_version) +
                     " cannot be handled as a " + std::string(want.kind) + ": " + std::string(why));
}

std::string short_version(std::string_view api_version) {
  size_t slash = api_version.find('/');
  return std::string(slash == std::string_view::npos ? api_version : api_version.substr(slash + 1));
}

std::string_view group_of(std::string_view api_version) {
  size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

Result<> check_kind(std::string_view version, std::string_view kind, const api::Kind& want) {
  std::string wanted = api_version(want.group, want.version);
  if (!version.empty() && version != wanted) {
    return bad_request("the API version in the data (" + std::string(version) +
                       ") does not match the expected API version (" + wanted + ")");
  }
  if (kind.empty() || kind == want.kind) return {};
  if (api::find_kind(group_of(wanted), want.version, kind) == nullptr) {
    return bad_request("no kind " + quoted(kind) + " is registered for version " + quoted(wanted));
  }
  return cannot_handle(kind, want.version, want,
                       "converting (" + short_version(wanted) + "." + std::string(kind) + ") to (" +
                           short_version(wanted) + "." + std::string(want.kind) +
                           "): unknown conversion");
}

Result<api::Json> decode_protobuf_body(std::string_view body, const api::Kind& kind) {
  api::Envelope envelope = TRY(api::open_envelope(body));
  TRY(check_kind(envelope.api_version, envelope.kind, kind));
  return api::decode_protobuf(*kind.type, envelope.raw);
}

Result<int64_t> parse_int(std::string_view text, std::string_view name) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return bad_request("invalid " + std::string(name) + ": strconv.ParseInt: parsing " +
                       quoted(text) + ": invalid syntax");
  }
  return value;
}

Error invalid_option(std::string_view kind, std::string_view field, std::string_view value,
                     std::string_view supported) {
  std::string message =
      "Unsupported value: " + quoted(value) + ": supported values: " + std::string(supported);
  return invalid(kind, "meta.k8s.io", "", std::string(field) + ": " + message,
                 {{"FieldValueNotSupported", message, std::string(field)}});
}

Result<> check_propagation(const DeleteOptions& options) {
  const std::string& policy = options.propagation;
  if (policy.empty() || policy == "Background" || policy == "Foreground" || policy == "Orphan") {
    return {};
  }
  return invalid_option("DeleteOptions", "propagationPolicy", policy,
                        R"("Foreground", "Background", "Orphan", "nil")");
}

Result<DeleteOptions> delete_options_of_query(const Call& call) {
  DeleteOptions options;
  options.dry_run = call.dry_run();
  if (call.query.has("gracePeriodSeconds")) {
    options.grace_seconds =
        TRY(parse_int(call.query.get("gracePeriodSeconds"), "gracePeriodSeconds"));
  }
  options.propagation = call.query.get("propagationPolicy");
  if (call.query.has("orphanDependents")) {
    options.propagation = call.query.flag("orphanDependents") ? "Orphan" : "Background";
  }
  TRY(check_propagation(options));
  return options;
}

}  // namespace

Result<> check_write_options(const Call& call) {
  for (std::string_view value : call.query.all("dryRun")) {
    if (value != "All") {
      std::string_view kind = call.info.verb == "create"   ? "CreateOptions"
                              : call.info.verb == "patch"  ? "PatchOptions"
                              : call.info.verb == "update" ? "UpdateOptions"
                                                           : "DeleteOptions";
      return invalid_option(kind, "dryRun", value, "\"All\"");
    }
  }
  std::string_view validation = call.query.get("fieldValidation");
  if (!validation.empty() && validation != "Ignore" && validation != "Warn" &&
      validation != "Strict") {
    return invalid_option(call.info.verb == "create"  ? "CreateOptions"
                          : call.info.verb == "patch" ? "PatchOptions"
                                                      : "UpdateOptions",
                          "fieldValidation", validation, R"("Ignore", "Strict", "Warn")");
  }
  return {};
}

Result<> judge_fields(Call& call, const std::vector<std::string>& problems) {
  std::string_view validation = call.query.get("fieldValidation");
  if (problems.empty() || validation == "Ignore") return {};
  if (validation != "Strict") {
    for (const std::string& problem : problems) call.warn(problem);
    return {};
  }
  std::string message = "strict decoding error: ";
  for (size_t i = 0; i < problems.size(); ++i) message += (i == 0 ? "" : ", ") + problems[i];
  return bad_request(message);
}

Result<api::Json> parse_text_body(Call& call, bool yaml, std::vector<std::string>* duplicates) {
  Result<api::Json> parsed = yaml ? api::parse_yaml(call.request.body, duplicates)
                                  : api::parse_json(call.request.body, duplicates);
  if (!parsed.ok()) return std::move(parsed).error();
  for (std::string& path : *duplicates) {
    if (!path.starts_with("duplicate field")) path = "duplicate field " + quoted(path);
  }
  return parsed;
}

Result<api::Json> decode_body(Call& call, const api::Kind& kind) {
  Media media = TRY(body_media(call.request.header("Content-Type")));
  if (media == Media::kProtobuf) {
    api::Json json = TRY(decode_protobuf_body(call.request.body, kind));
    api::set(json.root(), "apiVersion", api_version(kind.group, kind.version), json.allocator());
    api::set(json.root(), "kind", kind.kind, json.allocator());
    TRY(api::canonicalize(*kind.type, json.root(), json.allocator(), nullptr));
    return json;
  }

  std::vector<std::string> problems;
  api::Json json = TRY(parse_text_body(call, media == Media::kYaml, &problems));
  api::Value& root = json.root();
  if (!root.IsObject()) {
    return cannot_handle(kind.kind, kind.version, kind,
                         "json: cannot unmarshal the body into a Go value of type " +
                             std::string(kind.type->go_name));
  }
  TRY(check_kind(api::text_of(root, "apiVersion"), api::text_of(root, "kind"), kind));
  Result<> canonical = api::canonicalize(*kind.type, root, json.allocator(), &problems);
  if (!canonical.ok()) {
    return cannot_handle(kind.kind, kind.version, kind, canonical.error().message);
  }
  Result<> judged = judge_fields(call, problems);
  if (!judged.ok()) {
    return cannot_handle(kind.kind, kind.version, kind, judged.error().message);
  }
  api::set(root, "apiVersion", api_version(kind.group, kind.version), json.allocator());
  api::set(root, "kind", kind.kind, json.allocator());
  return json;
}

Result<DeleteOptions> delete_options_of(const api::Value& value) {
  DeleteOptions options;
  if (const api::Value* grace = api::find(value, "gracePeriodSeconds"); grace != nullptr) {
    if (grace->IsInt64()) options.grace_seconds = grace->GetInt64();
  }
  if (const api::Value* conditions = api::find(value, "preconditions"); conditions != nullptr) {
    options.uid = api::text_of(*conditions, "uid");
    options.resource_version = api::text_of(*conditions, "resourceVersion");
  }
  options.propagation = api::text_of(value, "propagationPolicy");
  if (const api::Value* orphan = api::find(value, "orphanDependents"); orphan != nullptr) {
    if (!options.propagation.empty()) {
      return invalid("DeleteOptions", "meta.k8s.io", "",
                     "propagationPolicy: Invalid value: " + quoted(options.propagation) +
                         ": orphanDependents and deletionPropagation cannot be both set",
                     {});
    }
    if (orphan->IsBool()) options.propagation = orphan->GetBool() ? "Orphan" : "Background";
  }
  if (const api::Value* dry = api::find(value, "dryRun"); dry != nullptr && dry->IsArray()) {
    options.dry_run = !dry->Empty();
  }
  TRY(check_propagation(options));
  return options;
}

Result<DeleteOptions> decode_delete_options(Call& call) {
  if (call.request.body.empty()) return delete_options_of_query(call);
  const api::Type* type = api::find_type("io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
  if (type == nullptr) return Error{Code::kInternal, "no type DeleteOptions in the schema"};
  Media media = TRY(body_media(call.request.header("Content-Type")));
  api::Json json;
  if (media == Media::kProtobuf) {
    api::Envelope envelope = TRY(api::open_envelope(call.request.body));
    json = TRY(api::decode_protobuf(*type, envelope.raw));
  } else {
    std::vector<std::string> problems;
    json = TRY(parse_text_body(call, media == Media::kYaml, &problems));
    if (json.root().IsNull()) return delete_options_of_query(call);
    if (!json.root().IsObject()) return bad_request("the body is no DeleteOptions");
    std::string_view kind = api::text_of(json.root(), "kind");
    if (!kind.empty() && kind != "DeleteOptions") {
      return bad_request("decoded object cannot be converted to DeleteOptions");
    }
    TRY(api::canonicalize(*type, json.root(), json.allocator(), &problems));
  }
  DeleteOptions options = TRY(delete_options_of(json.root()));
  options.dry_run = options.dry_run || call.dry_run();
  return options;
}

}  // namespace kist::apiserver
