// The table, in the order in which nodes are filtered and scored; weights are upstream's.
#include "src/scheduler/filters.h"
#include "src/scheduler/plugin.h"
#include "src/scheduler/scores.h"

namespace kist::scheduler {
namespace {

constexpr Plugin kPlugins[] = {
    {.name = "NodeUnschedulable",
     .helped_by = kNodeAdded | kNodeTaints,
     .filter = filter_unschedulable},
    {.name = "NodeName", .helped_by = kNodeAdded, .filter = filter_name},
    {.name = "TaintToleration",
     .helped_by = kNodeAdded | kNodeTaints,
     .filter = filter_taints,
     .weight = 3,
     .scores = always,
     .score = score_taints,
     .normalize = Normalize::kReversed},
    {.name = "NodeAffinity",
     .helped_by = kNodeAdded | kNodeLabels,
     .filter = filter_affinity,
     .weight = 2,
     .scores = prefers_nodes,
     .score = score_affinity,
     .normalize = Normalize::kRelative},
    {.name = "NodePorts", .helped_by = kNodeAdded | kPodGone, .filter = filter_ports},
    {.name = "NodeResourcesFit",
     .helped_by = kNodeAdded | kNodeAllocatable | kPodGone,
     .filter = filter_resources,
     .weight = 1,
     .scores = always,
     .score = score_least_allocated},
    {.name = "NodeResourcesBalancedAllocation",
     .weight = 1,
     .scores = asks_for_resources,
     .score = score_balanced},
    {.name = "ImageLocality", .weight = 1, .scores = always, .score = score_images},
};
static_assert(std::size(kPlugins) <= 8 * sizeof(PluginSet));

}  // namespace

std::span<const Plugin> plugins() { return kPlugins; }

}  // namespace kist::scheduler
