// See scores.h.
#include "src/scheduler/scores.h"

#include <algorithm>
#include <cmath>

namespace kist::scheduler {
namespace {

constexpr int64_t kMegabyte = 1024 * 1024;
// An image smaller than this is no reason, one larger (for each container) no better one.
constexpr int64_t kImagesMin = 23 * kMegabyte;
constexpr int64_t kImagesMaxPerContainer = 1000 * kMegabyte;

// Multiplied in 128 bits: memory of terabytes times a hundred does not fit everywhere.
int64_t free_share(int64_t used, int64_t allocatable) {
  if (used > allocatable) return 0;
  return static_cast<int64_t>(static_cast<__int128>(allocatable - used) * kScoreMax / allocatable);
}

double fraction(int64_t used, int64_t allocatable) {
  return std::min(1.0, static_cast<double>(used) / static_cast<double>(allocatable));
}

bool matters_to(const Toleration& toleration) {
  return toleration.effect.empty() || toleration.effect == "PreferNoSchedule";
}

}  // namespace

bool always(const Turn&) { return true; }
bool prefers_nodes(const Turn& turn) { return !turn.pod.wants.nodes.preferred.empty(); }
bool asks_for_resources(const Turn& turn) {
  const Amounts& requests = turn.pod.wants.requests;
  return requests.cpu_milli > 0 || requests.memory > 0;
}

// Taints that would rather not have the pod; fewer are better.
int64_t score_taints(const Turn& turn, const NodeRow& row) {
  const std::vector<Toleration>& tolerations = turn.pod.wants.tolerations;
  return std::count_if(row.node->taints.begin(), row.node->taints.end(), [&](const Taint& taint) {
    return taint.effect == "PreferNoSchedule" &&
           std::none_of(tolerations.begin(), tolerations.end(), [&](const Toleration& toleration) {
             return matters_to(toleration) && toleration.tolerates(taint);
           });
  });
}

int64_t score_affinity(const Turn& turn, const NodeRow& row) {
  return turn.pod.wants.nodes.preference({row.name, row.node->labels});
}

// The mean of the free shares of CPU and memory once the pod is there. What has no request is
// guessed, so that pods without any spread as well.
int64_t score_least_allocated(const Turn& turn, const NodeRow& row) {
  const Amounts& all = row.node->allocatable;
  int64_t sum = 0, resources = 0;
  const auto add = [&](int64_t used, int64_t wanted, int64_t allocatable) {
    if (allocatable <= 0) return;
    sum += free_share(used + wanted, allocatable);
    ++resources;
  };
  add(row.guessed_cpu_milli, turn.pod.guessed_cpu_milli, all.cpu_milli);
  add(row.guessed_memory, turn.pod.guessed_memory, all.memory);
  return resources == 0 ? 0 : sum / resources;
}

// The nearer the used shares of CPU and memory come to each other, the better: a node should not
// run out of one while much of the other is left.
int64_t score_balanced(const Turn& turn, const NodeRow& row) {
  const Amounts& wanted = turn.pod.wants.requests;
  const Amounts& all = row.node->allocatable;
  double deviation = 0;
  if (all.cpu_milli > 0 && all.memory > 0)
    deviation = std::abs(fraction(row.used.cpu_milli + wanted.cpu_milli, all.cpu_milli) -
                         fraction(row.used.memory + wanted.memory, all.memory)) /
                2;
  return static_cast<int64_t>((1 - deviation) * static_cast<double>(kScoreMax));
}

// The bytes that need not be pulled; images that few nodes have count less, lest those fill up.
int64_t score_images(const Turn& turn, const NodeRow& row) {
  int64_t sum = 0;
  for (const std::string& wanted : turn.pod.images)
    for (const auto& [image, bytes] : row.node->images) {
      if (image != wanted) continue;
      const double spread = static_cast<double>(turn.snapshot.nodes_with_image(image)) /
                            static_cast<double>(std::max<int64_t>(1, turn.snapshot.nodes()));
      sum += static_cast<int64_t>(static_cast<double>(bytes) * spread);
      break;
    }
  const int64_t most = kImagesMaxPerContainer * static_cast<int64_t>(turn.pod.images.size());
  if (most <= kImagesMin) return 0;  // no containers
  return kScoreMax * (std::clamp(sum, kImagesMin, most) - kImagesMin) / (most - kImagesMin);
}

}  // namespace kist::scheduler
