// The decisions of the Deployment controller: which set is the new one, who gets how many replicas,
// what the status says. Pure; as Kubernetes' deployment controller decides.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/controllers/values.h"

namespace kist::controllers {

inline constexpr std::string_view kRevision = "deployment.kubernetes.io/revision";
inline constexpr std::string_view kRevisionHistory = "deployment.kubernetes.io/revision-history";
inline constexpr std::string_view kDesiredReplicas = "deployment.kubernetes.io/desired-replicas";
inline constexpr std::string_view kMaxReplicas = "deployment.kubernetes.io/max-replicas";
inline constexpr std::string_view kTemplateHash = "pod-template-hash";

// A ReplicaSet of the Deployment, with the numbers that decide.
struct SetView {
  std::string name, uid;
  int64_t replicas = 0;                          // spec
  int64_t actual = 0, ready = 0, available = 0;  // status
  int64_t created_seconds = 0, revision = 0;
  int64_t desired = -1, max_replicas = -1;  // annotations; -1: none
  bool observed = true;                     // status is about this generation
  bool deleting = false;
  const Value* object = nullptr;
};
SetView view_set(const Value& replica_set);

struct DeploymentView {
  std::string name;
  int64_t replicas = 1;
  bool recreate = false, paused = false;
  int64_t max_surge = 0, max_unavailable = 0;  // resolved; 0 where the strategy is Recreate
  std::optional<int64_t> progress_deadline;    // seconds
  int64_t min_ready = 0, generation = 0;
  std::optional<int64_t> history_limit;
  const Value* object = nullptr;
};
DeploymentView view_deployment(const Value& deployment);

// Ten letters that stand for the template; `collisions` makes another name of the same template.
std::string template_hash(const Value& pod_template, int64_t collisions);
bool same_template(const Value& a, const Value& b);  // but for the hash label
// The set of the present template: the oldest of several; -1: none.
int find_new_set(const DeploymentView& deployment, const std::vector<SetView>& sets);

using Sizes = std::vector<int64_t>;  // wanted replicas, in the order of the sets

int64_t new_set_size(const DeploymentView& deployment, const std::vector<SetView>& sets,
                     int new_set);
// One step of a rolling update: the new set grows first, then old ones shrink.
Sizes plan_rolling(const DeploymentView& deployment, const std::vector<SetView>& sets, int new_set);
// The Deployment was scaled, or is paused: sizes follow in proportion.
Sizes plan_scale(const DeploymentView& deployment, const std::vector<SetView>& sets, int new_set);
bool needs_scaling(const DeploymentView& deployment, const std::vector<SetView>& sets);
// Old sets that the history does not keep, by index.
std::vector<size_t> plan_cleanup(const DeploymentView& deployment, const std::vector<SetView>& sets,
                                 int new_set);

struct Condition {
  std::string_view type, status, reason;
  std::string message;
};
// As Kubernetes: same status and reason change nothing; same status keeps the transition time.
void set_condition(Value& status, const Condition& condition, int64_t now, Allocator& pool);
void remove_condition(Value& status, std::string_view type);

// The counts and the Available condition.
Json deployment_status(const DeploymentView& deployment, const std::vector<SetView>& sets,
                       int new_set, int64_t now);
bool deployment_complete(const DeploymentView& deployment, const Value& status);
// The Progressing and ReplicaFailure conditions of a rollout, on what deployment_status() made.
void judge_progress(const DeploymentView& deployment, const std::vector<SetView>& sets, int new_set,
                    Json& status, int64_t now);
// Seconds until the progress deadline must be looked at; none where it cannot pass.
std::optional<int64_t> seconds_to_deadline(const DeploymentView& deployment, const Value& status,
                                           int64_t now);

}  // namespace kist::controllers
