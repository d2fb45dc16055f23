// Events in revision order together with the newest one of each key.
//
// The writer keeps two: `staged`, what the group being committed adds, and the overlay, kLazy
// writes that were answered from memory and are not in the file yet.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "kist/datastore/store.h"

namespace kist::datastore {

// Threads: none of its own; whoever owns it guards it.
class ChangeSet {
 public:
  using Index = std::map<std::string, size_t, std::less<>>;

  void add(Event event) {
    bytes_ += event.entry.key.size() + event.entry.value.size();
    auto [place, fresh] = newest_.try_emplace(event.entry.key, events_.size());
    if (!fresh) {
      Event& old = events_[place->second];
      bytes_ -= old.entry.value.size();
      old.entry.value = {};  // only the newest value of a key ever reaches the file
      place->second = events_.size();
    }
    event.previous = {};
    events_.push_back(std::move(event));
  }

  // The newest event of `key`; null if this set does not change it.
  const Event* find(std::string_view key) const {
    const auto place = newest_.find(key);
    return place == newest_.end() ? nullptr : &events_[place->second];
  }

  bool is_newest(size_t position) const {
    return newest_.find(events_[position].entry.key)->second == position;
  }

  const std::deque<Event>& events() const { return events_; }
  const Index& newest() const { return newest_; }
  bool empty() const { return events_.empty(); }
  size_t size() const { return events_.size(); }
  size_t bytes() const { return bytes_; }

  void clear() {
    events_.clear();
    newest_.clear();
    bytes_ = 0;
  }

 private:
  std::deque<Event> events_;
  Index newest_;
  size_t bytes_ = 0;
};

}  // namespace kist::datastore
