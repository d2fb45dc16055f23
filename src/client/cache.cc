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
  before_ = listing_ ? list() : ObjectList();
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
  Result<ObjectPtr> object = object_of(std::move(event.object), projection_);
  if (!object.ok()) {
    log_error("watch event unreadable",
              {{"resource", resource_.plural}, {"error", object.error().message}});
    return;
  }
  backoff_ = std::chrono::milliseconds(0);
  const int64_t revision = object.value()->revision;
  if (event.type == "DELETED")
    drop({object.value()->space, object.value()->name});
  else
    put(std::move(object).value());
  MutexLock lock(mutex_);
  if (!listing_) revision_ = std::max(revision_, revision);
  changed_.notify_all();
}

// What was there before the watch began anew and did not come again was deleted meanwhile: what
// comes takes the place of the object that was there.
void Cache::finish_initial(int64_t revision) {
  for (const ObjectPtr& object : std::exchange(before_, {}))
    if (get(object->space, object->name) == object) drop({object->space, object->name});
  listing_ = false;
  MutexLock lock(mutex_);
  revision_ = std::max<int64_t>(revision, 1);
  synced_ = true;
  changed_.notify_all();
}

void Cache::put(ObjectPtr object) {
  ObjectPtr old;
  {
    MutexLock lock(mutex_);
    auto place = objects_.extract(object);
    if (place.empty()) {
      objects_.insert(object);
    } else {
      old = std::exchange(place.value(), object);
      index(old, false);
      objects_.insert(std::move(place));
    }
    index(object, true);
  }
  // Another uid under the name: for handlers the one object went and another came.
  if (old && old->uid != object->uid) notify(std::exchange(old, nullptr), nullptr);
  if (!old || old->revision != object->revision) notify(old, object);
}

void Cache::drop(const Place& place) {
  ObjectPtr old;
  {
    MutexLock lock(mutex_);
    const auto found = objects_.find(place);
    if (found == objects_.end()) return;
    old = *found;
    objects_.erase(found);
    index(old, false);
  }
  notify(old, nullptr);
}

void Cache::index(const ObjectPtr& object, bool add) {
  if (add)
    uids_.insert(object.get());
  else
    uids_.erase(object.get());
  for (const OwnerReference& owner : object->owners) {
    Owned entry{owner.uid, object};
    if (add)
      owned_.insert(std::move(entry));
    else
      owned_.erase(entry);
  }
}

void Cache::notify(const ObjectPtr& old, const ObjectPtr& next) {
  for (const ChangeHandler& handler : handlers_) handler(old, next);
}

ObjectPtr Cache::get(std::string_view space, std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = objects_.find(Place{space, name});
  return found == objects_.end() ? nullptr : *found;
}

ObjectPtr Cache::by_uid(std::string_view uid) const {
  MutexLock lock(mutex_);
  const auto found = uids_.find(uid);
  if (found == uids_.end()) return nullptr;
  return *objects_.find(Place{(*found)->space, (*found)->name});
}

ObjectList Cache::list(std::string_view space) const {
  ObjectList all;
  MutexLock lock(mutex_);
  for (auto at = objects_.lower_bound(Place{space, {}}); at != objects_.end(); ++at) {
    if (!space.empty() && (*at)->space != space) break;
    all.push_back(*at);
  }
  return all;
}

ObjectList Cache::owned_by(std::string_view owner_uid) const {
  ObjectList owned;
  MutexLock lock(mutex_);
  for (auto at = owned_.lower_bound(Owned{owner_uid, nullptr});
       at != owned_.end() && at->owner_uid == owner_uid; ++at)
    owned.push_back(at->object);
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
  return wait([&]() REQUIRES_LOCK(mutex_) {
    const auto found = uids_.find(uid);
    return found == uids_.end() || (*found)->deleting;
  });
}

Result<> Cache::wait_synced() const {
  return wait([&]() REQUIRES_LOCK(mutex_) { return synced_; });
}

}  // namespace kist::client
