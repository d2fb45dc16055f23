// What a Deployment says about itself: counts, conditions, and whether its rollout moves.
#include <algorithm>
#include <chrono>

#include "kist/client/times.h"
#include "src/controllers/deployment_plan.h"

namespace kist::controllers {
namespace {

std::string time_text(int64_t seconds) {
  return format_rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(seconds)));
}

void set_count(Value& status, std::string_view member, int64_t count, Allocator& pool) {
  if (count == 0)
    api::remove(status, member);
  else
    set_int(status, member, count, pool);
}

bool moved(const Value& old, const Value& next) {
  const auto waiting = [](const Value& status) {
    return api::int_of(status, "replicas") - api::int_of(status, "updatedReplicas");
  };
  const auto grew = [&](std::string_view member) {
    return api::int_of(next, member) > api::int_of(old, member);
  };
  return grew("updatedReplicas") || grew("readyReplicas") || grew("availableReplicas") ||
         waiting(next) < waiting(old);
}

bool deadline_passed(const DeploymentView& d, const Value& status, int64_t now) {
  const Value& progressing = condition_of(status, "Progressing");
  const std::string_view reason = api::text_of(progressing, "reason");
  if (reason.empty() || reason == "NewReplicaSetAvailable") return false;
  if (reason == "ProgressDeadlineExceeded") return true;
  const int64_t since = client::unix_seconds(api::text_of(progressing, "lastUpdateTime"));
  return since + *d.progress_deadline < now;
}

void judge(const DeploymentView& d, const std::string& subject, Json& json, int64_t now) {
  Value& status = json.root();
  Allocator& pool = json.allocator();
  if (deployment_complete(d, status)) {
    set_condition(status,
                  {"Progressing", "True", "NewReplicaSetAvailable",
                   subject + " has successfully progressed."},
                  now, pool);
  } else if (moved(status_of(*d.object), status)) {
    // Each move is told anew, since the deadline counts from the last of them.
    const Value& before = condition_of(status, "Progressing");
    const std::string since = api::text_of(before, "status") == "True"
                                  ? std::string(api::text_of(before, "lastTransitionTime"))
                                  : time_text(now);
    remove_condition(status, "Progressing");
    set_condition(status,
                  {"Progressing", "True", "ReplicaSetUpdated", subject + " is progressing."}, now,
                  pool);
    Value& added = *(api::find(status, "conditions")->End() - 1);
    api::set(added, "lastTransitionTime", since, pool);
  } else if (deadline_passed(d, status, now)) {
    set_condition(status,
                  {"Progressing", "False", "ProgressDeadlineExceeded",
                   subject + " has timed out progressing."},
                  now, pool);
  }
}

}  // namespace

void remove_condition(Value& status, std::string_view type) {
  Value* conditions = api::find(status, "conditions");
  if (conditions == nullptr || !conditions->IsArray()) return;
  for (auto* at = conditions->Begin(); at != conditions->End();)
    at = api::text_of(*at, "type") == type ? conditions->Erase(at) : at + 1;
}

void set_condition(Value& status, const Condition& wanted, int64_t now, Allocator& pool) {
  const Value& before = condition_of(status, wanted.type);
  if (api::text_of(before, "status") == wanted.status &&
      api::text_of(before, "reason") == wanted.reason)
    return;
  const bool same_status = api::text_of(before, "status") == wanted.status;
  const std::string since =
      same_status ? std::string(api::text_of(before, "lastTransitionTime")) : time_text(now);
  remove_condition(status, wanted.type);
  Value condition(rapidjson::kObjectType);
  api::set(condition, "type", wanted.type, pool);
  api::set(condition, "status", wanted.status, pool);
  api::set(condition, "lastUpdateTime", time_text(now), pool);
  api::set(condition, "lastTransitionTime", since, pool);
  api::set(condition, "reason", wanted.reason, pool);
  api::set(condition, "message", wanted.message, pool);
  push(status, "conditions", std::move(condition), pool);
}

Json deployment_status(const DeploymentView& d, const std::vector<SetView>& sets, int new_set,
                       int64_t now) {
  int64_t wanted = 0, actual = 0, ready = 0, available = 0;
  for (const SetView& set : sets) {
    wanted += set.replicas;
    actual += set.actual;
    ready += set.ready;
    available += set.available;
  }
  const int64_t updated = new_set < 0 ? 0 : sets[static_cast<size_t>(new_set)].actual;
  Json json = copy_of(status_of(*d.object));
  Value& status = json.root();
  Allocator& pool = json.allocator();
  set_int(status, "observedGeneration", d.generation, pool);
  set_count(status, "replicas", actual, pool);
  set_count(status, "updatedReplicas", updated, pool);
  set_count(status, "readyReplicas", ready, pool);
  set_count(status, "availableReplicas", available, pool);
  set_count(status, "unavailableReplicas", std::max<int64_t>(0, wanted - available), pool);
  if (available >= d.replicas - d.max_unavailable)
    set_condition(
        status,
        {"Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."},
        now, pool);
  else
    set_condition(status,
                  {"Available", "False", "MinimumReplicasUnavailable",
                   "Deployment does not have minimum availability."},
                  now, pool);
  return json;
}

bool deployment_complete(const DeploymentView& d, const Value& status) {
  return api::int_of(status, "updatedReplicas") == d.replicas &&
         api::int_of(status, "replicas") == d.replicas &&
         api::int_of(status, "availableReplicas") == d.replicas &&
         api::int_of(status, "observedGeneration") >= d.generation;
}

void judge_progress(const DeploymentView& d, const std::vector<SetView>& sets, int new_set,
                    Json& json, int64_t now) {
  Value& status = json.root();
  Allocator& pool = json.allocator();
  if (!d.progress_deadline) remove_condition(status, "Progressing");
  const bool settled =
      api::int_of(status, "replicas") == api::int_of(status, "updatedReplicas") &&
      api::text_of(condition_of(status, "Progressing"), "reason") == "NewReplicaSetAvailable";
  if (d.progress_deadline && !settled) {
    const std::string subject =
        new_set < 0 ? "Deployment \"" + d.name + "\""
                    : "ReplicaSet \"" + sets[static_cast<size_t>(new_set)].name + "\"";
    judge(d, subject, json, now);
  }
  const Value* failure = nullptr;  // the new set's, or any old one's
  for (size_t i = 0; i < sets.size(); ++i) {
    const Value& found = condition_of(status_of(*sets[i].object), "ReplicaFailure");
    if (api::text_of(found, "status") != "True") continue;
    if (failure == nullptr || static_cast<int>(i) == new_set) failure = &found;
  }
  if (failure == nullptr) return remove_condition(status, "ReplicaFailure");
  set_condition(status,
                {"ReplicaFailure", "True", api::text_of(*failure, "reason"),
                 std::string(api::text_of(*failure, "message"))},
                now, pool);
}

std::optional<int64_t> seconds_to_deadline(const DeploymentView& d, const Value& status,
                                           int64_t now) {
  const Value& progressing = condition_of(status, "Progressing");
  const std::string_view reason = api::text_of(progressing, "reason");
  if (!d.progress_deadline || reason.empty() || reason == "ProgressDeadlineExceeded" ||
      deployment_complete(d, status))
    return std::nullopt;
  const int64_t since = client::unix_seconds(api::text_of(progressing, "lastUpdateTime"));
  return std::max<int64_t>(1, since + *d.progress_deadline - now + 1);
}

}  // namespace kist::controllers
