// Filters: whether a pod may run on a node. See plugin.h for their contract.
#pragma once

#include "src/scheduler/plugin.h"

namespace kist::scheduler {

bool filter_unschedulable(const Turn& turn, const NodeRow& row, Refusal* refusal);
bool filter_name(const Turn& turn, const NodeRow& row, Refusal* refusal);
bool filter_taints(const Turn& turn, const NodeRow& row, Refusal* refusal);
bool filter_affinity(const Turn& turn, const NodeRow& row, Refusal* refusal);
bool filter_ports(const Turn& turn, const NodeRow& row, Refusal* refusal);
bool filter_resources(const Turn& turn, const NodeRow& row, Refusal* refusal);

}  // namespace kist::scheduler
