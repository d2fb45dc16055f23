// One thread: takes all Services that changed since the last time, and makes one transaction of
// them. While one is under way the next gathers, so a storm of changes becomes few transactions.
#include "kist/proxy/proxy.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "kist/base/log.h"
#include "kist/base/mutex.h"
#include "kist/base/worker_pool.h"
#include "kist/client/cache.h"
#include "kist/client/client.h"
#include "src/proxy/plan.h"
#include "src/proxy/rules.h"

namespace kist::proxy {
namespace {

using client::ObjectPtr;

constexpr std::chrono::milliseconds kRetryFirst{50}, kRetryMax{30'000};

std::string_view label(const client::Object& object, std::string_view key) {
  for (const auto& [name, value] : object.labels)
    if (name == key) return value;
  return {};
}

bool has_label(const client::Object& object, std::string_view key) {
  for (const auto& [name, value] : object.labels)
    if (name == key) return true;
  return false;
}

class Proxy : public Component {
 public:
  Proxy(net::Handler& handler, const Clock& clock, cni::ServiceTable& table, Options options);
  ~Proxy() override { stop(); }

  const char* name() const override { return "proxy"; }
  Result<> start() override;
  void stop() override;

 private:
  void wake(std::string key);
  void slice_changed(const ObjectPtr& old, const ObjectPtr& next);
  void run();
  // The Services that changed; nothing: it is time to stop. After a failure it waits so long.
  std::optional<std::set<std::string>> next_keys(std::chrono::milliseconds delay);
  cni::Services plan_of(const std::string& key) const;
  // Plans these, and those that they made room for.
  cni::ServiceChanges changes_of(std::set<std::string> keys);

  const Clock& clock_;
  cni::ServiceTable& table_;
  const Options options_;
  const client::Client client_;
  client::CacheSet caches_;
  client::Cache& services_;
  client::Cache& slices_;
  Rules rules_;  // of start(), then of the thread

  mutable Mutex mutex_;
  CondVar wake_;
  std::set<std::string> dirty_ GUARDED_BY(mutex_);
  std::map<std::string, std::set<ObjectPtr>> slices_of_ GUARDED_BY(mutex_);  // by Service
  bool stopping_ GUARDED_BY(mutex_) = false;

  std::jthread thread_;
};

Proxy::Proxy(net::Handler& handler, const Clock& clock, cni::ServiceTable& table, Options options)
    : clock_(clock),
      table_(table),
      options_(std::move(options)),
      client_(handler, options_.identity),
      caches_(client_),
      services_(caches_.of(client::kServices)),
      slices_(caches_.of(client::kEndpointSlices)) {
  services_.on_change(
      [this](const ObjectPtr& old, const ObjectPtr& next) { wake((next ? next : old)->key()); });
  slices_.on_change(
      [this](const ObjectPtr& old, const ObjectPtr& next) { slice_changed(old, next); });
}

void Proxy::wake(std::string key) {
  MutexLock lock(mutex_);
  dirty_.insert(std::move(key));
  wake_.notify_all();
}

void Proxy::slice_changed(const ObjectPtr& old, const ObjectPtr& next) {
  const auto service_of = [](const client::Object& slice) {
    const std::string_view name = label(slice, kServiceNameLabel);
    return name.empty() ? std::string() : client::key_of(slice.space, name);
  };
  MutexLock lock(mutex_);
  if (old) {
    const auto found = slices_of_.find(service_of(*old));
    if (found != slices_of_.end()) {
      found->second.erase(old);
      if (found->second.empty()) slices_of_.erase(found);
    }
    dirty_.insert(service_of(*old));
  }
  if (next && !service_of(*next).empty()) {
    slices_of_[service_of(*next)].insert(next);
    dirty_.insert(service_of(*next));
  }
  dirty_.erase("");
  wake_.notify_all();
}

cni::Services Proxy::plan_of(const std::string& key) const {
  const size_t slash = key.find('/');
  const ObjectPtr service = services_.get(key.substr(0, slash), key.substr(slash + 1));
  if (!service || has_label(*service, kOtherProxyLabel)) return {};
  std::set<ObjectPtr> slices;
  {
    MutexLock lock(mutex_);
    const auto found = slices_of_.find(key);
    if (found != slices_of_.end()) slices = found->second;
  }
  std::vector<api::Json> parsed;
  for (const ObjectPtr& slice : slices)
    if (!has_label(*slice, kOtherProxyLabel)) parsed.push_back(slice->parse());
  std::vector<const api::Value*> values;
  for (const api::Json& slice : parsed) values.push_back(&slice.root());
  const api::Json parsed_service = service->parse();
  return plan_service(parsed_service.root(), values, options_);
}

cni::ServiceChanges Proxy::changes_of(std::set<std::string> keys) {
  cni::ServiceChanges changes;
  while (!keys.empty()) {
    for (const std::string& key : keys) rules_.plan(key, plan_of(key), changes);
    keys = rules_.take_waiting();
  }
  return changes;
}

Result<> Proxy::start() {
  TRY(table_.start());
  caches_.start();
  TRY(caches_.wait_synced());  // half of the Services would cut connections of the others
  std::set<std::string> keys;
  {
    MutexLock lock(mutex_);
    keys.swap(dirty_);
  }
  cni::Services all;
  for (auto& [frontend, backends] : changes_of(std::move(keys)))
    if (backends) all[frontend] = std::move(*backends);
  TRY(table_.replace(all));
  thread_ = std::jthread([this] { run(); });
  return {};
}

void Proxy::stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  caches_.stop();
}

std::optional<std::set<std::string>> Proxy::next_keys(std::chrono::milliseconds delay) {
  const auto until = clock_.steady() + delay;
  const bool waits = delay.count() > 0;
  MutexLock lock(mutex_);
  while (!stopping_) {
    if (waits && !wake_.wait_until(mutex_, until)) break;
    if (!waits && !dirty_.empty()) break;
    if (!waits) wake_.wait(mutex_);
  }
  if (stopping_) return {};
  return std::exchange(dirty_, {});
}

void Proxy::run() {
  name_this_thread("proxy");
  cni::ServiceChanges due;
  std::chrono::milliseconds delay{0};
  while (std::optional<std::set<std::string>> keys = next_keys(delay)) {
    for (auto& [frontend, backends] : changes_of(std::move(*keys)))
      due[frontend] = std::move(backends);
    const Result<> applied = table_.apply(due);
    if (applied.ok()) {
      due.clear();
      delay = std::chrono::milliseconds(0);
      continue;
    }
    // What failed stays due and is tried again together with what changes meanwhile.
    delay = delay.count() == 0 ? kRetryFirst : std::min(delay * 2, kRetryMax);
    log_error("service rules not written",
              {{"error", applied.error().message}, {"retry_ms", std::to_string(delay.count())}});
  }
}

}  // namespace

std::unique_ptr<Component> make_proxy(net::Handler& handler, const Clock& clock,
                                      cni::ServiceTable& table, Options options) {
  return std::make_unique<Proxy>(handler, clock, table, std::move(options));
}

}  // namespace kist::proxy
