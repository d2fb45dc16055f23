// Which nodes a pod asks for: nodeSelector and node affinity, parsed once and matched often.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kist/api/json.h"

namespace kist::scheduler {

using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by key

// null: there is no such label.
const std::string* label(const Labels& labels, std::string_view key);

// What a selector looks at.
struct NodeIdentity {
  const std::string& name;
  const Labels& labels;
};

struct NodeRequirement {
  enum class Op : uint8_t { kIn, kNotIn, kExists, kDoesNotExist, kGreater, kLess, kUnknown };

  std::string key;
  Op op = Op::kUnknown;  // kUnknown, of a future version, matches nothing
  std::vector<std::string> values;

  bool matches(const std::string* value) const;  // null: the label is missing
  bool operator==(const NodeRequirement&) const = default;
};

// All of its requirements; one without any matches nothing.
struct NodeTerm {
  std::vector<NodeRequirement> labels;
  std::vector<NodeRequirement> fields;  // "metadata.name" is the only field there is

  bool matches(const NodeIdentity& node) const;
  bool operator==(const NodeTerm&) const = default;
};

struct PreferredTerm {
  int64_t weight = 0;
  NodeTerm term;
  bool operator==(const PreferredTerm&) const = default;
};

struct NodeChoice {
  Labels selector;                                // spec.nodeSelector: all of them
  std::optional<std::vector<NodeTerm>> required;  // any of them
  std::vector<PreferredTerm> preferred;
  // The only nodes that can match, where every required term names its nodes, as DaemonSets' pods
  // do. Empty: terms that contradict themselves.
  std::optional<std::vector<std::string>> pinned;

  bool matches(const NodeIdentity& node) const;
  int64_t preference(const NodeIdentity& node) const;  // the weights of what matches
  bool operator==(const NodeChoice&) const = default;
};

NodeChoice node_choice(const api::Value& pod);

}  // namespace kist::scheduler
