// The nodes and what is promised of them: one row a node, kept current event by event, never
// rebuilt. Pods whose binding is under way count as if they were there (assumed).
//
// Threads: the scheduler's only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "src/scheduler/node_info.h"
#include "src/scheduler/pod_info.h"

namespace kist::scheduler {

struct NodeRow {
  std::string name;
  NodePtr node;  // null: there is no such Node, only pods that name it
  Amounts used;
  int64_t guessed_cpu_milli = 0, guessed_memory = 0;  // with a guess for what has no request
  int64_t pods = 0;
  std::vector<HostPort> ports;
};

// How a Node differs from what was known of it; bits of EventSet (plugin.h) are made of it.
struct NodeChange {
  NodePtr before;  // null: there was no such Node
  bool added = false, allocatable = false, labels = false, taints = false;
  bool any() const { return added || allocatable || labels || taints; }
};

class Snapshot {
 public:
  NodeChange set_node(const NodePtr& node);
  void remove_node(const std::string& name);

  // A pod as it stands now. Answers the node that it left or on which it uses other amounts now.
  std::optional<std::string> set_pod(const PodPtr& pod);
  std::optional<std::string> remove_pod(const std::string& key);
  // The pod is being bound to the node; forget() if that fails. A pod that was seen on a node
  // meanwhile stays there.
  void assume(const PodPtr& pod, const std::string& node);
  void forget(const PodInfo& pod);

  const std::vector<NodeRow>& rows() const { return rows_; }  // also those without a Node
  const NodeRow* row(const std::string& name) const;          // null: no such Node
  int64_t nodes() const { return nodes_; }
  int64_t nodes_with_image(const std::string& image) const;

 private:
  struct Placed {
    PodPtr pod;
    std::string node;
    bool assumed = false;
  };

  NodeRow& row_of(const std::string& name);
  void drop_if_empty(const std::string& name);
  void count(const Placed& placed, int sign);
  void count_images(const NodeRow& row, int sign);
  void put(Placed placed);

  std::vector<NodeRow> rows_;
  std::unordered_map<std::string, size_t> index_;   // by node name, into rows_
  std::unordered_map<std::string, Placed> placed_;  // by pod key
  std::unordered_map<std::string, int64_t> image_nodes_;
  int64_t nodes_ = 0;
};

}  // namespace kist::scheduler
