// Current objects, a ring of events, and the hand-over from one to the other without a gap.
#include "src/apiserver/watch_cache.h"

#include <algorithm>
#include <map>

namespace kist::apiserver {
namespace {

std::string storage_prefix(const Resource& row) {
  std::string prefix(kRegistryPrefix);
  prefix += row.group.empty() ? "core" : row.group;
  prefix += '/';
  prefix += row.plural;
  return prefix += '/';
}

// "/registry/<group>/<resource>/" of a key, or empty.
std::string_view prefix_of(std::string_view key) {
  size_t group = key.find('/', kRegistryPrefix.size());
  if (group == std::string_view::npos) return {};
  size_t resource = key.find('/', group + 1);
  if (resource == std::string_view::npos) return {};
  return key.substr(0, resource + 1);
}

std::string source_path(const Resource& row, std::string_view field) {
  for (const FieldSource& source : row.field_sources) {
    if (source.field == field) return std::string(source.path);
  }
  return std::string(field);
}

size_t bytes_of(const CacheEvent& event) {
  size_t bytes = event.previous == nullptr ? 0 : event.previous->bytes().size();
  if (event.type == datastore::EventType::kDeleted) bytes += event.object->bytes().size();
  return bytes;
}

}  // namespace

std::vector<Slice> CacheEvent::encoded(uint32_t key,
                                       const std::function<std::vector<Slice>()>& make) const {
  {
    MutexLock lock(mutex);
    for (const auto& [made, slices] : encodings) {
      if (made == key) return slices;
    }
  }
  std::vector<Slice> slices = make();  // twice at worst, when two ask at the same moment
  MutexLock lock(mutex);
  encodings.emplace_back(key, slices);
  return slices;
}

ResourceCache::ResourceCache(WatchCache& cache, const Resource& row,
                             const std::vector<std::string>& fields)
    : cache_(cache), row_(row), prefix_(storage_prefix(row)), index_(fields) {}

std::string ResourceCache::key(std::string_view namespace_name, std::string_view name) const {
  std::string key = prefix_;
  if (row_.namespaced) {
    key += namespace_name;
    key += '/';
  }
  key += name;
  return key;
}

ObjectPtr ResourceCache::get(std::string_view namespace_name, std::string_view name) const {
  MutexLock lock(cache_.mutex_);
  auto found = objects_.find(ObjectKey{namespace_name, name});
  return found == objects_.end() ? nullptr : found->object;
}

Snapshot ResourceCache::list(std::string_view namespace_name, const ObjectKey* after) const {
  MutexLock lock(cache_.mutex_);
  return list_locked(namespace_name, after);
}

Snapshot ResourceCache::list_locked(std::string_view namespace_name, const ObjectKey* after) const {
  Snapshot snapshot;
  snapshot.revision = cache_.revision_.load();
  if (namespace_name.empty() && after == nullptr) snapshot.objects.reserve(objects_.size());
  auto from = after != nullptr ? objects_.upper_bound(*after)
                               : objects_.lower_bound(ObjectKey{namespace_name, {}});
  for (; from != objects_.end(); ++from) {
    if (!namespace_name.empty() && from->object->namespace_name() != namespace_name) break;
    snapshot.objects.push_back(from->object);
  }
  return snapshot;
}

Result<Snapshot> ResourceCache::list_at(int64_t revision, std::string_view namespace_name,
                                        const ObjectKey* after) const {
  Snapshot snapshot;
  std::vector<EventPtr> later;
  {
    MutexLock lock(cache_.mutex_);
    if (revision < floor_) {
      return Error{Code::kExpired, "The resourceVersion for the provided list is too old."};
    }
    snapshot = list_locked(namespace_name, after);
    for (auto event = ring_.rbegin(); event != ring_.rend(); ++event) {
      if ((*event)->revision <= revision) break;
      later.push_back(*event);
    }
  }
  if (snapshot.revision <= revision || later.empty()) {
    snapshot.revision = std::min(snapshot.revision, revision);
    return snapshot;
  }

  // Newest first: the oldest event after `revision` decides what an object was.
  std::map<ObjectKey, ObjectPtr> undone;
  for (const EventPtr& event : later) {
    ObjectKey key{event->object->namespace_name(), event->object->name()};
    if (!namespace_name.empty() && key.namespace_name != namespace_name) continue;
    if (after != nullptr && key <= *after) continue;
    undone[key] = event->previous;
  }
  std::vector<ObjectPtr> merged;
  merged.reserve(snapshot.objects.size() + undone.size());
  for (ObjectPtr& object : snapshot.objects) {
    if (!undone.contains({object->namespace_name(), object->name()})) {
      merged.push_back(std::move(object));
    }
  }
  for (auto& [key, object] : undone) {
    if (object != nullptr) merged.push_back(object);
  }
  std::sort(merged.begin(), merged.end(), [](const ObjectPtr& a, const ObjectPtr& b) {
    return ObjectKey{a->namespace_name(), a->name()} < ObjectKey{b->namespace_name(), b->name()};
  });
  return Snapshot{std::move(merged), revision};
}

size_t ResourceCache::size() const {
  MutexLock lock(cache_.mutex_);
  return objects_.size();
}

Result<ResourceCache::Subscription> ResourceCache::subscribe(std::shared_ptr<Watcher> watcher,
                                                             bool with_state, int64_t after,
                                                             std::string_view namespace_name) {
  MutexLock lock(cache_.mutex_);
  Subscription subscription;
  subscription.state.revision = cache_.revision_.load();
  if (with_state) {
    subscription.state = list_locked(namespace_name, nullptr);
  } else {
    if (after < floor_) {
      return Error{Code::kExpired, "too old resource version: " + std::to_string(after) + " (" +
                                       std::to_string(floor_) + ")"};
    }
    auto first = std::partition_point(ring_.begin(), ring_.end(), [&](const EventPtr& event) {
      return event->revision <= after;
    });
    subscription.events.assign(first, ring_.end());
  }
  const Watcher* id = watcher.get();
  watchers_.emplace(id, std::move(watcher));
  watchers_copy_ = nullptr;
  return subscription;
}

void ResourceCache::unsubscribe(const Watcher* watcher) {
  std::shared_ptr<Watcher> last;  // destroyed after the lock is gone
  MutexLock lock(cache_.mutex_);
  auto found = watchers_.find(watcher);
  if (found == watchers_.end()) return;
  last = std::move(found->second);
  watchers_.erase(found);
  watchers_copy_ = nullptr;
}

std::shared_ptr<const ResourceCache::Watchers> ResourceCache::watchers_locked() {
  if (watchers_copy_ == nullptr) {
    auto copy = std::make_shared<Watchers>();
    copy->reserve(watchers_.size());
    for (const auto& [id, watcher] : watchers_) copy->push_back(watcher);
    watchers_copy_ = std::move(copy);
  }
  return watchers_copy_;
}

EventPtr ResourceCache::apply_locked(datastore::EventType type, ObjectPtr object) {
  auto event = std::make_shared<CacheEvent>();
  event->type = type;
  event->revision = object->revision();
  event->object = object;
  auto found = objects_.find(ObjectKey{object->namespace_name(), object->name()});
  if (found != objects_.end()) event->previous = found->object;
  if (type == datastore::EventType::kDeleted) {
    if (found != objects_.end()) objects_.erase(found);
  } else if (found != objects_.end()) {
    found->object = std::move(object);
  } else {
    objects_.insert(Slot{std::move(object)});
  }
  remember_locked(event);
  return event;
}

void ResourceCache::remember_locked(EventPtr event) {
  ring_bytes_ += bytes_of(*event);
  ring_.push_back(std::move(event));
  while (ring_.size() > kRingEventsMax || (ring_bytes_ > kRingBytesMax && ring_.size() > 1)) {
    floor_ = ring_.front()->revision;
    ring_bytes_ -= bytes_of(*ring_.front());
    ring_.pop_front();
  }
}

WatchCache::WatchCache(datastore::Store& store) : store_(store) {
  for (const Resource& row : all_resources()) {
    if (row.printer == nullptr || !row.storage_version.empty()) continue;
    std::vector<std::string> fields;
    for (const Resource& shown : all_resources()) {
      bool same =
          &shown == &row || (!shown.storage_version.empty() && shown.storage_group == row.group &&
                             shown.storage_version == row.version && shown.plural == row.plural);
      if (!same) continue;
      for (std::string_view field : shown.selectable_fields) {
        fields.push_back(source_path(shown, field));
      }
    }
    resources_.push_back(std::make_unique<ResourceCache>(*this, row, fields));
    by_prefix_[resources_.back()->prefix_] = resources_.back().get();
  }
}

WatchCache::~WatchCache() { stop(); }

Result<> WatchCache::start() {
  datastore::Page page = TRY(store_.list(kRegistryPrefix, {}));
  for (datastore::Entry& entry : page.entries) {
    ResourceCache* cache = of_key(entry.key);
    if (cache == nullptr) continue;  // of a version that knew more kinds; left alone
    auto object = std::make_shared<const Object>(cache->index(), std::move(entry.value),
                                                 entry.modified.number);
    MutexLock lock(mutex_);
    cache->objects_.insert(cache->objects_.end(), ResourceCache::Slot{std::move(object)});
  }
  for (auto& cache : resources_) cache->floor_ = page.revision.number;
  revision_ = dispatched_ = page.revision.number;
  watch_ = TRY(store_.watch(kRegistryPrefix, page.revision,
                            [this](std::span<const datastore::Event> events,
                                   datastore::Revision upto) { apply(events, upto); }));
  return {};
}

void WatchCache::stop() { watch_.reset(); }

void WatchCache::finish_watchers() {
  std::vector<std::shared_ptr<Watcher>> all;
  {
    MutexLock lock(mutex_);
    for (const auto& cache : resources_) {
      for (const auto& [id, watcher] : cache->watchers_) all.push_back(watcher);
    }
  }
  for (const auto& watcher : all) watcher->finish();
}

ResourceCache* WatchCache::find(std::string_view group, std::string_view plural) {
  for (const auto& cache : resources_) {
    if (cache->row_.plural == plural && cache->row_.group == group) return cache.get();
  }
  return nullptr;
}

ResourceCache* WatchCache::of_key(std::string_view key) {
  auto found = by_prefix_.find(prefix_of(key));
  return found == by_prefix_.end() ? nullptr : found->second;
}

size_t WatchCache::watchers() const {
  MutexLock lock(mutex_);
  size_t count = 0;
  for (const auto& cache : resources_) count += cache->watchers_.size();
  return count;
}

void WatchCache::on_event(std::function<void(const ResourceCache&, const EventPtr&)> hook) {
  hook_ = std::move(hook);
}

void WatchCache::apply(std::span<const datastore::Event> events, datastore::Revision upto) {
  struct Told {
    ResourceCache* cache;
    datastore::EventType type;
    ObjectPtr object;
    EventPtr event;
    std::shared_ptr<const ResourceCache::Watchers> watchers;
  };
  std::vector<Told> batch;
  batch.reserve(events.size());
  for (const datastore::Event& event : events) {
    ResourceCache* cache = of_key(event.entry.key);
    if (cache == nullptr) continue;
    batch.push_back({cache, event.type,
                     std::make_shared<const Object>(cache->index(), event.entry.value,
                                                    event.entry.modified.number),
                     nullptr, nullptr});
  }
  {
    MutexLock lock(mutex_);
    for (Told& told : batch) {
      told.event = told.cache->apply_locked(told.type, std::move(told.object));
      told.watchers = told.cache->watchers_locked();
    }
    revision_ = std::max(revision_.load(), upto.number);
  }
  // Who subscribed since the lock was given up got these events with the subscription.
  for (const Told& told : batch) {
    for (const auto& watcher : *told.watchers) watcher->offer(told.event);
    if (hook_) hook_(*told.cache, told.event);
  }
  dispatched_ = std::max(dispatched_.load(), upto.number);
}

}  // namespace kist::apiserver
