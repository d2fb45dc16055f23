// See snapshot.h.
#include "src/scheduler/snapshot.h"

#include <algorithm>

namespace kist::scheduler {

const NodeRow* Snapshot::row(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end() || !rows_[found->second].node) return nullptr;
  return &rows_[found->second];
}

int64_t Snapshot::nodes_with_image(const std::string& image) const {
  const auto found = image_nodes_.find(image);
  return found == image_nodes_.end() ? 0 : found->second;
}

NodeRow& Snapshot::row_of(const std::string& name) {
  const auto [at, fresh] = index_.try_emplace(name, rows_.size());
  if (fresh) rows_.emplace_back().name = name;
  return rows_[at->second];
}

// The last row takes the place of one that is gone, so that rows stay without gaps.
void Snapshot::drop_if_empty(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return;
  const size_t at = found->second;
  if (rows_[at].node || rows_[at].pods > 0) return;
  index_.erase(found);
  if (at + 1 != rows_.size()) {
    rows_[at] = std::move(rows_.back());
    index_[rows_[at].name] = at;
  }
  rows_.pop_back();
}

void Snapshot::count_images(const NodeRow& row, int sign) {
  if (!row.node) return;
  for (const auto& [image, bytes] : row.node->images)
    if ((image_nodes_[image] += sign) == 0) image_nodes_.erase(image);
}

NodeChange Snapshot::set_node(const NodePtr& node) {
  NodeRow& row = row_of(node->name);
  NodeChange change{.before = row.node};
  if (!row.node) {
    change.added = true;
    ++nodes_;
  } else {
    const NodeInfo& old = *row.node;
    change.allocatable = old.allocatable != node->allocatable || old.pods_max != node->pods_max;
    change.labels = old.labels != node->labels;
    change.taints = old.taints != node->taints || old.unschedulable != node->unschedulable;
  }
  count_images(row, -1);
  row.node = node;
  count_images(row, +1);
  return change;
}

void Snapshot::remove_node(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end() || !rows_[found->second].node) return;
  NodeRow& row = rows_[found->second];
  count_images(row, -1);
  row.node.reset();
  --nodes_;
  drop_if_empty(name);
}

void Snapshot::count(const Placed& placed, int sign) {
  NodeRow& row = row_of(placed.node);
  const PodInfo& pod = *placed.pod;
  row.pods += sign;
  row.guessed_cpu_milli += sign * pod.guessed_cpu_milli;
  row.guessed_memory += sign * pod.guessed_memory;
  if (sign > 0) {
    row.used.add(pod.wants.requests);
    row.ports.insert(row.ports.end(), pod.wants.ports.begin(), pod.wants.ports.end());
    return;
  }
  row.used.subtract(pod.wants.requests);
  for (const HostPort& port : pod.wants.ports) {
    const auto at = std::find(row.ports.begin(), row.ports.end(), port);
    if (at != row.ports.end()) row.ports.erase(at);
  }
  drop_if_empty(placed.node);
}

void Snapshot::put(Placed placed) {
  count(placed, +1);
  const std::string key = placed.pod->key();
  placed_[key] = std::move(placed);
}

std::optional<std::string> Snapshot::remove_pod(const std::string& key) {
  const auto found = placed_.find(key);
  if (found == placed_.end()) return {};
  const Placed placed = std::move(found->second);
  placed_.erase(found);
  count(placed, -1);
  return placed.node;
}

std::optional<std::string> Snapshot::set_pod(const PodPtr& pod) {
  const std::string key = pod->key();
  const auto found = placed_.find(key);
  const bool same = found != placed_.end() && found->second.pod->uid == pod->uid;
  if (same && pod->node.empty() && !pod->ended) return {};  // assumed: its binding is under way
  const bool unmoved = same && !pod->ended && found->second.node == pod->node &&
                       found->second.pod->wants.requests == pod->wants.requests;
  std::optional<std::string> left = remove_pod(key);
  if (!pod->ended && !pod->node.empty()) put({pod, pod->node, false});
  if (unmoved) left.reset();
  return left;
}

void Snapshot::assume(const PodPtr& pod, const std::string& node) {
  remove_pod(pod->key());
  put({pod, node, true});
}

void Snapshot::forget(const PodInfo& pod) {
  const auto found = placed_.find(pod.key());
  if (found == placed_.end() || !found->second.assumed || found->second.pod->uid != pod.uid) return;
  remove_pod(pod.key());
}

}  // namespace kist::scheduler
