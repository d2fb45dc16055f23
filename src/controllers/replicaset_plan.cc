// The decisions of the ReplicaSet controller: pure functions.
#include <algorithm>
#include <bit>
#include <tuple>
#include <unordered_map>

#include "src/controllers/replicaset.h"

namespace kist::controllers {
namespace {

using client::ObjectList;
using client::ObjectPtr;

int phase_rank(std::string_view phase) {
  if (phase == "Pending" || phase.empty()) return 0;
  return phase == "Unknown" ? 1 : 2;
}

// Ages are compared by order of magnitude, so that the youngest are not always the victims.
int age_rank(int64_t since, int64_t now) {
  const int64_t age = std::max<int64_t>(0, now - since);
  return since == 0 ? -1 : std::bit_width(static_cast<uint64_t>(age));
}

// Smaller goes first: not placed, pending, unready, cheap, crowded, newly ready, often restarted,
// young.
auto removal_rank(const client::Object& pod, int64_t crowd, int64_t now) {
  const PodView& view = pod_view(pod);
  return std::tuple(!view.node.empty(), phase_rank(view.phase), view.ready, view.deletion_cost,
                    -crowd, view.ready ? age_rank(view.ready_changed_seconds, now) : 0,
                    -view.restarts, age_rank(pod.created_seconds, now), pod.uid);
}

void set_condition(Value& status, const ReplicaFailure& failure, int64_t now, Allocator& pool) {
  Value condition(rapidjson::kObjectType);
  api::set(condition, "type", "ReplicaFailure", pool);
  api::set(condition, "status", "True", pool);
  api::set(condition, "lastTransitionTime",
           format_rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(now))), pool);
  api::set(condition, "reason", failure.reason, pool);
  api::set(condition, "message", failure.message, pool);
  push(status, "conditions", std::move(condition), pool);
}

void drop_failure(Value& status) {
  Value* conditions = api::find(status, "conditions");
  if (conditions == nullptr || !conditions->IsArray()) return;
  for (auto* at = conditions->Begin(); at != conditions->End();)
    at = api::text_of(*at, "type") == "ReplicaFailure" ? conditions->Erase(at) : at + 1;
  if (conditions->Empty()) api::remove(status, "conditions");
}

void set_count(Value& status, std::string_view member, int64_t count, Allocator& pool) {
  if (count == 0 && member != "replicas")
    api::remove(status, member);  // as Kubernetes leaves zeros out
  else
    set_int(status, member, count, pool);
}

}  // namespace

ReplicaPlan plan_replicas(int64_t wanted, const ObjectList& owned, const ObjectList& nearby,
                          int64_t now) {
  ReplicaPlan plan;
  ObjectList live;
  for (const ObjectPtr& pod : owned)
    if (pod_active(*pod)) live.push_back(pod);
  const int64_t missing = wanted - static_cast<int64_t>(live.size());
  if (missing >= 0) {
    plan.create = std::min(missing, kReplicaBurstMax);
    return plan;
  }
  std::unordered_map<std::string_view, int64_t> crowd;  // active pods of the family on each node
  for (const ObjectPtr& pod : nearby)
    if (pod_active(*pod)) ++crowd[pod_view(*pod).node];
  const auto rank = [&](const ObjectPtr& pod) {
    return removal_rank(*pod, crowd[pod_view(*pod).node], now);
  };
  std::sort(live.begin(), live.end(),
            [&](const ObjectPtr& a, const ObjectPtr& b) { return rank(a) < rank(b); });
  live.resize(static_cast<size_t>(std::min(-missing, kReplicaBurstMax)));
  plan.remove = std::move(live);
  return plan;
}

Json replica_status(const Value& set, const ObjectList& owned, const ReplicaFailure* failure,
                    int64_t now) {
  const Value& spec = spec_of(set);
  const api::Selector labelled =
      api::Selector::from_map(path_of(spec, {"template", "metadata", "labels"}));
  const int64_t min_ready = api::int_of(spec, "minReadySeconds");
  int64_t replicas = 0, labeled = 0, ready = 0, available = 0;
  for (const ObjectPtr& pod : owned) {
    if (!pod_active(*pod)) continue;
    ++replicas;
    labeled += matches(labelled, pod->labels);
    ready += pod_view(*pod).ready;
    available += pod_view(*pod).available(min_ready, now);
  }
  Json json = copy_of(status_of(set));
  Value& status = json.root();
  Allocator& pool = json.allocator();
  set_count(status, "replicas", replicas, pool);
  set_count(status, "fullyLabeledReplicas", labeled, pool);
  set_count(status, "readyReplicas", ready, pool);
  set_count(status, "availableReplicas", available, pool);
  set_int(status, "observedGeneration", api::int_of(metadata_of(set), "generation"), pool);
  if (failure == nullptr) return json;
  const bool there = api::text_of(condition_of(status, "ReplicaFailure"), "status") == "True";
  if (failure->reason.empty())
    drop_failure(status);
  else if (!there)
    set_condition(status, *failure, now, pool);
  return json;
}

}  // namespace kist::controllers
