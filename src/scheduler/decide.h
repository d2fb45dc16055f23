// One pod's decision: the best node, or the words that say why there is none. Pure.
#pragma once

#include <cstddef>
#include <string>

#include "src/scheduler/plugin.h"

namespace kist::scheduler {

struct Decision {
  std::string node;           // empty: none will do
  std::string message;        // then: upstream's FailedScheduling text
  PluginSet rejected_by = 0;  // plugins that refused a node; 0 with no node: there are no nodes
};

// Where the search begins; it moves on from pod to pod, so that nodes of equal score take turns.
struct Rotation {
  size_t next = 0;
};

Decision decide(const Turn& turn, Rotation& rotation);

// How many nodes that will do are enough to compare, of so many: all of 100, fewer and fewer of
// more, as large clusters would spend all their time on comparing.
int64_t enough_nodes(int64_t nodes);

// What happened at a node.
struct NodeEvent {
  EventSet what = 0;
  const NodeRow& row;               // as it is now
  const NodeRow* before = nullptr;  // as it was; null: not known, or there was no such Node
};

// Whether an event can have made room for a pod that `rejected_by` refused: one of those plugins
// waits for such an event and accepts the node, which it did not before.
bool helps(const Turn& turn, PluginSet rejected_by, const NodeEvent& event);

}  // namespace kist::scheduler
