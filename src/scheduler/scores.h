// Scores: how well a node suits a pod. See plugin.h for their contract.
#pragma once

#include "src/scheduler/plugin.h"

namespace kist::scheduler {

bool always(const Turn& turn);
bool prefers_nodes(const Turn& turn);
bool asks_for_resources(const Turn& turn);

int64_t score_taints(const Turn& turn, const NodeRow& row);
int64_t score_affinity(const Turn& turn, const NodeRow& row);
int64_t score_least_allocated(const Turn& turn, const NodeRow& row);
int64_t score_balanced(const Turn& turn, const NodeRow& row);
int64_t score_images(const Turn& turn, const NodeRow& row);

}  // namespace kist::scheduler
