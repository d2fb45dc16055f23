// The pods that want a node, and why each one waits.
//
//   active         next in line: by priority, then by how long they wait
//   backoff        may go on soon: 1 s after the first attempt, doubled up to 10 s
//   unschedulable  until an event that can help (move), or five minutes
//   gated          until spec.schedulingGates is empty
//   taken          given out by pop(): being decided on or bound
//
// Passive and pure: times are given, nothing waits. Threads: the scheduler's only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "src/scheduler/plugin.h"

namespace kist::scheduler {

inline constexpr std::chrono::seconds kPodBackoffFirst{1};
inline constexpr std::chrono::seconds kPodBackoffMax{10};
// Should an event have been judged unhelpful wrongly, no pod waits for ever.
inline constexpr std::chrono::minutes kUnschedulableMax{5};

class Queue {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // A pod without a node as it stands now; new ones are put in line.
  void set(const PodPtr& pod, Time now);
  void remove(const std::string& key);
  bool contains(const PodInfo& pod) const;  // that very pod, not one of the same name

  PodPtr pop();  // null: none is active
  // What became of a taken pod: no node will do / something failed and is to be tried again.
  // A pod that changed meanwhile, in what it wants, is not parked but tried again.
  void park(const PodInfo& pod, PluginSet rejected_by, Time now);
  void retry(const PodInfo& pod, Time now);
  // Tries a parked pod again though nothing helped.
  void unpark(const PodInfo& pod, Time now);

  // Tries those unschedulable pods again for which `helps` is true.
  using Helps = std::function<bool(const PodInfo& pod, PluginSet rejected_by)>;
  void move(const Helps& helps, Time now);
  void flush(Time now);  // what is due becomes active
  std::optional<Time> next_due() const;

  size_t active() const { return active_.size(); }
  size_t size() const { return entries_.size(); }

 private:
  enum class Place : uint8_t { kActive, kBackoff, kUnschedulable, kGated, kTaken };
  struct Entry {
    PodPtr pod;
    Place place = Place::kGated;
    int attempts = 0;
    Time since;                 // in the line, or the last attempt's end
    Time due;                   // kBackoff, kUnschedulable
    uint64_t number = 0;        // of joining: the last tie-breaker
    PluginSet rejected_by = 0;  // by the last attempt
    bool changed = false;       // wants other things than when it was taken
  };
  using Rank = std::tuple<int64_t, Time, uint64_t, std::string>;

  static Rank rank(const Entry& entry);
  // The entry of that very pod, if it is at that place; else null.
  Entry* find(const PodInfo& pod, Place place);
  void place(Entry& entry, Place place, Time due = {});
  void leave(const Entry& entry);
  void try_again(Entry& entry, Time now);  // active, or first the rest of its backoff

  std::unordered_map<std::string, Entry> entries_;
  std::set<Rank> active_;
  std::set<std::pair<Time, std::string>> due_;
  uint64_t joined_ = 0;
};

}  // namespace kist::scheduler
