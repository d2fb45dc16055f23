// Where committed entries live: the one part in which the SQLite and the memory store differ.
//
// Revision order, compare-and-swap, watches and the lazy class are RevisionStore's; a backend keeps
// the current value of each key and a bounded history of which key changed at which revision.
//
// Threads: none of its own; RevisionStore calls one method at a time.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kist/datastore/store.h"

namespace kist::datastore {

// Everything one transaction writes.
struct Batch {
  std::vector<const Event*> history;  // in revision order
  std::vector<const Event*> newest;   // of each key its last event: what the current table becomes
  std::optional<Revision> reserved;  // revisions up to here may be handed out before the next batch
};

// Keys k with begin <= k < end, or begin < k if `skip_begin`. An empty end is no end.
struct KeyRange {
  std::string begin, end;
  bool skip_begin = false;
};

class Backend {
 public:
  using Visitor = std::function<bool(Entry)>;  // false: enough

  virtual ~Backend() = default;

  virtual Revision current() const = 0;    // at open: no revision above this was ever handed out
  virtual Revision reserved() const = 0;   // at open: up to here may be handed out unwritten
  virtual Revision compacted() const = 0;  // history starts behind this
  virtual bool durable() const = 0;  // false: nothing outlives the process, so nothing is lazy

  virtual Result<std::optional<Entry>> find(std::string_view key) = 0;
  virtual Result<> scan(const KeyRange& range, const Visitor& visit) = 0;  // in key order
  // What changed under `prefix` above `after`. kExpired: not known any more.
  virtual Result<std::vector<Change>> changes(std::string_view prefix, Revision after) = 0;

  virtual Result<> commit(const Batch& batch) = 0;  // all of it, on disk, or nothing
  virtual Result<> compact(Revision upto) = 0;
  virtual void tidy() {}  // after a commit was answered: what makes later commits cheap
  virtual Result<Stat> stat() = 0;
  // A write or a read met damage in the file: only a restart can repair it.
  virtual bool damaged() const { return false; }
};

}  // namespace kist::datastore
