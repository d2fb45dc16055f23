// What is stored, in memory: the current objects of each resource and the latest events.
//
// Fed by one Store::watch; the store runs it before a write's `done`, so who was answered sees the
// write here. Reads, lists and watches are all served from it. Of the past it keeps a bounded ring
// of events, each with the object before: that serves watches that resume, lists at an exact
// revision and pages of one consistent list (the current state, later events undone). Older than
// that: kExpired.
//
// Threads: any. One mutex guards maps and rings; it is held for look-ups and copies of pointers,
// never while an object is read, encoded or sent.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kist/base/mutex.h"
#include "kist/datastore/store.h"
#include "src/apiserver/object.h"
#include "src/apiserver/registry/resource.h"

namespace kist::apiserver {

inline constexpr size_t kRingEventsMax = 4096;    // of one resource
inline constexpr size_t kRingBytesMax = 4 << 20;  // of objects that only the ring keeps
inline constexpr std::string_view kRegistryPrefix = "/registry/";

// One change, shared by everyone who is told of it.
struct CacheEvent {
  datastore::EventType type;
  int64_t revision;
  ObjectPtr object;    // of a deletion: as it was last, with the deletion's revision
  ObjectPtr previous;  // null for a creation

  // Encodings that several watchers want, made by the first who asks.
  std::vector<Slice> encoded(uint32_t key, const std::function<std::vector<Slice>()>& make) const;

  mutable Mutex mutex;
  mutable std::vector<std::pair<uint32_t, std::vector<Slice>>> encodings GUARDED_BY(mutex);
};
using EventPtr = std::shared_ptr<const CacheEvent>;

// Told of every change of one resource, in order, on the store's thread. Must not block.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void offer(const EventPtr& event) = 0;
  virtual void finish() {}  // the server stops; any thread
};

struct Snapshot {
  std::vector<ObjectPtr> objects;  // by namespace, then name
  int64_t revision = 0;            // at which this is true
};

struct ObjectKey {
  std::string_view namespace_name, name;
  auto operator<=>(const ObjectKey&) const = default;
};

class WatchCache;

// The objects of one stored resource.
class ResourceCache {
 public:
  ResourceCache(WatchCache& cache, const Resource& row, const std::vector<std::string>& fields);

  const Resource& row() const { return row_; }
  const FieldIndex& index() const { return index_; }
  std::string key(std::string_view namespace_name, std::string_view name) const;

  ObjectPtr get(std::string_view namespace_name, std::string_view name) const;  // null: none
  // `namespace_name` empty: of all. Only objects behind `after` where that is given.
  Snapshot list(std::string_view namespace_name, const ObjectKey* after = nullptr) const;
  // As it was at `revision`. kExpired.
  Result<Snapshot> list_at(int64_t revision, std::string_view namespace_name,
                           const ObjectKey* after = nullptr) const;
  size_t size() const;

  struct Subscription {
    Snapshot state;                // when asked for
    std::vector<EventPtr> events;  // above `after`, so far
  };
  // From now on `watcher` is offered every event that is not in the answer. With `with_state` it
  // begins with the objects that are there; else with the events above `after` (kExpired).
  Result<Subscription> subscribe(std::shared_ptr<Watcher> watcher, bool with_state, int64_t after,
                                 std::string_view namespace_name);
  void unsubscribe(const Watcher* watcher);

 private:
  friend class WatchCache;
  struct Slot {
    mutable ObjectPtr object;  // replaced in place by one with the same key
  };
  struct Order {
    using is_transparent = void;
    static ObjectKey key(const Slot& slot) {
      return {slot.object->namespace_name(), slot.object->name()};
    }
    bool operator()(const Slot& a, const Slot& b) const { return key(a) < key(b); }
    bool operator()(const Slot& a, const ObjectKey& b) const { return key(a) < b; }
    bool operator()(const ObjectKey& a, const Slot& b) const { return a < key(b); }
  };
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  Snapshot list_locked(std::string_view namespace_name, const ObjectKey* after) const;
  EventPtr apply_locked(datastore::EventType type, ObjectPtr object);
  void remember_locked(EventPtr event);
  std::shared_ptr<const Watchers> watchers_locked();

  WatchCache& cache_;
  const Resource& row_;
  std::string prefix_;
  FieldIndex index_;
  std::set<Slot, Order> objects_;
  std::deque<EventPtr> ring_;
  size_t ring_bytes_ = 0;
  int64_t floor_ = 0;  // events above this are in the ring
  std::unordered_map<const Watcher*, std::shared_ptr<Watcher>> watchers_;
  std::shared_ptr<const Watchers> watchers_copy_;  // null: has changed
};

class WatchCache {
 public:
  explicit WatchCache(datastore::Store& store);
  ~WatchCache();

  Result<> start();  // loads everything
  void stop();       // no event is offered from here on
  void finish_watchers();

  ResourceCache* find(std::string_view group, std::string_view plural);
  std::span<const std::unique_ptr<ResourceCache>> resources() const { return resources_; }

  int64_t revision() const { return revision_.load(); }      // what reads show
  int64_t dispatched() const { return dispatched_.load(); }  // what watchers were told
  size_t watchers() const;

  // Runs for every event, after the watchers; before start().
  void on_event(std::function<void(const ResourceCache&, const EventPtr&)> hook);

 private:
  friend class ResourceCache;
  void apply(std::span<const datastore::Event> events, datastore::Revision upto);
  ResourceCache* of_key(std::string_view key);

  datastore::Store& store_;
  mutable Mutex mutex_;  // guards what the ResourceCaches hold
  std::vector<std::unique_ptr<ResourceCache>> resources_;
  std::unordered_map<std::string_view, ResourceCache*> by_prefix_;
  std::atomic<int64_t> revision_ = 0, dispatched_ = 0;
  std::function<void(const ResourceCache&, const EventPtr&)> hook_;
  std::unique_ptr<datastore::Watch> watch_;
};

}  // namespace kist::apiserver
