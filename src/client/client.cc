// Calls into the API server of this process: building requests, waiting, reading Status answers.
#include "kist/client/client.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "kist/base/mutex.h"

namespace kist::client {
namespace {

struct CodeRow {
  std::string_view reason;  // meta/v1 StatusReason
  int status;
  Code code;
};
// Rows with the same HTTP status: the first is what a body without a reason means.
constexpr CodeRow kCodes[] = {
    {"BadRequest", 400, Code::kBadRequest},
    {"Unauthorized", 401, Code::kUnauthorized},
    {"Forbidden", 403, Code::kForbidden},
    {"NotFound", 404, Code::kNotFound},
    {"MethodNotAllowed", 405, Code::kMethodNotAllowed},
    {"NotAcceptable", 406, Code::kNotAcceptable},
    {"Conflict", 409, Code::kConflict},
    {"AlreadyExists", 409, Code::kAlreadyExists},
    {"Expired", 410, Code::kExpired},
    {"Gone", 410, Code::kGone},
    {"RequestEntityTooLarge", 413, Code::kTooLarge},
    {"UnsupportedMediaType", 415, Code::kUnsupportedMediaType},
    {"Invalid", 422, Code::kInvalid},
    {"TooManyRequests", 429, Code::kTooManyRequests},
    {"InternalError", 500, Code::kInternal},
    {"ServiceUnavailable", 503, Code::kUnavailable},
    {"Timeout", 504, Code::kTimeout},
    {"ServerTimeout", 504, Code::kTimeout},
};

Code code_of(int status, std::string_view reason) {
  for (const CodeRow& row : kCodes)
    if (row.reason == reason) return row.code;
  for (const CodeRow& row : kCodes)
    if (row.status == status) return row.code;
  return Code::kInternal;
}

Slice joined(std::vector<Slice> parts) {
  if (parts.empty()) return {};
  if (parts.size() == 1) return std::move(parts.front());
  std::string text;
  for (const Slice& part : parts) text += part.view();
  return Slice::of(std::move(text));
}

// Collects one answer. Whoever drops it unanswered has refused to answer.
class CallExchange : public net::Exchange {
 public:
  explicit CallExchange(Client::Done done) : done_(std::move(done)) {}
  ~CallExchange() override {
    if (done_) finish_with(Error{Code::kUnavailable, "the API server gave no answer"});
  }

  void respond(net::Response response) override {
    if (!done_) return;
    Slice body = joined(std::move(response.body));
    if (response.status >= 200 && response.status < 300)
      finish_with(std::move(body));
    else
      finish_with(error_of_status(response.status, body.view()));
  }
  void begin(int status, std::vector<net::Header>) override { response_.status = status; }
  bool write(std::vector<Slice> chunk) override {
    for (Slice& part : chunk) response_.body.push_back(std::move(part));
    return true;
  }
  void finish() override { respond(std::move(response_)); }
  void on_close(std::function<void()>) override {}  // this peer always waits

 private:
  void finish_with(Result<Slice> result) { std::exchange(done_, {})(std::move(result)); }

  Client::Done done_;
  net::Response response_;
};

// Counts open calls for call_all(): lets kInFlightMax in and waits for the rest.
struct Gate {
  Mutex mutex;
  CondVar freed;
  size_t open GUARDED_BY(mutex) = 0;
  std::vector<std::optional<Result<Slice>>> results GUARDED_BY(mutex);
};

bool wait_below(Gate& gate, size_t limit) {
  const auto deadline = std::chrono::steady_clock::now() + kCallTimeout;
  MutexLock lock(gate.mutex);
  while (gate.open >= limit)
    if (!gate.freed.wait_until(gate.mutex, deadline)) return gate.open < limit;
  return true;
}

Result<api::Json> parsed(Result<Slice> body) {
  if (!body.ok()) return std::move(body).error();
  // Answers may be lists, which are longer than any request.
  return api::parse_json(body.value().view(), nullptr, {.bytes_max = 1u << 30});
}

void append_segment(std::string& path, std::string_view segment) {
  if (!segment.empty()) path.append("/").append(segment);
}

}  // namespace

const ResourceId kPods{"", "v1", "pods"}, kServices{"", "v1", "services"},
    kEndpoints{"", "v1", "endpoints"}, kNamespaces{"", "v1", "namespaces", false},
    kServiceAccounts{"", "v1", "serviceaccounts"}, kConfigMaps{"", "v1", "configmaps"},
    kEvents{"", "v1", "events"}, kNodes{"", "v1", "nodes", false},
    kReplicaSets{"apps", "v1", "replicasets"}, kDeployments{"apps", "v1", "deployments"},
    kEndpointSlices{"discovery.k8s.io", "v1", "endpointslices"};

std::string ResourceId::path(std::string_view space, std::string_view name) const {
  std::string path = group.empty() ? "/api" : "/apis/" + group;
  append_segment(path, version);
  if (namespaced && !space.empty()) path.append("/namespaces/").append(space);
  append_segment(path, plural);
  append_segment(path, name);
  return path;
}

Error error_of_status(int status, std::string_view body) {
  Result<api::Json> parsed_body = api::parse_json(body);
  if (!parsed_body.ok() || api::text_of(parsed_body.value().root(), "kind") != "Status")
    return Error{code_of(status, {}), "HTTP " + std::to_string(status)};
  const api::Value& root = parsed_body.value().root();
  const int code = static_cast<int>(api::int_of(root, "code", status));
  Error error{code_of(code, api::text_of(root, "reason")),
              std::string(api::text_of(root, "message"))};
  const api::Value* causes = api::find_path(root, {"details", "causes"});
  if (causes == nullptr || !causes->IsArray()) return error;
  for (const api::Value& cause : causes->GetArray())
    error.causes.push_back({std::string(api::text_of(cause, "reason")),
                            std::string(api::text_of(cause, "message")),
                            std::string(api::text_of(cause, "field"))});
  return error;
}

int64_t revision_of(const api::Value& object) {
  const api::Value* metadata = api::find(object, "metadata");
  if (metadata == nullptr) return 0;
  const std::string_view text = api::text_of(*metadata, "resourceVersion");
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string delete_options_body(const DeleteOptions& options) {
  api::Json json;
  api::Value& root = json.root();
  api::Allocator& pool = json.allocator();
  root.SetObject();
  api::set(root, "apiVersion", "v1", pool);
  api::set(root, "kind", "DeleteOptions", pool);
  if (!options.uid.empty())
    api::set(api::child(root, "preconditions", pool), "uid", options.uid, pool);
  if (!options.resource_version.empty())
    api::set(api::child(root, "preconditions", pool), "resourceVersion", options.resource_version,
             pool);
  if (!options.propagation_policy.empty())
    api::set(root, "propagationPolicy", options.propagation_policy, pool);
  return api::to_text(root);
}

net::Request Client::request_of(Call call) const {
  net::Request request;
  request.method = std::move(call.method);
  request.path = std::move(call.path);
  request.query = std::move(call.query);
  request.headers = {{"Accept", "application/json"}, {"User-Agent", "kist/in-process"}};
  if (!call.body.empty()) request.headers.push_back({"Content-Type", call.content_type});
  request.body = std::move(call.body);
  request.peer = identity_;
  request.remote_address = "in-process";
  return request;
}

void Client::send(Call call, Done done) const {
  handler_.handle(request_of(std::move(call)), std::make_shared<CallExchange>(std::move(done)));
}

Result<Slice> Client::call(Call call) const {
  std::vector<Call> calls;
  calls.push_back(std::move(call));
  return std::move(call_all(std::move(calls)).front());
}

std::vector<Result<Slice>> Client::call_all(std::vector<Call> calls) const {
  auto gate = std::make_shared<Gate>();  // late answers find it even after a time-out
  {
    MutexLock lock(gate->mutex);
    gate->results.resize(calls.size());
  }
  for (size_t i = 0; i < calls.size() && wait_below(*gate, kInFlightMax); ++i) {
    {
      MutexLock lock(gate->mutex);
      ++gate->open;
    }
    send(std::move(calls[i]), [gate, i](Result<Slice> result) {
      MutexLock lock(gate->mutex);
      gate->results[i] = std::move(result);
      --gate->open;
      gate->freed.notify_one();
    });
  }
  wait_below(*gate, 1);
  std::vector<Result<Slice>> results;
  MutexLock lock(gate->mutex);
  for (std::optional<Result<Slice>>& result : gate->results)
    results.push_back(result ? std::move(*result)
                             : Result<Slice>(Error{Code::kTimeout, "no answer in time"}));
  return results;
}

Result<api::Json> Client::get(const ResourceId& resource, std::string_view space,
                              std::string_view name) const {
  return parsed(call({.path = resource.path(space, name)}));
}

Result<api::Json> Client::list(const ResourceId& resource, std::string_view space,
                               std::string query) const {
  return parsed(call({.path = resource.path(space), .query = std::move(query)}));
}

Result<api::Json> Client::create(const ResourceId& resource, std::string_view space,
                                 const api::Value& object) const {
  return parsed(
      call({.method = "POST", .path = resource.path(space), .body = api::to_text(object)}));
}

Result<api::Json> Client::update(const ResourceId& resource, const api::Value& object,
                                 std::string_view subresource) const {
  const api::Value* metadata = api::find(object, "metadata");
  if (metadata == nullptr) return Error{Code::kInvalid, "update of an object without metadata"};
  std::string path =
      resource.path(api::text_of(*metadata, "namespace"), api::text_of(*metadata, "name"));
  append_segment(path, subresource);
  return parsed(call({.method = "PUT", .path = std::move(path), .body = api::to_text(object)}));
}

Result<api::Json> Client::merge_patch(const ResourceId& resource, std::string_view space,
                                      std::string_view name, std::string patch) const {
  return parsed(call({.method = "PATCH",
                      .path = resource.path(space, name),
                      .content_type = "application/merge-patch+json",
                      .body = std::move(patch)}));
}

Result<> Client::remove(const ResourceId& resource, std::string_view space, std::string_view name,
                        const DeleteOptions& options) const {
  TRY(call({.method = "DELETE",
            .path = resource.path(space, name),
            .body = delete_options_body(options)}));
  return {};
}

}  // namespace kist::client
