// The stages in the order a request meets them. A stage answers the call or lets it pass.
#include "src/apiserver/pipeline.h"

#include "src/apiserver/authz/authz.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/registry/node_streams.h"
#include "src/apiserver/routes.h"

namespace kist::apiserver {
namespace {

enum class Verdict : uint8_t { kPass, kAnswered };
using Stage = Verdict (*)(const CallPtr& call);

Verdict refuse(const CallPtr& call, const Error& error) {
  call->fail(error);
  return Verdict::kAnswered;
}

Verdict parse(const CallPtr& call) {
  Result<Query> query = Query::parse(call->request.query);
  if (!query.ok()) return refuse(call, query.error());
  call->query = std::move(query).value();
  Result<RequestInfo> info = parse_request(call->request, call->query);
  if (!info.ok()) return refuse(call, info.error());
  call->info = std::move(info).value();
  return Verdict::kPass;
}

Verdict authenticate(const CallPtr& call) {
  Result<Identity> user =
      call->core.authenticator.authenticate(call->request, call->core.now_seconds());
  if (!user.ok()) return refuse(call, user.error());
  call->user = std::move(user).value();
  return Verdict::kPass;
}

Verdict authorize(const CallPtr& call) {
  if (allowed(call->user, call->info)) return Verdict::kPass;
  return refuse(call, forbidden(call->user, call->info));
}

// Requests at a time are bounded; watches have their own bound, streams that of connections.
Verdict limit(const CallPtr& call) {
  if (call->info.verb == "watch" || is_node_stream(call->info)) return Verdict::kPass;
  // In-process clients are bounded by themselves: they must neither starve behind the others nor
  // take their places.
  if (call->request.remote_address == "in-process") return Verdict::kPass;
  bool reads = call->info.verb == "get" || call->info.verb == "list" || call->info.verb == "head";
  Core& core = call->core;
  std::atomic<int>& inflight = reads ? core.metrics.reads_inflight : core.metrics.writes_inflight;
  int inflight_max = reads ? core.options.reads_inflight_max : core.options.writes_inflight_max;
  call->inflight = &inflight;
  if (++inflight <= inflight_max) return Verdict::kPass;
  return refuse(call, {Code::kTooManyRequests, "Too many requests, please try again later."});
}

// Paths that are no resources: version, health, discovery, metrics.
Verdict route(const CallPtr& call) {
  if (call->info.is_resource) return Verdict::kPass;
  serve_path(call);
  return Verdict::kAnswered;
}

Verdict find_resource_of(const CallPtr& call) {
  const RequestInfo& info = call->info;
  call->served = call->core.find(info.group, info.version, info.resource);
  if (call->served == nullptr) return refuse(call, no_such_resource());
  const Resource& row = *call->served->row;
  bool in_namespace = !info.namespace_name.empty() && info.resource != "namespaces";
  if (in_namespace && !row.namespaced) return refuse(call, no_such_resource());
  if (row.namespaced && info.namespace_name.empty() && !info.name.empty()) {
    return refuse(call, no_such_resource());
  }
  // The namespace "x" lies in itself for authorization only.
  if (!row.namespaced) call->info.namespace_name.clear();
  if (!row.deprecation.empty()) call->warn(std::string(row.deprecation));
  return Verdict::kPass;
}

bool contains(std::span<const std::string_view> verbs, std::string_view verb) {
  for (std::string_view known : verbs) {
    if (known == verb) return true;
  }
  return false;
}

Verdict check_verb(const CallPtr& call) {
  const RequestInfo& info = call->info;
  const Resource& row = *call->served->row;
  if (info.subresource.empty()) {
    const bool of_collection = info.verb == "create";
    const bool of_object = info.verb == "update" || info.verb == "patch";
    const bool misplaced = info.name.empty() ? of_object : of_collection;
    if (!misplaced && contains(row.verbs, info.verb)) return Verdict::kPass;
    return refuse(call, method_not_allowed());
  }
  if (!contains(row.subresources, info.subresource)) return refuse(call, no_such_resource());
  if (contains(describe_subresource(row, info.subresource).verbs, info.verb)) {
    return Verdict::kPass;
  }
  return refuse(call, method_not_allowed());
}

Verdict negotiate_format(const CallPtr& call) {
  if (is_node_stream(call->info)) return Verdict::kPass;  // the node answers, in its own format
  const std::string& subresource = call->info.subresource;
  bool shapes = subresource.empty() || subresource == "status" ||
                (subresource == "scale" && call->info.verb == "get");
  Result<Format> format = negotiate(call->request.header("Accept"), shapes);
  if (!format.ok()) return refuse(call, format.error());
  call->format = format.value();
  return Verdict::kPass;
}

void write_verb(const CallPtr& call) {
  const RequestInfo& info = call->info;
  if (!info.subresource.empty()) return subresource(call);
  if (call->served->cache == nullptr) return create_unstored(call);
  if (info.verb == "create") return create(call);
  if (info.verb == "update") return update(call);
  if (info.verb == "patch") return patch(call);
  if (info.verb == "delete") return remove(call);
  remove_collection(call);
}

Verdict dispatch(const CallPtr& call) {
  const RequestInfo& info = call->info;
  bool plain = info.subresource.empty();
  if (is_node_stream(info)) {
    serve_node_stream(call);
  } else if (plain && info.verb == "watch") {
    watch(call);
    call->open.release();
  } else if (plain && info.verb == "get") {
    get(call);
  } else if (plain && info.verb == "list") {
    if (list_is_short(*call)) {
      list(call);
    } else {
      post(call, [call] { list(call); });
    }
  } else {
    post(call, [call] { write_verb(call); });
  }
  return Verdict::kAnswered;
}

constexpr Stage kStages[] = {
    parse,             // method, path and query mean a verb and a resource, or a plain path
    authenticate,      // who asks
    authorize,         // and may they
    limit,             // not too many at a time
    route,             // plain paths end here
    find_resource_of,  // is it served
    check_verb,        // and so
    negotiate_format,  // can we answer as asked
    dispatch,          // the verb; writes go to a worker and on to admission and the store
};

}  // namespace

void run_pipeline(Core& core, net::Request request, std::shared_ptr<net::Exchange> exchange) {
  auto call = std::make_shared<Call>(core, std::move(request), std::move(exchange));
  for (Stage stage : kStages) {
    if (stage(call) == Verdict::kAnswered) return;
  }
}

}  // namespace kist::apiserver
