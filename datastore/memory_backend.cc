#include "datastore/memory_backend.h"

#include <algorithm>

#include "datastore/revision_store.h"

namespace kist::datastore {

Result<std::optional<Entry>> MemoryBackend::find(std::string_view key) {
  const auto place = entries_.find(key);
  if (place == entries_.end()) return std::optional<Entry>();
  return std::optional<Entry>(place->second);
}

Result<> MemoryBackend::scan(const KeyRange& range, const Visitor& visit) {
  auto place =
      range.skip_begin ? entries_.upper_bound(range.begin) : entries_.lower_bound(range.begin);
  for (; place != entries_.end(); ++place) {
    if (!range.end.empty() && place->first >= range.end) break;
    if (!visit(place->second)) break;
  }
  return {};
}

Result<std::vector<Change>> MemoryBackend::changes(std::string_view prefix, Revision after) {
  if (after < compacted_)
    return Error{Code::kExpired,
                 "history starts behind revision " + std::to_string(compacted_.number)};
  std::vector<Change> found;
  for (const Change& change : history_) {
    if (change.revision > after && change.key.starts_with(prefix)) found.push_back(change);
  }
  return found;
}

Result<> MemoryBackend::commit(const Batch& batch) {
  for (const Event* event : batch.history) {
    history_.push_back(Change{event->entry.modified, event->type, event->entry.key});
  }
  for (const Event* event : batch.newest) {
    if (event->type == EventType::kDeleted) {
      entries_.erase(event->entry.key);
    } else {
      entries_.insert_or_assign(event->entry.key, event->entry);
    }
  }
  if (history_.size() > history_max_)
    return compact(history_[history_.size() - history_max_ - 1].revision);
  return {};
}

Result<> MemoryBackend::compact(Revision upto) {
  while (!history_.empty() && history_.front().revision <= upto) history_.pop_front();
  compacted_ = std::max(compacted_, upto);
  return {};
}

Result<Stat> MemoryBackend::stat() {
  Stat stat;
  stat.entries = static_cast<int64_t>(entries_.size());
  for (const auto& [key, entry] : entries_)
    stat.value_bytes += static_cast<int64_t>(entry.value.size());
  stat.compacted = compacted_;
  return stat;
}

std::unique_ptr<Store> open_memory_store() {
  constexpr size_t kHistoryMax = 10'000;
  return std::make_unique<RevisionStore>(std::make_unique<MemoryBackend>(kHistoryMax),
                                         RevisionStoreOptions{});
}

}  // namespace kist::datastore
