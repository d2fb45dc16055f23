// What the scheduler's thread is told by others: which objects changed, and how its own writes
// went.
//
// Changes are kept as names, once each, so that a flood of events to one object is one; answers are
// as many as there are writes under way.
//
// Threads: any.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "kist/base/mutex.h"
#include "kist/base/result.h"
#include "src/scheduler/pod_info.h"

namespace kist::scheduler {

struct Change {
  enum class Kind : uint8_t { kPod, kNode };
  Kind kind = Kind::kPod;
  std::string space, name;
};

struct WriteAnswer {
  enum class Kind : uint8_t { kBinding, kCondition };
  Kind kind = Kind::kBinding;
  PodPtr pod;
  std::string node;  // kBinding
  Result<> result;
};

class Inbox {
 public:
  struct Content {
    std::vector<Change> changes;  // in the order in which they were first told
    std::vector<WriteAnswer> answers;
  };

  void change(Change change);
  void answer(WriteAnswer answer);
  void close();  // take() returns at once from now on

  // Waits for something to be there, but not beyond `until`. `resting`: whoever takes has nothing
  // else to do, which idle() then tells until something comes.
  Content take(bool wait, std::optional<std::chrono::steady_clock::time_point> until, bool resting);
  bool closed() const;
  bool idle() const;

 private:
  bool empty() const REQUIRES_LOCK(mutex_) {
    return content_.changes.empty() && content_.answers.empty();
  }

  mutable Mutex mutex_;
  CondVar wake_;
  Content content_ GUARDED_BY(mutex_);
  std::unordered_set<std::string> known_ GUARDED_BY(mutex_);  // of content_.changes
  bool resting_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace kist::scheduler
