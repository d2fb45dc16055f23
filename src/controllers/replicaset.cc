// The ReplicaSet controller: reads, lets replicaset_plan.cc decide, creates and deletes pods.
#include "src/controllers/replicaset.h"

#include <algorithm>

#include "src/controllers/claim.h"

namespace kist::controllers {
namespace {

using client::EventType;
using client::ObjectList;
using client::ObjectPtr;

// A set that cannot create one pod should not try 500: batches double while all goes well.
constexpr size_t kFirstBatch = 1;

bool is_replica_set(const client::OwnerReference* owner) {
  return owner != nullptr && owner->kind == "ReplicaSet" && owner->api_version.starts_with("apps/");
}

std::string pod_of(const Value& set) {
  Json json;
  Allocator& pool = json.allocator();
  Value& pod = json.root();
  pod.SetObject();
  const Value& from = child_of(spec_of(set), "template");
  api::set(pod, "apiVersion", "v1", pool);
  api::set(pod, "kind", "Pod", pool);
  Value& metadata = api::child(pod, "metadata", pool);
  // The suffix the server adds must fit, so it shortens this where it has to.
  api::set(metadata, "generateName", std::string(api::text_of(metadata_of(set), "name")) + "-",
           pool);
  for (std::string_view member : {"labels", "annotations", "finalizers"})
    if (const Value* found = api::find(metadata_of(from), member))
      api::set(metadata, member, api::copy(*found, pool), pool);
  push(metadata, "ownerReferences", owner_reference(set, pool), pool);
  api::set(pod, "spec", api::copy(spec_of(from), pool), pool);
  return api::to_text(pod);
}

}  // namespace

ReplicaSetController::ReplicaSetController(Context context)
    : context_(context),
      sets_(context.caches.of(client::kReplicaSets)),
      pods_(context.caches.of(client::kPods, project_pod)),
      queue_(context.runner.add(*this)),
      events_(context.client, context.clock, "replicaset-controller") {
  sets_.on_change([this](const ObjectPtr&, const ObjectPtr& next) {
    if (next) queue_.add(next->key());
  });
  watch_pods();
}

void ReplicaSetController::watch_pods() {
  const auto wake_owner = [this](const ObjectPtr& pod) {
    if (!pod) return;
    const client::OwnerReference* owner = pod->controller();
    if (is_replica_set(owner)) queue_.add(client::key_of(pod->space, owner->name));
  };
  pods_.on_change([this, wake_owner](const ObjectPtr& old, const ObjectPtr& next) {
    wake_owner(next);
    const bool moved = old && next && old->controller() && !next->controller();
    if (!next || moved) wake_owner(old);
    // An orphan may be what a set has been waiting for.
    if (!next || next->controller() || next->deleting) return;
    for (const ObjectPtr& set : sets_.list(next->space))
      if (matches(selector_of(child_of(spec_of(set->parse().root()), "selector")), next->labels))
        queue_.add(set->key());
  });
}

// The pods of all sets of the same Deployment, or of this one.
ObjectList ReplicaSetController::nearby(const client::Object& set) const {
  const client::OwnerReference* owner = set.controller();
  if (owner == nullptr) return pods_.owned_by(set.uid);
  ObjectList all;
  for (const ObjectPtr& sibling : sets_.owned_by(owner->uid))
    for (ObjectPtr& pod : pods_.owned_by(sibling->uid)) all.push_back(std::move(pod));
  return all;
}

ReplicaSetController::Changes ReplicaSetController::create_pods(const Value& set, int64_t count) {
  const client::ObjectReference about = client::reference_to(set);
  const std::string path = client::kPods.path(about.space);
  const std::string body = pod_of(set);
  Changes changes;
  int64_t written = 0;
  size_t left = static_cast<size_t>(count);
  for (size_t batch = kFirstBatch; left > 0 && changes.result.ok(); batch *= 2) {
    const size_t size = std::min(batch, left);
    left -= size;
    std::vector<client::Call> calls(size, {.method = "POST", .path = path, .body = body});
    for (Result<Slice>& answer : context_.client.call_all(std::move(calls))) {
      Result<ObjectPtr> pod =
          answer.ok() ? client::object_of(answer.value()) : Result<ObjectPtr>(answer.error());
      if (pod.ok()) {
        written = std::max(written, pod.value()->revision);
        events_.record(about, EventType::kNormal, "SuccessfulCreate",
                       "Created pod: " + std::string(pod.value()->name));
        continue;
      }
      changes.failure = {"FailedCreate", pod.error().message};
      changes.result = pod.error();
      events_.record(about, EventType::kWarning, "FailedCreate",
                     "Error creating: " + pod.error().message);
    }
  }
  const Result<> seen = pods_.wait_for(written);
  if (changes.result.ok()) changes.result = seen;
  return changes;
}

ReplicaSetController::Changes ReplicaSetController::remove_pods(const Value& set,
                                                                const ObjectList& pods) {
  const client::ObjectReference about = client::reference_to(set);
  std::vector<client::Call> calls;
  for (const ObjectPtr& pod : pods)
    calls.push_back({.method = "DELETE",
                     .path = client::kPods.path(pod->space, pod->name),
                     .body = client::delete_options_body({.uid = pod->uid})});
  std::vector<Result<Slice>> answers = context_.client.call_all(std::move(calls));
  Changes changes;
  for (size_t i = 0; i < pods.size(); ++i) {
    const bool gone = !answers[i].ok() && answers[i].error().code == Code::kNotFound;
    if (answers[i].ok())
      events_.record(about, EventType::kNormal, "SuccessfulDelete",
                     "Deleted pod: " + std::string(pods[i]->name));
    if (answers[i].ok() || gone) {
      const Result<> seen = pods_.wait_gone(pods[i]->uid);
      if (changes.result.ok()) changes.result = seen;
      continue;
    }
    changes.failure = {"FailedDelete", answers[i].error().message};
    changes.result = answers[i].error();
    events_.record(about, EventType::kWarning, "FailedDelete",
                   "Error deleting: " + answers[i].error().message);
  }
  return changes;
}

ReplicaSetController::Changes ReplicaSetController::act(const Value& set, const ReplicaPlan& plan) {
  if (plan.create > 0) return create_pods(set, plan.create);
  if (!plan.remove.empty()) return remove_pods(set, plan.remove);
  return {};
}

Result<client::Next> ReplicaSetController::write_status(const ObjectPtr& object, const Value& set,
                                                        const Changes& changes) {
  const int64_t now = unix_now(context_.clock);
  const ObjectList owned = [&] {
    ObjectList mine;
    for (const ObjectPtr& pod : pods_.owned_by(object->uid))
      if (pod->controller() != nullptr && pod->controller()->uid == object->uid)
        mine.push_back(pod);
    return mine;
  }();
  const bool judged = !changes.failure.reason.empty() || changes.result.ok();
  Json status = replica_status(set, owned, judged ? &changes.failure : nullptr, now);
  if (!api::equal(status.root(), status_of(set))) {
    Json next = copy_of(set);
    api::set(next.root(), "status", api::copy(status.root(), next.allocator()), next.allocator());
    Json written = TRY(context_.client.update_status(client::kReplicaSets, next.root()));
    TRY(sets_.wait_for(client::revision_of(written.root())));
  }
  if (!changes.result.ok()) return changes.result.error();
  const int64_t min_ready = api::int_of(spec_of(set), "minReadySeconds");
  if (min_ready > 0 && api::int_of(status.root(), "readyReplicas") !=
                           api::int_of(status.root(), "availableReplicas"))
    return client::Next{std::chrono::seconds(min_ready)};
  return client::Next{};
}

Result<client::Next> ReplicaSetController::reconcile(const std::string& key) {
  const auto [space, name] = split_key(key);
  const ObjectPtr object = sets_.get(space, name);
  if (!object) return client::Next{};  // gone; its pods are the garbage collector's
  const Json set = object->parse();
  const ObjectList owned = TRY(claim(context_, {.owner = set.root(),
                                                .owner_resource = client::kReplicaSets,
                                                .cache = pods_,
                                                .adoptable = pod_active}));
  Changes changes;
  bool burst = false;
  if (!object->deleting) {
    const ReplicaPlan plan = plan_replicas(api::int_of(spec_of(set.root()), "replicas", 1), owned,
                                           nearby(*object), unix_now(context_.clock));
    burst = plan.create == kReplicaBurstMax ||
            static_cast<int64_t>(plan.remove.size()) == kReplicaBurstMax;
    changes = act(set.root(), plan);
  }
  client::Next next = TRY(write_status(object, set.root(), changes));
  if (burst) next.after = std::chrono::milliseconds(0);  // there may be more to do
  return next;
}

}  // namespace kist::controllers
