// See inbox.h.
#include "src/scheduler/inbox.h"

namespace kist::scheduler {

void Inbox::change(Change change) {
  const char* prefix = change.kind == Change::Kind::kPod ? "p/" : "n/";
  const std::string key = prefix + change.space + "/" + change.name;
  MutexLock lock(mutex_);
  if (!known_.insert(key).second) return;
  content_.changes.push_back(std::move(change));
  resting_ = false;
  wake_.notify_one();
}

void Inbox::answer(WriteAnswer answer) {
  MutexLock lock(mutex_);
  content_.answers.push_back(std::move(answer));
  resting_ = false;
  wake_.notify_one();
}

void Inbox::close() {
  MutexLock lock(mutex_);
  closed_ = true;
  wake_.notify_all();
}

Inbox::Content Inbox::take(bool wait, std::optional<std::chrono::steady_clock::time_point> until,
                           bool resting) {
  MutexLock lock(mutex_);
  resting_ = resting && empty();
  while (wait && empty() && !closed_) {
    if (!until)
      wake_.wait(mutex_);
    else if (!wake_.wait_until(mutex_, *until))
      break;
  }
  resting_ = false;
  known_.clear();
  return std::exchange(content_, {});
}

bool Inbox::closed() const {
  MutexLock lock(mutex_);
  return closed_;
}

bool Inbox::idle() const {
  MutexLock lock(mutex_);
  return resting_ && empty();
}

}  // namespace kist::scheduler
