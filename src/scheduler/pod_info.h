// What the scheduler asks of Pods, read once per event by the Pod cache.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kist/client/cache.h"
#include "src/scheduler/amounts.h"
#include "src/scheduler/node_info.h"
#include "src/scheduler/node_selector.h"

namespace kist::scheduler {

struct HostPort {
  std::string ip, protocol;
  int64_t port = 0;

  bool conflicts(const HostPort& other) const;
  bool operator==(const HostPort&) const = default;
};

struct Toleration {
  std::string key, op, value, effect;

  bool tolerates(const Taint& taint) const;
  bool operator==(const Toleration&) const = default;
};

// What decides where a pod may go: a change of it is a reason to try again.
struct PodWants {
  Amounts requests;
  std::vector<HostPort> ports;
  std::vector<Toleration> tolerations;
  NodeChoice nodes;
  bool gated = false;  // has spec.schedulingGates
  Labels labels;
  bool operator==(const PodWants&) const = default;
};

struct PodInfo {
  std::string space, name, uid, resource_version;
  std::string node;       // empty: not yet bound
  std::string scheduler;  // spec.schedulerName
  int64_t priority = 0;
  bool preempts = true;  // false: preemptionPolicy Never
  bool deleting = false;
  bool ended = false;  // phase Succeeded or Failed: uses nothing any more

  PodWants wants;
  int64_t guessed_cpu_milli = 0, guessed_memory = 0;  // Missing::kGuessed
  std::vector<std::string> images;                    // of all containers, with a tag

  // The PodScheduled condition as it stands.
  std::string condition_status, condition_reason, condition_message;

  std::string key() const { return space + "/" + name; }
};
using PodPtr = std::shared_ptr<const PodInfo>;

PodPtr read_pod(const api::Value& pod);
// A client::Projection. Its texts are its own: the snapshot keeps it longer than the object.
std::shared_ptr<const void> project_pod(const api::Value& pod, client::Texts&);
PodPtr pod_info(const client::ObjectPtr& pod);  // what the projection made

}  // namespace kist::scheduler
