// get and list: from the cache, by the rules of resourceVersion, limit and continue.
#include <charconv>

#include "kist/api/json.h"
#include "kist/base/base64.h"
#include "src/apiserver/encode.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/registry/selection.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr size_t kInlineObjectsMax = 256;
constexpr size_t kContinueBytesMax = 4096;

constexpr std::string_view kContinueExpired =
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list.";

// Where a list goes on: behind this object, at this revision (-1: as it is now).
struct Continue {
  int64_t revision = 0;
  std::string namespace_name, name;
};

std::string encode_continue(const Continue& from) {
  std::string start = from.namespace_name + "/" + from.name;
  return encode_base64url("{\"v\":\"meta.k8s.io/v1\",\"rv\":" + std::to_string(from.revision) +
                          ",\"start\":" + json_string(start) + "}");
}

Result<Continue> decode_continue(std::string_view token) {
  auto refused = [](std::string_view why) {
    return bad_request("continue key is not valid: " + std::string(why));
  };
  if (token.size() > kContinueBytesMax) return refused("too long");
  Result<std::string> text = decode_base64url(token);
  if (!text.ok()) return refused(text.error().message);
  Result<api::Json> parsed = api::parse_json(std::move(text).value());
  if (!parsed.ok() || !parsed.value().root().IsObject()) return refused("no JSON object");
  const api::Value& root = parsed.value().root();
  if (api::text_of(root, "v") != "meta.k8s.io/v1") return refused("unrecognized version");
  Continue from;
  from.revision = api::int_of(root, "rv");
  std::string_view start = api::text_of(root, "start");
  size_t slash = start.find('/');
  if (from.revision == 0 || from.revision < -1 || slash == std::string_view::npos) {
    return refused("incorrect encoded start resourceVersion");
  }
  from.namespace_name = start.substr(0, slash);
  from.name = start.substr(slash + 1);
  return from;
}

Error forbidden_option(std::string_view field, std::string_view why) {
  std::string message = "Forbidden: " + std::string(why);
  return invalid("ListOptions", "meta.k8s.io", "", std::string(field) + ": " + message,
                 {{"FieldValueForbidden", message, std::string(field)}});
}

Result<> check_watch_match(const Query& query) {
  std::string_view match = query.get("resourceVersionMatch");
  if (query.has("sendInitialEvents")) {
    if (match == "NotOlderThan") return {};
    return forbidden_option("resourceVersionMatch",
                            "sendInitialEvents requires setting resourceVersionMatch to "
                            "NotOlderThan");
  }
  if (match.empty()) return {};
  return forbidden_option(
      "resourceVersionMatch",
      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
}

struct Paging {
  int64_t limit = 0;  // 0: all
  bool continues = false;
  Continue from;
};

Result<Paging> paging_of(const Call& call) {
  Paging paging;
  std::string_view limit = call.query.get("limit");
  if (!limit.empty()) {
    auto [end, error] = std::from_chars(limit.data(), limit.data() + limit.size(), paging.limit);
    if (error != std::errc() || end != limit.data() + limit.size()) {
      return bad_request("strconv.ParseInt: parsing " + quoted(limit) + ": invalid syntax");
    }
    if (paging.limit < 0) paging.limit = 0;
  }
  std::string_view token = call.query.get("continue");
  if (token.empty()) return paging;
  std::string_view version = call.query.get("resourceVersion");
  if (!version.empty() && version != "0") {
    return bad_request("specifying resource version is not allowed when using continue");
  }
  paging.continues = true;
  paging.from = TRY(decode_continue(token));
  return paging;
}

// The objects to choose from, at the revision that the options ask for.
Result<Snapshot> snapshot_of(const Call& call, const Paging& paging,
                             const std::string& namespace_name) {
  const ResourceCache& cache = *call.served->cache;
  int64_t current = call.core.cache.revision();
  if (paging.continues) {
    ObjectKey after{paging.from.namespace_name, paging.from.name};
    if (paging.from.revision == -1) return cache.list(namespace_name, &after);
    if (paging.from.revision > current) {
      return bad_request("continue key is not valid: revision of the future");
    }
    return cache.list_at(paging.from.revision, namespace_name, &after);
  }
  int64_t wanted = TRY(parse_revision(call.query.get("resourceVersion")));
  if (wanted > current) return revision_too_large(wanted, current);
  if (call.query.get("resourceVersionMatch") == "Exact") {
    return cache.list_at(wanted, namespace_name);
  }
  return cache.list(namespace_name);
}

void select(const Selection& selection, Snapshot& snapshot) {
  if (selection.everything()) return;
  std::erase_if(snapshot.objects,
                [&](const ObjectPtr& object) { return !selection.matches(*object); });
}

// Cuts the page off and says how to go on.
ListMeta cut_page(const Paging& paging, bool selected, Snapshot& snapshot) {
  ListMeta meta;
  meta.revision = snapshot.revision;
  auto limit = static_cast<size_t>(paging.limit);
  if (limit == 0 || snapshot.objects.size() <= limit) return meta;
  if (!selected) meta.remaining = static_cast<int64_t>(snapshot.objects.size() - limit);
  snapshot.objects.resize(limit);
  const Object& last = *snapshot.objects.back();
  meta.continue_token = encode_continue(
      {snapshot.revision, std::string(last.namespace_name()), std::string(last.name())});
  return meta;
}

void fail_list(const CallPtr& call, const Paging& paging, const Error& error) {
  if (error.code != Code::kExpired || !paging.continues) return call->fail(error);
  // A new token that goes on without consistency.
  std::string status = failure_text({Code::kExpired, std::string(kContinueExpired)}, {});
  Continue from = paging.from;
  from.revision = -1;
  std::string metadata = "\"metadata\":{\"continue\":" + json_string(encode_continue(from)) + "}";
  size_t at = status.find("\"metadata\":{}");
  status.replace(at, std::string_view("\"metadata\":{}").size(), metadata);
  call->respond_status(std::move(status), 410);
}

}  // namespace

Result<int64_t> parse_revision(std::string_view text) {
  int64_t revision = 0;
  if (text.empty()) return revision;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  if (error != std::errc() || end != text.data() + text.size() || revision < 0) {
    return bad_request("resourceVersion: Invalid value: " + quoted(text) +
                       ": strconv.ParseUint: parsing " + quoted(text) + ": invalid syntax");
  }
  return revision;
}

Error revision_too_large(int64_t wanted, int64_t current) {
  return {Code::kTimeout,
          "Too large resource version: " + std::to_string(wanted) +
              ", current: " + std::to_string(current),
          {{"ResourceVersionTooLarge", "Too large resource version", ""}}};
}

Result<> check_list_options(const Call& call, bool watching) {
  const Query& query = call.query;
  if (watching) return check_watch_match(query);
  if (query.has("sendInitialEvents")) {
    return forbidden_option("sendInitialEvents", "sendInitialEvents is forbidden for list");
  }
  std::string_view match = query.get("resourceVersionMatch");
  std::string_view version = query.get("resourceVersion");
  if (match.empty()) return {};
  if (!query.get("continue").empty()) {
    return forbidden_option("resourceVersionMatch",
                            "resourceVersionMatch is forbidden when continue is provided");
  }
  if (version.empty()) {
    return forbidden_option("resourceVersionMatch",
                            "resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (match != "Exact" && match != "NotOlderThan") {
    std::string message = "Unsupported value: " + quoted(match) +
                          ": supported values: \"Exact\", \"NotOlderThan\", \"\"";
    return invalid("ListOptions", "meta.k8s.io", "", "resourceVersionMatch: " + message,
                   {{"FieldValueNotSupported", message, "resourceVersionMatch"}});
  }
  if (match == "Exact" && version == "0") {
    return forbidden_option(
        "resourceVersionMatch",
        "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  }
  return {};
}

void get(const CallPtr& call) {
  const Served& served = *call->served;
  Result<int64_t> wanted = parse_revision(call->query.get("resourceVersion"));
  if (!wanted.ok()) return call->fail(wanted.error());
  int64_t current = call->core.cache.revision();
  if (wanted.value() > current) return call->fail(revision_too_large(wanted.value(), current));
  ObjectPtr object = served.cache->get(call->info.namespace_name, call->info.name);
  if (object == nullptr) {
    return call->fail(not_found(served.row->plural, served.row->group, call->info.name));
  }
  Result<View> view = view_of(*call);
  if (!view.ok()) return call->fail(view.error());
  call->respond(200, encode_object(view.value(), object->bytes()), call->format.content_type());
}

bool list_is_short(const Call& call) {
  return call.format.plain_json() && !call.served->converts() &&
         call.served->cache->size() <= kInlineObjectsMax;
}

void list(const CallPtr& call) {
  Result<> options = check_list_options(*call, false);
  if (!options.ok()) return call->fail(options.error());
  Result<Selection> selection = Selection::of(*call);
  if (!selection.ok()) return call->fail(selection.error());
  Result<Paging> paging = paging_of(*call);
  if (!paging.ok()) return call->fail(paging.error());
  Result<View> view = view_of(*call);
  if (!view.ok()) return call->fail(view.error());

  Result<Snapshot> found = snapshot_of(*call, paging.value(), selection.value().namespace_name());
  if (!found.ok()) return fail_list(call, paging.value(), found.error());
  Snapshot snapshot = std::move(found).value();
  select(selection.value(), snapshot);
  ListMeta meta = cut_page(paging.value(), !selection.value().everything(), snapshot);
  call->respond(200, encode_list(view.value(), snapshot.objects, meta),
                call->format.content_type());
}

}  // namespace kist::apiserver
