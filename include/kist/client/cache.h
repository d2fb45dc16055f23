// What the API holds of one resource, kept current by a watch.
//
// A cache reads all objects as the first events of a watch (sendInitialEvents), follows the watch,
// resumes it where it ended, and begins again when the server has forgotten that place (410). One
// thread of the CacheSet applies the events of all its caches, so a cache costs no thread.
//
// After a write: `cache.wait_for(revision)` returns once the cache shows it. So controllers decide
// on what they themselves did, and keep no expectations.
//
// Threads:   any. Change handlers run on the CacheSet's thread; they must be quick and not wait for
//            a cache. Ownership: objects are immutable and shared.
#pragma once

#include <chrono>
#include <cstdint>
#include <forward_list>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "kist/api/json.h"
#include "kist/base/buffer.h"
#include "kist/base/mutex.h"
#include "kist/base/result.h"
#include "kist/client/client.h"

namespace kist::client {

struct OwnerReference {
  std::string_view api_version, kind, name, uid;
  bool controller = false, block_owner_deletion = false;
};

// Texts that live as long as an object: where its bytes hold one it is not copied.
class Texts {
 public:
  explicit Texts(Slice bytes) : bytes_(std::move(bytes)) {}
  // The same text for good. Quickest when asked for in the order of the bytes.
  std::string_view keep(std::string_view text);
  const Slice& bytes() const { return bytes_; }

 private:
  Slice bytes_;
  uint32_t next_ = 0;                      // behind the text found last
  std::forward_list<std::string> copies_;  // of what is written with escapes in the bytes; rare
};

// "space/name", or the name alone: the key of a namespaced object, or of another.
std::string key_of(std::string_view space, std::string_view name);

// An object of a cache: what everyone asks of it, and its bytes. All texts are views that live as
// long as the object: most point into the bytes, which the API server holds as well.
struct Object {
  std::string_view space, name, uid;
  int64_t revision = 0;
  int64_t generation = 0;
  int64_t created_seconds = 0;  // Unix time
  bool deleting = false;        // has a deletionTimestamp
  std::vector<std::string_view> finalizers;
  std::vector<OwnerReference> owners;
  std::vector<std::pair<std::string_view, std::string_view>> labels;  // sorted by key
  std::shared_ptr<const void> view;  // what the cache's Projection made of it
  Texts texts;

  explicit Object(Slice json = {}) : texts(std::move(json)) {}
  Object(const Object&) = delete;  // the copy's texts would be those of the original
  Object& operator=(const Object&) = delete;

  const Slice& bytes() const { return texts.bytes(); }
  std::string key() const { return key_of(space, name); }
  const OwnerReference* controller() const;
  bool has_finalizer(std::string_view finalizer) const;
  api::Json parse() const;  // the whole object; the server's own bytes, so it does parse
  template <typename T>
  const T& as() const {
    return *static_cast<const T*>(view.get());
  }
};
using ObjectPtr = std::shared_ptr<const Object>;
using ObjectList = std::vector<ObjectPtr>;

// Makes the view of an object once per event, so that reconciles need not parse. May be null. What
// it keeps of the object's texts it keeps in `texts`.
using Projection = std::shared_ptr<const void> (*)(const api::Value& object, Texts& texts);

Result<ObjectPtr> object_of(Slice bytes, Projection projection = nullptr);

// `old` is null of what is new, `next` of what is gone.
using ChangeHandler = std::function<void(const ObjectPtr& old, const ObjectPtr& next)>;

inline constexpr size_t kCacheBacklogMax = 1 << 18;  // events received and not applied, per cache
inline constexpr std::chrono::seconds kCacheWaitMax{10};

class CacheSet;

class Cache {
 public:
  Cache(CacheSet& set, ResourceId resource, Projection projection);
  ~Cache();

  const ResourceId& resource() const { return resource_; }
  void on_change(ChangeHandler handler);  // before CacheSet::start()

  ObjectPtr get(std::string_view space, std::string_view name) const;  // null: not there
  ObjectPtr by_uid(std::string_view uid) const;
  ObjectList list(std::string_view space = {}) const;     // of all namespaces if empty
  ObjectList owned_by(std::string_view owner_uid) const;  // whoever names it among its owners
  bool synced() const;

  // Blocks until the cache shows everything up to `revision`, which must be that of a write to this
  // resource. kTimeout after kCacheWaitMax.
  Result<> wait_for(int64_t revision) const;
  // Blocks until the object with this uid is gone or being deleted.
  Result<> wait_gone(std::string_view uid) const;
  Result<> wait_synced() const;

 private:
  friend class CacheSet;
  // The indices are sets of the objects themselves, so that no key is copied.
  struct Place {
    std::string_view space, name;
    auto operator<=>(const Place&) const = default;
  };
  struct PlaceOrder {
    using is_transparent = void;
    static Place of(const Place& place) { return place; }
    static Place of(const ObjectPtr& object) { return {object->space, object->name}; }
    bool operator()(const auto& a, const auto& b) const { return of(a) < of(b); }
  };
  struct UidOf {
    using is_transparent = void;
    static std::string_view of(std::string_view uid) { return uid; }
    static std::string_view of(const Object* object) { return object->uid; }
    size_t operator()(const auto& a) const { return std::hash<std::string_view>()(of(a)); }
    bool operator()(const auto& a, const auto& b) const { return of(a) == of(b); }
  };
  struct Owned {
    std::string_view owner_uid;  // a text of the object
    ObjectPtr object;
    auto operator<=>(const Owned&) const = default;
  };

  void open();  // the watch, from revision_ or from the beginning
  void apply(WatchEvent event);
  void close(Result<> how);
  void finish_initial(int64_t revision);
  void put(ObjectPtr object);
  void drop(const Place& place);
  void index(const ObjectPtr& object, bool add) REQUIRES_LOCK(mutex_);
  void notify(const ObjectPtr& old, const ObjectPtr& next);
  Result<> wait(const std::function<bool()>& satisfied) const;

  CacheSet& set_;
  const ResourceId resource_;
  Projection projection_;
  std::vector<ChangeHandler> handlers_;

  // Of the set's thread only.
  std::unique_ptr<WatchStream> stream_;
  uint64_t stream_number_ = 0;  // what an ended stream still had queued is told apart by it
  std::chrono::milliseconds backoff_{0};
  bool listing_ = false;
  ObjectList before_;  // while listing: what was there when it began

  mutable Mutex mutex_;
  mutable CondVar changed_;
  std::set<ObjectPtr, PlaceOrder> objects_ GUARDED_BY(mutex_);
  std::unordered_set<const Object*, UidOf, UidOf> uids_ GUARDED_BY(mutex_);  // of objects_
  std::set<Owned> owned_ GUARDED_BY(mutex_);
  int64_t revision_ GUARDED_BY(mutex_) = 0;
  bool synced_ GUARDED_BY(mutex_) = false;
};

// The caches of one client, one of each resource, shared by its controllers.
class CacheSet {
 public:
  explicit CacheSet(const Client& client) : client_(client) {}
  ~CacheSet() { stop(); }

  // The cache of that resource, made on the first call. Before start(). The first Projection that
  // is not null counts.
  Cache& of(const ResourceId& resource, Projection projection = nullptr);
  void start();  // returns at once
  Result<> wait_synced();
  void stop();  // watches end; what the caches hold can still be read

 private:
  friend class Cache;
  using Task = std::function<void()>;
  using Due = std::chrono::steady_clock::time_point;

  bool post(Task task);
  void post_after(std::chrono::milliseconds delay, Task task);
  void run(std::stop_token stop);

  const Client& client_;
  std::map<ResourceId, std::unique_ptr<Cache>> caches_;

  Mutex mutex_;
  CondVar wake_;
  std::vector<Task> tasks_ GUARDED_BY(mutex_);
  std::multimap<Due, Task> delayed_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace kist::client
