// See filters.h. Reasons are upstream's texts: people and scripts know them.
#include "src/scheduler/filters.h"

#include <algorithm>

namespace kist::scheduler {
namespace {

bool tolerated(const PodInfo& pod, const Taint& taint) {
  return std::any_of(pod.wants.tolerations.begin(), pod.wants.tolerations.end(),
                     [&](const Toleration& toleration) { return toleration.tolerates(taint); });
}

bool refuse(Refusal* refusal, std::string reason, bool evictions_may_help = false) {
  if (refusal != nullptr) *refusal = {{std::move(reason)}, evictions_may_help};
  return false;
}

// Collects what is short on one node.
class Shortage {
 public:
  explicit Shortage(Refusal* refusal) : refusal_(refusal) {
    if (refusal_ != nullptr) *refusal_ = {{}, true};
  }
  bool found() const { return found_; }

  void check(std::string_view name, int64_t wanted, int64_t used, int64_t allocatable) {
    if (wanted > 0 && wanted > allocatable - used)
      add("Insufficient " + std::string(name), wanted <= allocatable);
  }
  void add(std::string reason, bool evictions_may_help) {
    found_ = true;
    if (refusal_ == nullptr) return;
    refusal_->reasons.push_back(std::move(reason));
    refusal_->evictions_may_help &= evictions_may_help;
  }

 private:
  Refusal* const refusal_;
  bool found_ = false;
};

}  // namespace

bool filter_unschedulable(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  static const Taint kCordoned{"node.kubernetes.io/unschedulable", "", "NoSchedule"};
  if (!row.node->unschedulable || tolerated(turn.pod, kCordoned)) return true;
  return refuse(refusal, "node(s) were unschedulable");
}

bool filter_name(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  if (turn.pod.node.empty() || turn.pod.node == row.name) return true;
  return refuse(refusal, "node(s) didn't match the requested node name");
}

bool filter_taints(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  for (const Taint& taint : row.node->taints)
    if (taint.keeps_out() && !tolerated(turn.pod, taint))
      return refuse(refusal,
                    "node(s) had untolerated taint {" + taint.key + ": " + taint.value + "}");
  return true;
}

bool filter_affinity(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  if (turn.pod.wants.nodes.matches({row.name, row.node->labels})) return true;
  return refuse(refusal, "node(s) didn't match Pod's node affinity/selector");
}

bool filter_ports(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  for (const HostPort& wanted : turn.pod.wants.ports)
    for (const HostPort& taken : row.ports)
      if (wanted.conflicts(taken))
        return refuse(refusal, "node(s) didn't have free ports for the requested pod ports", true);
  return true;
}

bool filter_resources(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  const Amounts& wanted = turn.pod.wants.requests;
  const Amounts& all = row.node->allocatable;
  Shortage shortage(refusal);
  if (row.pods + 1 > row.node->pods_max) shortage.add("Too many pods", true);
  shortage.check("cpu", wanted.cpu_milli, row.used.cpu_milli, all.cpu_milli);
  shortage.check("memory", wanted.memory, row.used.memory, all.memory);
  shortage.check("ephemeral-storage", wanted.storage, row.used.storage, all.storage);
  for (const auto& [name, amount] : wanted.extended)
    shortage.check(name, amount, row.used.of(name), all.of(name));
  return !shortage.found();
}

}  // namespace kist::scheduler
