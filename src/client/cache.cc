// One cache: the state of its watch, and the maps that events change.
#include "kist/client/cache.h"

#include <algorithm>
#include <atomic>

#include "kist/base/log.h"

namespace kist::client {
namespace {

constexpr std::chrono::milliseconds kReconnectFirst{50};
constexpr std::chrono::milliseconds kReconnectMax{10'000};

bool ends_initial_events(const api::Value& bookmark) {
  const api::Value* annotations = api::find_path(bookmark, {"metadata", "annotations"});
  return annotations != nullptr &&
         api::text_of(*annotations, "k8s.io/initial-events-end") == "true";
}

}  // namespace

Cache::Cache(CacheSet& set, ResourceId resource, Projection projection)
    : set_(set), resource_(std::move(resource)), projection_(projection) {}

Cache::~Cache() = default;

void Cache::on_change(ChangeHandler handler) { handlers_.push_back(std::move(handler)); }

void Cache::open() {
  stream_.reset();
  const uint64_t number = ++stream_number_;
  std::string query = "allowWatchBookmarks=true";
  {
    MutexLock lock(mutex_);
    listing_ = revision_ == 0;
    if (listing_)
      query += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    else
      query += "&resourceVersion=" + std::to_string(revision_);
  }
  listed_.clear();
  // Counts what is queued for us, so that a stuck process cannot pile events up without a bound.
  auto queued = std::make_shared<std::atomic<size_t>>(0);
  WatchSink sink;
  sink.event = [this, number, queued](WatchEvent event) {
    if (queued->fetch_add(1) >= kCacheBacklogMax) return false;
    return set_.post([this, number, queued, event = std::move(event)]() mutable {
      queued->fetch_sub(1);
      if (number == stream_number_) apply(std::move(event));
    });
  };
  sink.ended = [this, number](Result<> how) {
    set_.post([this, number, how = std::move(how)]() mutable {
      if (number == stream_number_) close(std::move(how));
    });
  };
  stream_ = set_.client_.watch(resource_.path(), std::move(query), std::move(sink));
}

void Cache::close(Result<> how) {
  ++stream_number_;
  stream_.reset();
  if (!how.ok() && (how.error().code == Code::kExpired || how.error().code == Code::kGone)) {
    MutexLock lock(mutex_);
    revision_ = 0;  // our place is forgotten: everything anew
  } else if (!how.ok()) {
    log_warn("watch ended", {{"resource", resource_.plural}, {"error", how.error().message}});
  }
  const std::chrono::milliseconds delay = backoff_;
  backoff_ = std::clamp(backoff_ * 2, kReconnectFirst, kReconnectMax);
  set_.post_after(delay, [this] { open(); });
}

void Cache::apply(WatchEvent event) {
  if (event.type == "ERROR") {
    const Error error = error_of_status(500, event.object.view());
    return close(error);
  }
  if (event.type == "BOOKMARK") {
    Result<api::Json> json = api::parse_json(event.object.view());
    if (!json.ok()) return;
    const int64_t revision = revision_of(json.value().root());
    if (listing_ && ends_initial_events(json.value().root())) return finish_initial(revision);
    MutexLock lock(mutex_);
    if (!listing_) revision_ = std::max(revision_, revision);
    changed_.notify_all();
    return;
  }
  Result<ObjectPtr> object = object_of(std::move(event.object));
  if (!object.ok()) {
    log_error("watch event unreadable",
              {{"resource", resource_.plural}, {"error", object.error().message}});
    return;
  }
  backoff_ = std::chrono::milliseconds(0);
  Key key{object.value()->space, object.value()->name};
  const int64_t revision = object.value()->revision;
  if (listing_) listed_[key] = event.type != "DELETED";
  if (event.type == "DELETED")
    drop(key);
  else
    put(std::move(object).value());
  MutexLock lock(mutex_);
  if (!listing_) revision_ = std::max(revision_, revision);
  changed_.notify_all();
}

// What was there before the watch began anew and did not come again was deleted meanwhile.
void Cache::finish_initial(int64_t revision) {
  std::vector<Key> gone;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, object] : objects_)
      if (!listed_.contains(key)) gone.push_back(key);
  }
  for (const Key& key : gone) drop(key);
  listed_.clear();
  listing_ = false;
  MutexLock lock(mutex_);
  revision_ = std::max<int64_t>(revision, 1);
  synced_ = true;
  changed_.notify_all();
}

void Cache::put(ObjectPtr object) {
  if (projection_ != nullptr) {
    auto with_view = std::make_shared<Object>(*object);
    with_view->view = projection_(object->parse().root());
    object = std::move(with_view);
  }
  ObjectPtr old;
  {
    MutexLock lock(mutex_);
    ObjectPtr& place = objects_[{object->space, object->name}];
    old = place;
    if (old) index(old, false);
    place = object;
    index(object, true);
  }
  // Another uid under the name: for handlers the one object went and another came.
  if (old && old->uid != object->uid) notify(std::exchange(old, nullptr), nullptr);
  if (!old || old->revision != object->revision) notify(old, object);
}

void Cache::drop(const Key& key) {
  ObjectPtr old;
  {
    MutexLock lock(mutex_);
    const auto found = objects_.find(key);
    if (found == objects_.end()) return;
    old = std::move(found->second);
    objects_.erase(found);
    index(old, false);
  }
  notify(old, nullptr);
}

void Cache::index(const ObjectPtr& object, bool add) {
  if (add)
    uids_[object->uid] = object;
  else
    uids_.erase(object->uid);
  for (const OwnerReference& owner : object->owners) {
    if (add) {
      owned_.emplace(owner.uid, object);
      continue;
    }
    auto [at, end] = owned_.equal_range(owner.uid);
    at = std::find_if(at, end, [&](const auto& entry) { return entry.second == object; });
    if (at != end) owned_.erase(at);
  }
}

void Cache::notify(const ObjectPtr& old, const ObjectPtr& next) {
  for (const ChangeHandler& handler : handlers_) handler(old, next);
}

ObjectPtr Cache::get(std::string_view space, std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find({std::string(space), std::string(name)});
  return found == objects_.end() ? nullptr : found->second;
}

ObjectPtr Cache::by_uid(std::string_view uid) const {
  MutexLock lock(mutex_);
  const auto found = uids_.find(std::string(uid));
  return found == uids_.end() ? nullptr : found->second;
}

ObjectList Cache::list(std::string_view space) const {
  ObjectList all;
  MutexLock lock(mutex_);
  for (auto at = objects_.lower_bound({std::string(space), ""}); at != objects_.end(); ++at) {
    if (!space.empty() && at->first.space != space) break;
    all.push_back(at->second);
  }
  return all;
}

ObjectList Cache::owned_by(std::string_view owner_uid) const {
  ObjectList owned;
  MutexLock lock(mutex_);
  auto [at, end] = owned_.equal_range(std::string(owner_uid));
  for (; at != end; ++at) owned.push_back(at->second);
  return owned;
}

bool Cache::synced() const {
  MutexLock lock(mutex_);
  return synced_;
}

Result<> Cache::wait(const std::function<bool()>& satisfied) const {
  const auto deadline = std::chrono::steady_clock::now() + kCacheWaitMax;
  MutexLock lock(mutex_);
  while (!satisfied())
    if (!changed_.wait_until(mutex_, deadline) && !satisfied())
      return Error{Code::kTimeout, "the cache of " + resource_.plural + " lags behind"};
  return {};
}

Result<> Cache::wait_for(int64_t revision) const {
  return wait([&]() REQUIRES_LOCK(mutex_) { return revision_ >= revision; });
}

Result<> Cache::wait_gone(std::string_view uid) const {
  return wait([&, key = std::string(uid)]() REQUIRES_LOCK(mutex_) {
    const auto found = uids_.find(key);
    return found == uids_.end() || found->second->deleting;
  });
}

Result<> Cache::wait_synced() const {
  return wait([&]() REQUIRES_LOCK(mutex_) { return synced_; });
}

}  // namespace kist::client
