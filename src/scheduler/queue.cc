// See queue.h.
#include "src/scheduler/queue.h"

#include <algorithm>

namespace kist::scheduler {
namespace {

std::chrono::seconds backoff(int attempts) {
  std::chrono::seconds wait = kPodBackoffFirst;
  for (int i = 1; i < attempts && wait < kPodBackoffMax; ++i) wait *= 2;
  return std::min(wait, kPodBackoffMax);
}

}  // namespace

Queue::Rank Queue::rank(const Entry& entry) {
  return {-entry.pod->priority, entry.since, entry.number, entry.pod->key()};
}

void Queue::leave(const Entry& entry) {
  if (entry.place == Place::kActive) active_.erase(rank(entry));
  if (entry.place == Place::kBackoff || entry.place == Place::kUnschedulable)
    due_.erase({entry.due, entry.pod->key()});
}

void Queue::place(Entry& entry, Place place, Time due) {
  leave(entry);
  entry.place = place;
  entry.due = due;
  if (place == Place::kActive) active_.insert(rank(entry));
  if (place == Place::kBackoff || place == Place::kUnschedulable)
    due_.insert({due, entry.pod->key()});
}

void Queue::try_again(Entry& entry, Time now) {
  const Time ready = entry.attempts == 0 ? now : entry.since + backoff(entry.attempts);
  if (ready <= now)
    place(entry, Place::kActive);
  else
    place(entry, Place::kBackoff, ready);
}

void Queue::set(const PodPtr& pod, Time now) {
  const std::string key = pod->key();
  const auto found = entries_.find(key);
  if (found != entries_.end() && found->second.pod->uid != pod->uid) remove(key);
  const auto [at, fresh] = entries_.try_emplace(key);
  Entry& entry = at->second;
  if (fresh) {
    entry.pod = pod;
    entry.since = now;
    entry.number = ++joined_;
    place(entry, pod->wants.gated ? Place::kGated : Place::kActive);
    return;
  }
  const bool other_wants = entry.pod->wants != pod->wants;
  leave(entry);  // its rank may be another now
  const Place before = std::exchange(entry.place, Place::kTaken);
  const Time due = entry.due;
  entry.pod = pod;
  if (before == Place::kTaken) {
    entry.changed |= other_wants;
  } else if (pod->wants.gated) {
    place(entry, Place::kGated);
  } else if (before == Place::kGated || (before == Place::kUnschedulable && other_wants)) {
    try_again(entry, now);
  } else {
    place(entry, before, due);
  }
}

void Queue::remove(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  leave(found->second);
  entries_.erase(found);
}

bool Queue::contains(const PodInfo& pod) const {
  const auto found = entries_.find(pod.key());
  return found != entries_.end() && found->second.pod->uid == pod.uid;
}

PodPtr Queue::pop() {
  if (active_.empty()) return nullptr;
  Entry& entry = entries_.at(std::get<std::string>(*active_.begin()));
  place(entry, Place::kTaken);
  ++entry.attempts;
  entry.changed = false;
  return entry.pod;
}

Queue::Entry* Queue::find(const PodInfo& pod, Place place) {
  const auto found = entries_.find(pod.key());
  if (found == entries_.end() || found->second.pod->uid != pod.uid) return nullptr;
  return found->second.place == place ? &found->second : nullptr;
}

void Queue::park(const PodInfo& pod, PluginSet rejected_by, Time now) {
  Entry* entry = find(pod, Place::kTaken);
  if (entry == nullptr) return;
  entry->since = now;
  entry->rejected_by = rejected_by;
  if (entry->changed)
    try_again(*entry, now);
  else
    place(*entry, Place::kUnschedulable, now + kUnschedulableMax);
}

void Queue::retry(const PodInfo& pod, Time now) {
  Entry* entry = find(pod, Place::kTaken);
  if (entry == nullptr) return;
  entry->since = now;
  try_again(*entry, now);
}

void Queue::unpark(const PodInfo& pod, Time now) {
  if (Entry* entry = find(pod, Place::kUnschedulable)) try_again(*entry, now);
}

void Queue::move(const Helps& helps, Time now) {
  for (auto& [key, entry] : entries_)
    if (entry.place == Place::kUnschedulable && helps(*entry.pod, entry.rejected_by))
      try_again(entry, now);
}

void Queue::flush(Time now) {
  while (!due_.empty() && due_.begin()->first <= now)
    place(entries_.at(due_.begin()->second), Place::kActive);
}

std::optional<Queue::Time> Queue::next_due() const {
  if (due_.empty()) return {};
  return due_.begin()->first;
}

}  // namespace kist::scheduler
