// See decide.h. Reasons are only put into words once no node will do: the usual pass makes none.
#include "src/scheduler/decide.h"

#include <algorithm>
#include <map>

namespace kist::scheduler {
namespace {

constexpr int64_t kCompareAll = 100;  // nodes: as many are always compared
constexpr int64_t kPercentMin = 5;
constexpr std::string_view kNotHelpful = "Preemption is not helpful for scheduling";
constexpr std::string_view kNoVictims = "No preemption victims found for incoming pod";

using Rows = std::vector<const NodeRow*>;
using Histogram = std::map<std::string, int64_t, std::less<>>;  // nodes by reason

// The first plugin to refuse the node; null: none does.
const Plugin* refusing(const Turn& turn, const NodeRow& row, Refusal* refusal) {
  for (const Plugin& plugin : plugins())
    if (plugin.filter != nullptr && !plugin.filter(turn, row, refusal)) return &plugin;
  return nullptr;
}

PluginSet bit(const Plugin& plugin) { return PluginSet{1} << (&plugin - plugins().data()); }

Rows pinned_rows(const Turn& turn) {
  Rows rows;
  for (const std::string& name : *turn.pod.wants.nodes.pinned)
    if (const NodeRow* row = turn.snapshot.row(name)) rows.push_back(row);
  return rows;
}

// All nodes in the order of this turn.
Rows all_rows(const Turn& turn, size_t begin) {
  const std::vector<NodeRow>& rows = turn.snapshot.rows();
  Rows all;
  all.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const NodeRow& row = rows[(begin + i) % rows.size()];
    if (row.node) all.push_back(&row);
  }
  return all;
}

Rows feasible_rows(const Turn& turn, const Rows& candidates, Rotation& rotation) {
  const size_t enough = static_cast<size_t>(enough_nodes(turn.snapshot.nodes()));
  Rows feasible;
  size_t looked_at = 0;
  for (const NodeRow* row : candidates) {
    if (feasible.size() == enough) break;
    ++looked_at;
    if (refusing(turn, *row, nullptr) == nullptr) feasible.push_back(row);
  }
  // Where every node was compared, the one after the first begins: ties take turns.
  rotation.next += looked_at < candidates.size() ? looked_at : 1;
  return feasible;
}

void normalize(Normalize how, std::vector<int64_t>& scores) {
  if (how == Normalize::kNone) return;
  const int64_t most = *std::max_element(scores.begin(), scores.end());
  const bool reversed = how == Normalize::kReversed;
  for (int64_t& score : scores) {
    const int64_t share = most == 0 ? 0 : kScoreMax * score / most;
    score = reversed ? kScoreMax - share : share;
  }
}

const NodeRow& best_row(const Turn& turn, const Rows& feasible) {
  if (feasible.size() == 1) return *feasible[0];
  std::vector<int64_t> totals(feasible.size()), scores(feasible.size());
  for (const Plugin& plugin : plugins()) {
    if (plugin.weight == 0 || !plugin.scores(turn)) continue;
    for (size_t i = 0; i < feasible.size(); ++i) scores[i] = plugin.score(turn, *feasible[i]);
    normalize(plugin.normalize, scores);
    for (size_t i = 0; i < feasible.size(); ++i) totals[i] += plugin.weight * scores[i];
  }
  const auto best = std::max_element(totals.begin(), totals.end());
  return *feasible[static_cast<size_t>(best - totals.begin())];
}

std::string list_of(const Histogram& reasons) {
  std::vector<std::string> lines;
  for (const auto& [reason, nodes] : reasons) lines.push_back(std::to_string(nodes) + " " + reason);
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : ", ") + line;
  return text;
}

std::string available(const Turn& turn, const std::string& reasons) {
  return "0/" + std::to_string(turn.snapshot.nodes()) + " nodes are available: " + reasons + ".";
}

std::string preemption_text(const Turn& turn, const Histogram& outlook) {
  if (!turn.pod.preempts) return " preemption: not eligible due to preemptionPolicy=Never.";
  return " preemption: " + available(turn, list_of(outlook));
}

Decision contradiction(const Turn& turn) {
  const Histogram outlook{{std::string(kNotHelpful), turn.snapshot.nodes()}};
  return {
      .message = available(turn, "pod affinity terms conflict") + preemption_text(turn, outlook),
      .rejected_by = 0};
}

PluginSet affinity_bit() {
  for (const Plugin& plugin : plugins())
    if (plugin.filter != nullptr && plugin.name == "NodeAffinity") return bit(plugin);
  return 0;
}

Decision explain(const Turn& turn, const Rows& candidates) {
  Decision decision;
  Histogram reasons, outlook;
  for (const NodeRow* row : candidates) {
    Refusal refusal;
    const Plugin* plugin = refusing(turn, *row, &refusal);
    if (plugin == nullptr) continue;
    decision.rejected_by |= bit(*plugin);
    for (const std::string& reason : refusal.reasons) ++reasons[reason];
    ++outlook[std::string(refusal.evictions_may_help ? kNoVictims : kNotHelpful)];
  }
  // Nodes that the pod's own affinity left out of the search.
  const int64_t others = turn.snapshot.nodes() - static_cast<int64_t>(candidates.size());
  if (others > 0) {
    decision.rejected_by |= affinity_bit();
    reasons["node(s) didn't satisfy plugin(s) [NodeAffinity]"] += others;
    outlook[std::string(kNotHelpful)] += others;
  }
  decision.message = available(turn, list_of(reasons)) + preemption_text(turn, outlook);
  return decision;
}

}  // namespace

int64_t enough_nodes(int64_t nodes) {
  if (nodes < kCompareAll) return kCompareAll;
  const int64_t percent = std::max(kPercentMin, 50 - nodes / 125);
  return std::max(kCompareAll, nodes * percent / 100);
}

Decision decide(const Turn& turn, Rotation& rotation) {
  if (turn.snapshot.nodes() == 0) return {.message = "no nodes available to schedule pods"};
  const std::optional<std::vector<std::string>>& pinned = turn.pod.wants.nodes.pinned;
  if (pinned && pinned->empty()) return contradiction(turn);
  const Rows candidates = pinned ? pinned_rows(turn) : all_rows(turn, rotation.next);
  const Rows feasible = feasible_rows(turn, candidates, rotation);
  if (feasible.empty()) return explain(turn, candidates);
  return {.node = best_row(turn, feasible).name};
}

bool helps(const Turn& turn, PluginSet rejected_by, const NodeEvent& event) {
  if (rejected_by == 0) return (event.what & kNodeAdded) != 0;
  for (const Plugin& plugin : plugins()) {
    if ((rejected_by & bit(plugin)) == 0 || (plugin.helped_by & event.what) == 0) continue;
    const bool accepted = event.before != nullptr && plugin.filter(turn, *event.before, nullptr);
    if (!accepted && plugin.filter(turn, event.row, nullptr)) return true;
  }
  return false;
}

}  // namespace kist::scheduler
