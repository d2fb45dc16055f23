// What the scheduler asks of Nodes, read once per event by the Node cache.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kist/client/cache.h"
#include "src/scheduler/amounts.h"
#include "src/scheduler/node_selector.h"

namespace kist::scheduler {

struct Taint {
  std::string key, value, effect;

  bool keeps_out() const { return effect == "NoSchedule" || effect == "NoExecute"; }
  bool operator==(const Taint&) const = default;
};

struct NodeInfo {
  std::string name;
  Labels labels;
  std::vector<Taint> taints;
  bool unschedulable = false;
  Amounts allocatable;
  int64_t pods_max = 0;
  std::vector<std::pair<std::string, int64_t>> images;  // every name of each, and its bytes
};
using NodePtr = std::shared_ptr<const NodeInfo>;

NodePtr read_node(const api::Value& node);
// A client::Projection. Its texts are its own: the snapshot keeps it longer than the object.
std::shared_ptr<const void> project_node(const api::Value& node, client::Texts&);
NodePtr node_info(const client::ObjectPtr& node);  // what the projection made

}  // namespace kist::scheduler
