// What decides where pods go: one ordered table of plugins, each a few small functions.
//
// A plugin is a row of plugins.cc. Its filter refuses nodes, its score compares those that are
// left; `helped_by` says which events can change a refusal, so that a parked pod is tried again
// when something helps and not otherwise. A new plugin is a new row and needs no other edit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/scheduler/pod_info.h"
#include "src/scheduler/snapshot.h"

namespace kist::scheduler {

enum : uint32_t {
  kNodeAdded = 1 << 0,
  kNodeAllocatable = 1 << 1,
  kNodeLabels = 1 << 2,
  kNodeTaints = 1 << 3,  // or spec.unschedulable
  kPodGone = 1 << 4,     // a pod left a node, or uses less of it
};
using EventSet = uint32_t;
using PluginSet = uint64_t;  // bit i: row i of the table

inline constexpr int64_t kScoreMax = 100;

// One pod's turn: what every function of a plugin may look at.
struct Turn {
  const PodInfo& pod;
  const Snapshot& snapshot;
};

// Why a node is refused, in upstream's words; more than one reason may hold.
struct Refusal {
  std::vector<std::string> reasons;
  bool evictions_may_help = false;  // else not even an empty node would do
};

// How the scores of one plugin become comparable with those of others.
enum class Normalize : uint8_t {
  kNone,      // 0 to kScoreMax already
  kRelative,  // the best node has kScoreMax
  kReversed,  // the node with the least has kScoreMax
};

struct Plugin {
  std::string_view name;
  EventSet helped_by = 0;
  // False: refused, and why is written into `refusal` unless that is null. May be missing.
  bool (*filter)(const Turn& turn, const NodeRow& row, Refusal* refusal) = nullptr;
  int64_t weight = 0;                          // 0: does not score
  bool (*scores)(const Turn& turn) = nullptr;  // false: all nodes are alike to this pod
  int64_t (*score)(const Turn& turn, const NodeRow& row) = nullptr;
  Normalize normalize = Normalize::kNone;
};

std::span<const Plugin> plugins();

}  // namespace kist::scheduler
