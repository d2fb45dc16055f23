// See garbage_collector.h.
#include "src/controllers/garbage_collector.h"

#include <algorithm>

namespace kist::controllers {
namespace {

using client::Object;
using client::ObjectPtr;
using client::OwnerReference;

// Events own nothing and are owned by nothing, and there are many.
bool collected(const ServedResource& resource) { return resource.id.plural != "events"; }

bool same_owners(const Object& a, const Object& b) {
  return std::equal(a.owners.begin(), a.owners.end(), b.owners.begin(), b.owners.end(),
                    [](const OwnerReference& x, const OwnerReference& y) {
                      return x.uid == y.uid && x.block_owner_deletion == y.block_owner_deletion;
                    });
}

bool blocks(const Object& dependent, std::string_view owner_uid) {
  return std::any_of(dependent.owners.begin(), dependent.owners.end(), [&](const auto& owner) {
    return owner.uid == owner_uid && owner.block_owner_deletion;
  });
}

std::string_view group_of(std::string_view api_version) {
  const size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view() : api_version.substr(0, slash);
}

// A patch of this very object at this revision.
Json patch_of(const Object& object) {
  Json patch;
  patch.root().SetObject();
  Value& metadata = api::child(patch.root(), "metadata", patch.allocator());
  api::set(metadata, "uid", object.uid, patch.allocator());
  api::set(metadata, "resourceVersion", std::to_string(object.revision), patch.allocator());
  return patch;
}

Result<> unless_gone(Result<> result) {
  if (!result.ok() && result.error().code == Code::kNotFound) return {};
  return result;
}

}  // namespace

CollectPlan plan_collect(const Object& object, const std::vector<OwnerState>& owners,
                         bool has_dependents) {
  CollectPlan plan;
  const auto count = [&](OwnerState state) {
    return std::count(owners.begin(), owners.end(), state);
  };
  if (owners.empty()) return plan;
  if (count(OwnerState::kSolid) > 0) {
    for (size_t i = 0; i < owners.size(); ++i)
      if (owners[i] != OwnerState::kSolid) plan.forget.push_back(object.owners[i].uid);
    if (!plan.forget.empty()) plan.step = CollectStep::kForgetOwners;
    return plan;
  }
  const bool foreground = count(OwnerState::kWaiting) > 0 && has_dependents;
  plan.step = foreground ? CollectStep::kDeleteForeground : CollectStep::kDelete;
  return plan;
}

std::string_view deletion_policy(const Object& object) {
  if (object.has_finalizer(kOrphanFinalizer)) return "Orphan";
  return object.has_finalizer(kForegroundFinalizer) ? "Foreground" : "Background";
}

GarbageCollector::GarbageCollector(Context context, const std::vector<ServedResource>& resources)
    : context_(context),
      resources_([&] {
        std::vector<ServedResource> all;
        std::copy_if(resources.begin(), resources.end(), std::back_inserter(all), collected);
        return all;
      }()),
      queue_(context.runner.add(*this)) {
  for (const ServedResource& resource : resources_) {
    caches_.push_back(&context.caches.of(resource.id));
    caches_.back()->on_change(
        [this](const ObjectPtr& old, const ObjectPtr& next) { changed(old, next); });
  }
}

void GarbageCollector::changed(const ObjectPtr& old, const ObjectPtr& next) {
  if (!next) {
    note_absent(old->uid);
    for (const Place& dependent : dependents(old->uid)) queue_.add(dependent.object->uid);
    for (const OwnerReference& owner : old->owners) queue_.add(owner.uid);  // it may wait for us
    return;
  }
  const bool began = next->deleting && !(old && old->deleting);
  const bool finalizers = next->deleting && old && old->finalizers != next->finalizers;
  const bool owners = !old || !same_owners(*old, *next);
  if (began || finalizers || (owners && !next->owners.empty())) queue_.add(next->uid);
  if (old && owners)
    for (const OwnerReference& owner : old->owners) queue_.add(owner.uid);
}

// Uids never come back: what was seen to go need not be asked for again by each dependent.
void GarbageCollector::note_absent(std::string_view uid) {
  MutexLock lock(mutex_);
  if (absent_.size() >= kAbsentOwnersMax) absent_.clear();
  absent_.emplace(uid);
}

bool GarbageCollector::known_absent(std::string_view uid) const {
  MutexLock lock(mutex_);
  return absent_.contains(uid);
}

GarbageCollector::Place GarbageCollector::find(std::string_view uid) const {
  for (size_t i = 0; i < caches_.size(); ++i)
    if (ObjectPtr object = caches_[i]->by_uid(uid)) return {&resources_[i], std::move(object)};
  return {};
}

std::vector<GarbageCollector::Place> GarbageCollector::dependents(std::string_view uid) const {
  std::vector<Place> all;
  for (size_t i = 0; i < caches_.size(); ++i)
    for (ObjectPtr& object : caches_[i]->owned_by(uid))
      all.push_back({&resources_[i], std::move(object)});
  return all;
}

Result<OwnerState> GarbageCollector::owner_state(const Place& place, const OwnerReference& owner) {
  const auto state_of = [](const Object& object) {
    return object.deleting && object.has_finalizer(kForegroundFinalizer) ? OwnerState::kWaiting
                                                                         : OwnerState::kSolid;
  };
  const Object& object = *place.object;
  const auto resource =
      std::find_if(resources_.begin(), resources_.end(), [&](const ServedResource& served) {
        return served.kind == owner.kind && served.id.group == group_of(owner.api_version);
      });
  if (known_absent(owner.uid)) return OwnerState::kGone;
  // A kind nobody serves (yet), or a namespaced owner of what has no namespace: not ours to judge.
  if (resource == resources_.end()) return OwnerState::kSolid;
  if (resource->id.namespaced && object.space.empty()) return OwnerState::kSolid;

  const std::string_view space = resource->id.namespaced ? object.space : std::string_view();
  const client::Cache& cache = *caches_[static_cast<size_t>(resource - resources_.begin())];
  const ObjectPtr cached = cache.get(space, owner.name);
  if (cached && cached->uid == owner.uid) return state_of(*cached);
  // Our cache may be behind the writer of this reference; the server is not.
  Result<Slice> body = context_.client.call({.path = resource->id.path(space, owner.name)});
  if (!body.ok() && body.error().code == Code::kNotFound) return OwnerState::kGone;
  if (!body.ok()) return body.error();
  const ObjectPtr live = TRY(client::object_of(body.value()));
  if (live->uid == owner.uid) return state_of(*live);
  note_absent(owner.uid);
  return OwnerState::kGone;
}

Result<std::vector<OwnerState>> GarbageCollector::owner_states(const Place& place) {
  std::vector<OwnerState> states;
  for (const OwnerReference& owner : place.object->owners)
    states.push_back(TRY(owner_state(place, owner)));
  return states;
}

Result<> GarbageCollector::patched(const Place& place, Json patch) {
  Result<Json> answer = context_.client.merge_patch(place.resource->id, place.object->space,
                                                    place.object->name, api::to_text(patch.root()));
  if (!answer.ok()) return unless_gone(answer.error());
  return {};
}

Result<> GarbageCollector::forget_owners(const Place& place,
                                         const std::vector<std::string_view>& uids) {
  Json patch = patch_of(*place.object);
  Allocator& pool = patch.allocator();
  Value& metadata = api::child(patch.root(), "metadata", pool);
  api::set(metadata, "ownerReferences", Value(rapidjson::kArrayType), pool);
  const Json full = place.object->parse();
  for (const Value& reference : elements(metadata_of(full.root()), "ownerReferences"))
    if (std::find(uids.begin(), uids.end(), api::text_of(reference, "uid")) == uids.end())
      push(metadata, "ownerReferences", api::copy(reference, pool), pool);
  return patched(place, std::move(patch));
}

// Its owner waits for it, and it would have to wait for a dependent that is itself waiting: one of
// its dependents may be that owner. As in Kubernetes this may see a circle where there is none;
// then an owner goes a little earlier than it had to.
bool GarbageCollector::waits_in_circle(const Place& place,
                                       const std::vector<Place>& dependents) const {
  const auto& owners = place.object->owners;
  const bool blocking = std::any_of(owners.begin(), owners.end(),
                                    [](const auto& owner) { return owner.block_owner_deletion; });
  return blocking && std::any_of(dependents.begin(), dependents.end(), [](const Place& dependent) {
           return dependent.object->deleting &&
                  dependent.object->has_finalizer(kForegroundFinalizer);
         });
}

Result<> GarbageCollector::unblock_owners(const Place& place) {
  Json patch = patch_of(*place.object);
  Allocator& pool = patch.allocator();
  Value& metadata = api::child(patch.root(), "metadata", pool);
  const Json full = place.object->parse();
  for (const Value& reference : elements(metadata_of(full.root()), "ownerReferences")) {
    Value unblocked = api::copy(reference, pool);
    set_bool(unblocked, "blockOwnerDeletion", false, pool);
    push(metadata, "ownerReferences", std::move(unblocked), pool);
  }
  return patched(place, std::move(patch));
}

Result<> GarbageCollector::drop_finalizer(const Place& place, std::string_view finalizer) {
  Json patch = patch_of(*place.object);
  Allocator& pool = patch.allocator();
  Value& metadata = api::child(patch.root(), "metadata", pool);
  api::set(metadata, "finalizers", Value(rapidjson::kArrayType), pool);
  for (const std::string_view kept : place.object->finalizers)
    if (kept != finalizer)
      push(metadata, "finalizers",
           Value(kept.data(), static_cast<rapidjson::SizeType>(kept.size()), pool), pool);
  return patched(place, std::move(patch));
}

Result<> GarbageCollector::orphan_dependents(const Place& place) {
  for (const Place& dependent : dependents(place.object->uid))
    TRY(forget_owners(dependent, {place.object->uid}));
  return drop_finalizer(place, kOrphanFinalizer);
}

Result<> GarbageCollector::finish_foreground(const Place& place) {
  bool blocked = false;
  for (const Place& dependent : dependents(place.object->uid)) {
    if (dependent.object->uid == place.object->uid) continue;  // nothing can wait for itself
    queue_.add(dependent.object->uid);
    blocked |= blocks(*dependent.object, place.object->uid);
  }
  // Each dependent that goes wakes us again.
  return blocked ? Result<>() : drop_finalizer(place, kForegroundFinalizer);
}

Result<> GarbageCollector::collect(const Place& place) {
  const std::vector<OwnerState> states = TRY(owner_states(place));
  const std::vector<Place> own = dependents(place.object->uid);
  const CollectPlan plan = plan_collect(*place.object, states, !own.empty());
  if (plan.step == CollectStep::kKeep) return {};
  if (plan.step == CollectStep::kForgetOwners) return forget_owners(place, plan.forget);
  // The patch changes the object, which brings it back here.
  if (plan.step == CollectStep::kDeleteForeground && waits_in_circle(place, own))
    return unblock_owners(place);
  const std::string_view policy =
      plan.step == CollectStep::kDeleteForeground ? "Foreground" : deletion_policy(*place.object);
  return unless_gone(
      context_.client.remove(place.resource->id, place.object->space, place.object->name,
                             {.uid = place.object->uid,
                              .resource_version = std::to_string(place.object->revision),
                              .propagation_policy = policy}));
}

Result<client::Next> GarbageCollector::reconcile(const std::string& key) {
  const Place place = find(key);
  if (!place.object) return client::Next{};
  if (!place.object->deleting) {
    TRY(collect(place));
    return client::Next{};
  }
  if (place.object->has_finalizer(kOrphanFinalizer))
    TRY(orphan_dependents(place));
  else if (place.object->has_finalizer(kForegroundFinalizer))
    TRY(finish_foreground(place));
  return client::Next{};
}

}  // namespace kist::controllers
