// What the stages of the pipeline and the registry share, and one request on its way through them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/schema.h"
#include "kist/apiserver/server.h"
#include "kist/base/worker_pool.h"
#include "src/apiserver/admission/plugins.h"
#include "src/apiserver/authn/authn.h"
#include "src/apiserver/metrics.h"
#include "src/apiserver/negotiation.h"
#include "src/apiserver/open_calls.h"
#include "src/apiserver/registry/resource.h"
#include "src/apiserver/request_info.h"
#include "src/apiserver/status.h"
#include "src/apiserver/timers.h"
#include "src/apiserver/watch_cache.h"

namespace kist::apiserver {

// One served resource with everything that is looked up about it, once.
struct Served {
  const Resource* row = nullptr;
  const Resource* storage = nullptr;  // the row whose form is stored; often `row`
  const api::Kind* kind = nullptr;    // as served
  const api::Kind* stored_kind = nullptr;
  ResourceCache* cache = nullptr;  // null: never stored (reviews)

  bool converts() const { return row != storage; }
  const Strategy& strategy() const;
  std::string api_version() const;  // "apps/v1"
};

std::string api_version(std::string_view group, std::string_view version);

class CacheReader : public ObjectReader {
 public:
  explicit CacheReader(WatchCache& cache) : cache_(cache) {}
  Result<Slice> get(std::string_view group, std::string_view resource,
                    std::string_view namespace_name, std::string_view name) override;
  std::vector<Slice> list(std::string_view group, std::string_view resource) override;

 private:
  WatchCache& cache_;
};

struct Core {
  Core(datastore::Store& store, const Clock& clock, Options options);

  datastore::Store& store;
  const Clock& clock;
  const Options options;
  Metrics metrics;
  OpenCalls open_calls;
  WatchCache cache;
  CacheReader reader;
  std::vector<Served> served;
  std::unique_ptr<Admission> admission;
  Authenticator authenticator;
  std::shared_ptr<const ServiceAccountTokens> tokens;  // null: no key
  std::vector<ReadyCheck> checks;
  ApiServer::FindNode find_node;  // may be empty: no node is reachable
  std::atomic<bool> ready = false, stopping = false;
  std::unique_ptr<Timers> timers;
  std::unique_ptr<WorkerPool> workers;

  const Served* find(std::string_view group, std::string_view version,
                     std::string_view plural) const;
  int64_t now_seconds() const;
  std::string now_text() const;  // RFC 3339
};

// One request. Whoever holds it last has answered it; the exchange itself answers 500 otherwise.
struct Call : std::enable_shared_from_this<Call> {
  Call(Core& core, net::Request request, std::shared_ptr<net::Exchange> exchange);
  ~Call();

  // First, so that it ends when all else has. A watch releases it: the cache ends watches.
  OpenCalls::Token open;
  Core& core;
  net::Request request;
  std::shared_ptr<net::Exchange> exchange;
  Query query;
  RequestInfo info;
  Identity user;
  const Served* served = nullptr;  // null: no resource
  Format format;                   // of a good answer
  std::vector<std::string> warnings;
  std::chrono::steady_clock::time_point started;
  std::atomic<int>* inflight = nullptr;  // counted down at the end

  bool dry_run() const { return query.has("dryRun"); }
  void warn(std::string text);

  // Answers. Exactly one of them, once.
  // A document that clients revalidate: 304 where If-None-Match names `etag`.
  void respond_document(std::string body, std::string_view content_type, const std::string& etag);
  void respond(int status, std::vector<Slice> body, std::string_view content_type);
  void fail(const Error& error);
  void fail(const Error& error, StatusDetails details);
  // JSON text of a kind that is not stored (Status, Scale, reviews), in the format asked for.
  void respond_text(int status, std::string json, const api::Type* type);
  void respond_status(std::string status_json, int status);

  void count(int status, bool long_running);  // into the metrics
  std::vector<net::Header> answer_headers(std::string_view content_type) const;
};
using CallPtr = std::shared_ptr<Call>;

// Runs `task` on a worker.
void post(const CallPtr& call, std::function<void()> task);

}  // namespace kist::apiserver
