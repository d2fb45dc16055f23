// A client of the Kubernetes API inside the process that serves it.
//
// Calls go to a net::Handler without a socket, through the same pipeline as any other client's; the
// bytes of answers and watch events are shared with the server, not copied.
//
// Threads:   any. call(), call_all() and what is built on them block until the answer is there: for
//            controllers' threads only. send() and watch() never block.
// Ownership: the Handler must outlive the Client and every open watch.
// Errors:    what the server answered, rebuilt from its Status: code, message, causes.
// kUnavailable:
//            no answer was given. kTimeout: none within kCallTimeout.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/json.h"
#include "kist/base/buffer.h"
#include "kist/base/result.h"
#include "kist/net/handler.h"

namespace kist::client {

// Where a resource is served.
struct ResourceId {
  std::string group, version, plural;
  bool namespaced = true;
  auto operator<=>(const ResourceId&) const = default;

  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
  // "/apis/apps/v1/namespaces/web/deployments/nginx"; without a namespace: of all namespaces.
  std::string path(std::string_view space = {}, std::string_view name = {}) const;
};

extern const ResourceId kPods, kServices, kEndpoints, kNamespaces, kServiceAccounts, kConfigMaps,
    kEvents, kNodes, kReplicaSets, kDeployments, kEndpointSlices;

struct Call {
  std::string method = "GET";
  std::string path;
  std::string query = {};
  std::string content_type = "application/json";
  std::string body = {};
};

struct DeleteOptions {
  std::string_view uid = {};          // precondition; empty: none
  std::string resource_version = {};  // precondition; empty: none
  std::string_view propagation_policy =
      {};  // "Background", "Foreground", "Orphan"; empty: the default
};

inline constexpr std::chrono::seconds kCallTimeout{60};
// Calls of one call_all() that are open at a time; below the server's own bound on writes.
inline constexpr size_t kInFlightMax = 100;

struct WatchEvent {
  std::string_view type;  // "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"; a literal
  Slice object;           // JSON; shared with the server where it sent it in one piece
};

// Callbacks of a watch. They run on the server's threads, never two at a time, and must not block.
struct WatchSink {
  std::function<bool(WatchEvent)> event;  // false: stop, as if the watch had ended
  std::function<void(Result<>)> ended;    // once; ok: the server closed it in the ordinary way
};

// An open watch. Destroying it ends it; no callback runs after the destructor returned. It must not
// be destroyed in one of its own callbacks.
class WatchStream {
 public:
  virtual ~WatchStream() = default;
};

class Client {
 public:
  using Done = std::function<void(Result<Slice>)>;  // the body of a 2xx answer

  Client(net::Handler& handler, net::PeerIdentity identity)
      : handler_(handler), identity_(std::move(identity)) {}

  // `done` runs once, on any thread, perhaps before send() returns; it must not block.
  void send(Call call, Done done) const;
  Result<Slice> call(Call call) const;
  // All of them, kInFlightMax at a time; results in the order of the calls.
  std::vector<Result<Slice>> call_all(std::vector<Call> calls) const;
  std::unique_ptr<WatchStream> watch(std::string path, std::string query, WatchSink sink) const;

  // `space` and `subresource` may be empty.
  Result<api::Json> get(const ResourceId& resource, std::string_view space,
                        std::string_view name) const;
  Result<api::Json> list(const ResourceId& resource, std::string_view space,
                         std::string query = {}) const;
  Result<api::Json> create(const ResourceId& resource, std::string_view space,
                           const api::Value& object) const;
  // The namespace and name are the object's own.
  Result<api::Json> update(const ResourceId& resource, const api::Value& object,
                           std::string_view subresource = {}) const;
  Result<api::Json> update_status(const ResourceId& resource, const api::Value& object) const {
    return update(resource, object, "status");
  }
  Result<api::Json> merge_patch(const ResourceId& resource, std::string_view space,
                                std::string_view name, std::string patch) const;
  Result<> remove(const ResourceId& resource, std::string_view space, std::string_view name,
                  const DeleteOptions& options = {}) const;

 private:
  net::Request request_of(Call call) const;

  net::Handler& handler_;
  const net::PeerIdentity identity_;
};

// The Error that a Status body tells; `status` is the HTTP code where the body is something else.
Error error_of_status(int status, std::string_view body);
std::string delete_options_body(const DeleteOptions& options);
int64_t revision_of(const api::Value& object);  // metadata.resourceVersion, 0 where there is none

}  // namespace kist::client
