// See node_selector.h; the rules are those of component-helpers' nodeaffinity.
#include "src/scheduler/node_selector.h"

#include <algorithm>
#include <charconv>

#include "kist_api_views.h"

namespace kist::scheduler {
namespace {

namespace core = api::core_v1;
using Op = NodeRequirement::Op;
using Names = std::vector<std::string>;

constexpr std::string_view kNameField = "metadata.name";

Op op_of(std::string_view text) {
  constexpr std::pair<std::string_view, Op> kOps[] = {
      {"In", Op::kIn},         {"NotIn", Op::kNotIn},
      {"Exists", Op::kExists}, {"DoesNotExist", Op::kDoesNotExist},
      {"Gt", Op::kGreater},    {"Lt", Op::kLess},
  };
  for (const auto& [name, op] : kOps)
    if (name == text) return op;
  return Op::kUnknown;
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<NodeRequirement> requirements_of(
    const api::ListView<core::NodeSelectorRequirement>& list) {
  std::vector<NodeRequirement> requirements;
  for (const core::NodeSelectorRequirement item : list) {
    NodeRequirement& next = requirements.emplace_back();
    next.key = item.key();
    next.op = op_of(item.operator_());
    for (std::string_view value : item.values()) next.values.emplace_back(value);
  }
  return requirements;
}

NodeTerm term_of(const core::NodeSelectorTerm& term) {
  return {requirements_of(term.match_expressions()), requirements_of(term.match_fields())};
}

// The nodes that a term names; none: it does not.
std::optional<Names> named_nodes(const NodeTerm& term) {
  std::optional<Names> names;
  for (const NodeRequirement& field : term.fields) {
    if (field.key != kNameField || field.op != Op::kIn) continue;
    if (!names)
      names = field.values;
    else
      std::erase_if(*names, [&](const std::string& name) { return !contains(field.values, name); });
  }
  return names;
}

std::optional<Names> pinned_nodes(const std::optional<std::vector<NodeTerm>>& required) {
  if (!required || required->empty()) return {};
  Names all;
  for (const NodeTerm& term : *required) {
    const std::optional<Names> names = named_nodes(term);
    if (!names) return {};  // terms are alternatives: this one leaves all nodes open
    for (const std::string& name : *names)
      if (!contains(all, name)) all.push_back(name);
  }
  return all;
}

}  // namespace

const std::string* label(const Labels& labels, std::string_view key) {
  const auto found = std::lower_bound(
      labels.begin(), labels.end(), key,
      [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  return found != labels.end() && found->first == key ? &found->second : nullptr;
}

bool NodeRequirement::matches(const std::string* value) const {
  switch (op) {
    case Op::kIn: return value != nullptr && contains(values, *value);
    case Op::kNotIn: return value == nullptr || !contains(values, *value);
    case Op::kExists: return value != nullptr;
    case Op::kDoesNotExist: return value == nullptr;
    case Op::kGreater:
    case Op::kLess: {
      if (value == nullptr || values.size() != 1) return false;
      const std::optional<int64_t> have = whole_number(*value), limit = whole_number(values[0]);
      return have && limit && (op == Op::kGreater ? *have > *limit : *have < *limit);
    }
    case Op::kUnknown: return false;
  }
  return false;
}

bool NodeTerm::matches(const NodeIdentity& node) const {
  if (labels.empty() && fields.empty()) return false;
  for (const NodeRequirement& wanted : labels)
    if (!wanted.matches(label(node.labels, wanted.key))) return false;
  for (const NodeRequirement& wanted : fields)
    if (wanted.key != kNameField || !wanted.matches(&node.name)) return false;
  return true;
}

bool NodeChoice::matches(const NodeIdentity& node) const {
  for (const auto& [key, value] : selector) {
    const std::string* have = label(node.labels, key);
    if (have == nullptr || *have != value) return false;
  }
  return !required || std::any_of(required->begin(), required->end(),
                                  [&](const NodeTerm& term) { return term.matches(node); });
}

int64_t NodeChoice::preference(const NodeIdentity& node) const {
  int64_t sum = 0;
  for (const PreferredTerm& wish : preferred)
    if (wish.term.matches(node)) sum += wish.weight;
  return sum;
}

NodeChoice node_choice(const api::Value& pod) {
  const core::PodSpec spec = core::Pod(pod).spec();
  NodeChoice choice;
  for (const auto& [key, value] : spec.node_selector()) choice.selector.emplace_back(key, value);
  const core::NodeAffinity affinity = spec.affinity().node_affinity();
  if (const core::NodeSelector required =
          affinity.required_during_scheduling_ignored_during_execution()) {
    choice.required.emplace();
    for (const core::NodeSelectorTerm term : required.node_selector_terms())
      choice.required->push_back(term_of(term));
  }
  for (const core::PreferredSchedulingTerm wish :
       affinity.preferred_during_scheduling_ignored_during_execution())
    choice.preferred.push_back({wish.weight(), term_of(wish.preference())});
  choice.pinned = pinned_nodes(choice.required);
  return choice;
}

}  // namespace kist::scheduler
