// See fake_api.h.
#include "fake_api.h"

#include <algorithm>

namespace kist::testing {
namespace {

std::string status_body(int code, const std::string& reason, const std::string& message) {
  return R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":)" + std::to_string(code) +
         R"(,"reason":")" + reason + R"(","message":")" + message + "\"}";
}

void merge(api::Value& target, const api::Value& patch, api::Allocator& pool) {
  for (const auto& member : patch.GetObject()) {
    const std::string_view name(member.name.GetString(), member.name.GetStringLength());
    if (member.value.IsNull())
      api::remove(target, name);
    else if (member.value.IsObject())
      merge(api::child(target, name, pool), member.value, pool);
    else
      api::set(target, name, api::copy(member.value, pool), pool);
  }
}

bool has_finalizers(const api::Value& object) {
  for (const char* of : {"metadata", "spec"}) {  // those of a Namespace are in its spec
    const api::Value* list = api::find_path(object, {of, "finalizers"});
    if (list != nullptr && list->IsArray() && !list->Empty()) return true;
  }
  return false;
}

std::string query_value(const std::string& query, const std::string& name) {
  size_t at = ("&" + query).find("&" + name + "=");
  if (at == std::string::npos) return {};
  at += name.size() + 1;
  return query.substr(at, query.find('&', at) - at);
}

}  // namespace

void FakeApi::fail_write(int nth, bool applied) {
  const std::lock_guard lock(mutex_);
  fail_in_ = nth;
  fail_applied_ = applied;
  failed_ = false;
}

bool FakeApi::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

void FakeApi::spare(std::string user) {
  const std::lock_guard lock(mutex_);
  spared_ = std::move(user);
}

void FakeApi::refuse(std::string path) {
  const std::lock_guard lock(mutex_);
  refused_ = std::move(path);
}

std::vector<std::string> FakeApi::deleted() const {
  const std::lock_guard lock(mutex_);
  return deleted_;
}

size_t FakeApi::writes() const {
  const std::lock_guard lock(mutex_);
  return writes_;
}

std::string FakeApi::get(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(path);
  return found == objects_.end() ? std::string() : found->second;
}

std::vector<std::string> FakeApi::list(const std::string& prefix) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  for (auto at = objects_.lower_bound(prefix); at != objects_.end(); ++at)
    if (at->first.starts_with(prefix)) paths.push_back(at->first);
  return paths;
}

void FakeApi::cut_watches(bool forget) {
  std::vector<Watcher> cut;
  {
    const std::lock_guard lock(mutex_);
    cut.swap(watchers_);
    if (forget) {
      forgotten_ = ++revision_;
      past_.clear();
    }
  }
  for (Watcher& watcher : cut) watcher.exchange->finish();
}

bool FakeApi::parse(const std::string& path, Route& route) {
  std::vector<std::string> parts;
  for (size_t at = 1; at <= path.size();) {
    const size_t slash = std::min(path.find('/', at), path.size());
    parts.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  const size_t root = parts[0] == "api" ? 2 : 3;  // "/api/v1", "/apis/group/version"
  if (parts.size() <= root) return false;
  std::string base;
  for (size_t i = 0; i < root; ++i) base += "/" + parts[i];
  size_t at = root;
  route.collection = base;
  if (parts[at] == "namespaces" && parts.size() > at + 2 && parts[at + 2] != "status" &&
      parts[at + 2] != "finalize") {
    route.space = parts[at + 1];
    route.collection += "/namespaces/" + route.space;
    at += 2;
  }
  route.collection += "/" + parts[at];
  route.all = base + "/" + parts[at];
  if (parts.size() > at + 1) route.name = parts[at + 1];
  if (parts.size() > at + 2) route.subresource = parts[at + 2];
  return true;
}

void FakeApi::emit(const Route& route, const char* type, const std::string& object) {
  past_.push_back({revision_, route.all, type, object});
  for (Watcher& watcher : watchers_)
    if (watcher.all == route.all)
      watcher.exchange->write({Slice::of(std::string(R"({"type":")") + type + R"(","object":)"),
                               Slice::of(object), Slice::literal("}\n")});
}

FakeApi::Answer FakeApi::store(const Route& route, const std::string& path, api::Json object,
                               bool fresh) {
  api::Allocator& pool = object.allocator();
  api::Value& metadata = api::child(object.root(), "metadata", pool);
  api::set(metadata, "resourceVersion", std::to_string(++revision_), pool);
  const bool deleting = !api::text_of(metadata, "deletionTimestamp").empty();
  const std::string text = api::to_text(object.root());
  if (deleting && !has_finalizers(object.root())) {
    objects_.erase(path);
    deleted_.push_back(path);
    emit(route, "DELETED", text);
  } else {
    objects_[path] = text;
    emit(route, fresh ? "ADDED" : "MODIFIED", text);
  }
  return {fresh ? 201 : 200, text};
}

FakeApi::Answer FakeApi::create(const Route& route, api::Json body) {
  api::Allocator& pool = body.allocator();
  api::Value& metadata = api::child(body.root(), "metadata", pool);
  std::string name(api::text_of(metadata, "name"));
  if (name.empty()) {
    name = std::string(api::text_of(metadata, "generateName")) + std::to_string(revision_ + 1);
    api::set(metadata, "name", name, pool);
  }
  const std::string path = route.collection + "/" + name;
  if (objects_.contains(path)) return {409, status_body(409, "AlreadyExists", "already exists")};
  if (!route.space.empty()) api::set(metadata, "namespace", route.space, pool);
  if (api::text_of(metadata, "uid").empty())
    api::set(metadata, "uid", "uid-" + std::to_string(revision_ + 1), pool);
  api::set(metadata, "creationTimestamp", "2026-11-24T05:00:00Z", pool);
  api::set(metadata, "generation", api::Value(1), pool);
  return store(route, path, std::move(body), true);
}

FakeApi::Answer FakeApi::replace(const Route& route, const api::Json& body, bool is_patch) {
  const std::string path = route.collection + "/" + route.name;
  const auto found = objects_.find(path);
  if (found == objects_.end()) return {404, status_body(404, "NotFound", "not found")};
  api::Json next = std::move(api::parse_json(found->second)).value();
  api::Allocator& pool = next.allocator();
  const api::Value* sent = api::find(body.root(), "metadata");
  const api::Value* now = api::find(next.root(), "metadata");
  for (const char* member : {"resourceVersion", "uid"}) {
    const std::string_view wanted = sent ? api::text_of(*sent, member) : std::string_view();
    if (!wanted.empty() && wanted != api::text_of(*now, member))
      return {409, status_body(409, "Conflict", "the object has been modified")};
  }
  const std::string before = api::to_text(next.root());
  const api::Json old = std::move(api::parse_json(before)).value();
  if (is_patch) {
    merge(next.root(), body.root(), pool);
  } else {
    for (const char* member : {"metadata", "spec", "data", "subsets", "endpoints", "ports"}) {
      const api::Value* value = api::find(body.root(), member);
      if (!route.subresource.empty() && route.subresource != "finalize") break;
      if (value != nullptr) api::set(next.root(), member, api::copy(*value, pool), pool);
    }
    if (const api::Value* value = api::find(body.root(), "status");
        value != nullptr && route.subresource == "status")
      api::set(next.root(), "status", api::copy(*value, pool), pool);
  }
  if (api::equal(next.root(), old.root())) return {200, before};
  const api::Value* spec = api::find(next.root(), "spec");
  const api::Value* old_spec = api::find(old.root(), "spec");
  if (spec != nullptr && old_spec != nullptr && !api::equal(*spec, *old_spec)) {
    api::Value& metadata = api::child(next.root(), "metadata", pool);
    api::set(metadata, "generation", api::Value(api::int_of(metadata, "generation") + 1), pool);
  }
  return store(route, path, std::move(next), false);
}

FakeApi::Answer FakeApi::bind(const Route& route, const api::Json& body) {
  const std::string path = route.collection + "/" + route.name;
  const auto found = objects_.find(path);
  if (found == objects_.end()) return {404, status_body(404, "NotFound", "not found")};
  api::Json pod = std::move(api::parse_json(found->second)).value();
  api::Value& spec = api::child(pod.root(), "spec", pod.allocator());
  if (!api::text_of(spec, "nodeName").empty())
    return {409, status_body(409, "Conflict", "already assigned")};
  const api::Value* node = api::find_path(body.root(), {"target", "name"});
  api::set(spec, "nodeName", std::string_view(node->GetString()), pod.allocator());
  store(route, path, std::move(pod), false);
  return {201, R"({"kind":"Status","status":"Success"})"};
}

FakeApi::Answer FakeApi::remove(const Route& route, const std::string& body) {
  const std::string path = route.collection + "/" + route.name;
  const auto found = objects_.find(path);
  if (found == objects_.end()) return {404, status_body(404, "NotFound", "not found")};
  api::Json object = std::move(api::parse_json(found->second)).value();
  api::Allocator& pool = object.allocator();
  api::Value& metadata = api::child(object.root(), "metadata", pool);
  Result<api::Json> options = api::parse_json(body);
  std::string policy;
  if (options.ok()) {
    policy = api::text_of(options.value().root(), "propagationPolicy");
    if (const api::Value* uid = api::find_path(options.value().root(), {"preconditions", "uid"}))
      if (uid->GetString() != std::string(api::text_of(metadata, "uid")))
        return {409, status_body(409, "Conflict", "another uid")};
  }
  if (policy == "Foreground" || policy == "Orphan") {
    api::Value* finalizers = api::find(metadata, "finalizers");
    if (finalizers == nullptr) {
      api::set(metadata, "finalizers", api::Value(rapidjson::kArrayType), pool);
      finalizers = api::find(metadata, "finalizers");
    }
    finalizers->PushBack(api::Value(policy == "Orphan" ? "orphan" : "foregroundDeletion", pool),
                         pool);
  }
  if (has_finalizers(object.root()) && !api::text_of(metadata, "deletionTimestamp").empty())
    return {200, found->second};
  api::set(metadata, "deletionTimestamp", "2026-11-24T05:00:00Z", pool);
  return store(route, path, std::move(object), false);
}

FakeApi::Answer FakeApi::remove_all(const Route& route, const std::string& body) {
  for (const std::string& path : list(route.collection + "/")) {
    Route one;
    parse(path, one);
    remove(one, body);
  }
  return {200, R"({"kind":"Status","status":"Success"})"};
}

FakeApi::Answer FakeApi::write(const net::Request& request, const Route& route) {
  Result<api::Json> body = api::parse_json(request.body.empty() ? "{}" : request.body);
  if (!body.ok()) return {400, status_body(400, "BadRequest", "not JSON")};
  if (request.method == "POST" && route.subresource == "binding") return bind(route, body.value());
  if (request.method == "POST") return create(route, std::move(body).value());
  if (request.method == "PUT") return replace(route, body.value(), false);
  if (request.method == "PATCH") return replace(route, body.value(), true);
  return route.name.empty() ? remove_all(route, request.body) : remove(route, request.body);
}

FakeApi::Answer FakeApi::read(const Route& route) const {
  if (!route.name.empty()) {
    const std::string object = get(route.collection + "/" + route.name);
    if (object.empty()) return {404, status_body(404, "NotFound", "not found")};
    return {200, object};
  }
  std::string items;
  for (const std::string& path : list(route.collection + "/"))
    items += (items.empty() ? "" : ",") + objects_.at(path);
  return {200, R"({"kind":"List","metadata":{"resourceVersion":")" + std::to_string(revision_) +
                   R"("},"items":[)" + items + "]}"};
}

void FakeApi::watch(const net::Request& request, const Route& route,
                    std::shared_ptr<net::Exchange> exchange) {
  const std::string from = query_value(request.query, "resourceVersion");
  const int64_t after = from.empty() ? 0 : std::stoll(from);
  if (after != 0 && after < forgotten_)
    return exchange->respond({410, {}, {Slice::of(status_body(410, "Expired", "too old"))}});
  exchange->begin(200, {});
  const auto send = [&](const std::string& type, const std::string& object) {
    exchange->write({Slice::of(R"({"type":")" + type + R"(","object":)"), Slice::of(object),
                     Slice::literal("}\n")});
  };
  if (after == 0) {
    for (const auto& [path, object] : objects_) {
      Route one;
      if (parse(path, one) && one.all == route.all) send("ADDED", object);
    }
    send("BOOKMARK", R"({"metadata":{"resourceVersion":")" + std::to_string(revision_) +
                         R"(","annotations":{"k8s.io/initial-events-end":"true"}}})");
  } else {
    for (const Past& past : past_)
      if (past.revision > after && past.all == route.all) send(past.type, past.object);
  }
  watchers_.push_back({route.all, std::move(exchange)});
}

void FakeApi::handle(net::Request request, std::shared_ptr<net::Exchange> exchange) {
  const std::unique_lock lock(mutex_);
  Route route;
  if (!parse(request.path, route)) {
    // Discovery: every version there is.
    const std::map<std::string, std::string> documents = {
        {"/api/v1", R"({"resources":[
            {"name":"pods","kind":"Pod","namespaced":true,"verbs":["list","watch","delete","deletecollection"]},
            {"name":"endpoints","kind":"Endpoints","namespaced":true,"verbs":[]},
            {"name":"services","kind":"Service","namespaced":true,"verbs":["list","watch","delete"]},
            {"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["list","watch","delete","deletecollection"]},
            {"name":"serviceaccounts","kind":"ServiceAccount","namespaced":true,"verbs":["list","watch","delete","deletecollection"]},
            {"name":"namespaces","kind":"Namespace","namespaced":false,"verbs":["list","watch","delete"]}]})"},
        {"/apis", R"({"groups":[{"name":"apps","preferredVersion":{"version":"v1"}},
            {"name":"discovery.k8s.io","preferredVersion":{"version":"v1"}}]})"},
        {"/apis/discovery.k8s.io/v1", R"({"resources":[
            {"name":"endpointslices","kind":"EndpointSlice","namespaced":true,"verbs":["list","watch","delete","deletecollection"]}]})"},
        {"/apis/apps/v1", R"({"resources":[
            {"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["list","watch","delete","deletecollection"]},
            {"name":"replicasets","kind":"ReplicaSet","namespaced":true,"verbs":["list","watch","delete","deletecollection"]}]})"}};
    const auto found = documents.find(request.path);
    if (request.path == refused_)
      return exchange->respond(
          {503, {}, {Slice::of(status_body(503, "ServiceUnavailable", "no answer"))}});
    if (found == documents.end())
      return exchange->respond({404, {}, {Slice::of(status_body(404, "NotFound", "no path"))}});
    return exchange->respond({200, {}, {Slice::of(found->second)}});
  }
  if (request.method == "GET" && request.query.find("watch=true") != std::string::npos)
    return watch(request, route, std::move(exchange));
  const bool is_write = request.method != "GET";
  // Events are best effort: their failing is another test.
  const bool spared = request.peer && request.peer->common_name == spared_;
  const bool counts = is_write && !spared && route.all != "/api/v1/events";
  writes_ += counts;
  const bool fail = counts && fail_in_ > 0 && --fail_in_ == 0;
  failed_ |= fail;
  Answer answer{503, status_body(503, "ServiceUnavailable", "injected")};
  if (!fail) answer = is_write ? write(request, route) : read(route);
  if (fail && fail_applied_) write(request, route);
  exchange->respond({answer.first, {}, {Slice::of(std::move(answer.second))}});
}

}  // namespace kist::testing
