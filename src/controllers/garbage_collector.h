// Deletes what is owned by something that is gone, in Kubernetes' three ways: in the background
// after the owner, in the foreground before it, or not at all (orphans).
//
// The graph of owners is the caches' own index by owner uid: there is no second copy of it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/mutex.h"
#include "src/controllers/context.h"
#include "src/controllers/discovery.h"
#include "src/controllers/values.h"

namespace kist::controllers {

inline constexpr std::string_view kForegroundFinalizer = "foregroundDeletion";
inline constexpr std::string_view kOrphanFinalizer = "orphan";

inline constexpr size_t kAbsentOwnersMax = 4096;  // remembered; more are asked for again

enum class OwnerState : uint8_t { kSolid, kWaiting, kGone };  // waiting: for us to go first

enum class CollectStep : uint8_t {
  kKeep,              // somebody owns it
  kForgetOwners,      // somebody owns it; the other owners are to be forgotten
  kDelete,            // nobody owns it any more
  kDeleteForeground,  // its owner waits for it, and it has dependents of its own
};

struct CollectPlan {
  CollectStep step = CollectStep::kKeep;
  std::vector<std::string_view> forget;  // uids of owners; texts of the object
};

// What is to be done with an object whose owners are in these states. Pure.
CollectPlan plan_collect(const client::Object& object, const std::vector<OwnerState>& owners,
                         bool has_dependents);
// "Background", "Foreground" or "Orphan": what the object's own finalizers ask for.
std::string_view deletion_policy(const client::Object& object);

class GarbageCollector : public client::Controller {
 public:
  GarbageCollector(Context context, const std::vector<ServedResource>& resources);
  const char* name() const override { return "garbage-collector"; }
  // The key is an object's uid.
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  struct Place {
    const ServedResource* resource = nullptr;
    client::ObjectPtr object;
  };

  void changed(const client::ObjectPtr& old, const client::ObjectPtr& next);
  void note_absent(std::string_view uid);
  bool known_absent(std::string_view uid) const;
  Place find(std::string_view uid) const;
  std::vector<Place> dependents(std::string_view uid) const;
  Result<std::vector<OwnerState>> owner_states(const Place& place);
  Result<OwnerState> owner_state(const Place& place, const client::OwnerReference& owner);
  Result<> collect(const Place& place);
  Result<> finish_foreground(const Place& place);
  Result<> orphan_dependents(const Place& place);
  bool waits_in_circle(const Place& place, const std::vector<Place>& dependents) const;
  Result<> unblock_owners(const Place& place);
  Result<> forget_owners(const Place& place, const std::vector<std::string_view>& uids);
  Result<> drop_finalizer(const Place& place, std::string_view finalizer);
  Result<> patched(const Place& place, Json patch);

  const Context context_;
  const std::vector<ServedResource> resources_;
  std::vector<client::Cache*> caches_;  // of resources_, in their order
  client::WorkQueue& queue_;
  mutable Mutex mutex_;
  std::set<std::string, std::less<>> absent_ GUARDED_BY(mutex_);
};

}  // namespace kist::controllers
