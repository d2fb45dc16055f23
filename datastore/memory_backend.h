// Everything in memory, gone at the end: tests and --ephemeral clusters.
#pragma once

#include <deque>
#include <map>

#include "datastore/backend.h"

namespace kist::datastore {

class MemoryBackend : public Backend {
 public:
  explicit MemoryBackend(size_t history_max) : history_max_(history_max) {}

  Revision current() const override { return Revision{}; }
  Revision reserved() const override { return Revision{}; }
  Revision compacted() const override { return compacted_; }
  bool durable() const override { return false; }

  Result<std::optional<Entry>> find(std::string_view key) override;
  Result<> scan(const KeyRange& range, const Visitor& visit) override;
  Result<std::vector<Change>> changes(std::string_view prefix, Revision after) override;
  Result<> commit(const Batch& batch) override;
  Result<> compact(Revision upto) override;
  Result<Stat> stat() override;

 private:
  const size_t history_max_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::deque<Change> history_;
  Revision compacted_;
};

}  // namespace kist::datastore
