#include "datastore/revision_store.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "kist/base/log.h"
#include "kist/base/worker_pool.h"

namespace kist::datastore {
namespace {

// The first string behind all that start with `prefix`; empty if there is none.
std::string prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Result<> check_bounds(const Write& write) {
  if (write.key.empty() || write.key.size() > kKeyBytesMax)
    return Error{Code::kInvalid, "key of " + std::to_string(write.key.size()) + " bytes"};
  const size_t bytes = write.head.size() + write.tail.size();
  if (bytes > kValueBytesMax)
    return Error{Code::kTooLarge, write.key + ": value of " + std::to_string(bytes) + " bytes"};
  return {};
}

EventType event_type(Write::Kind kind) {
  switch (kind) {
    case Write::Kind::kCreate: return EventType::kCreated;
    case Write::Kind::kUpdate: return EventType::kUpdated;
    case Write::Kind::kRemove: return EventType::kDeleted;
  }
  return EventType::kUpdated;
}

// Compare and swap: may `write` follow `present`?
Result<> check_expected(const Write& write, const std::optional<Entry>& present) {
  if (write.kind == Write::Kind::kCreate) {
    if (present) return Error{Code::kAlreadyExists, write.key};
    return {};
  }
  if (!present) return Error{Code::kNotFound, write.key};
  if (present->modified == write.expected) return {};
  return Error{Code::kConflict, write.key + ": revision is " +
                                    std::to_string(present->modified.number) + ", not " +
                                    std::to_string(write.expected.number)};
}

Slice splice(const Write& write, Revision revision) {
  const std::string number = std::to_string(revision.number);
  const size_t size = write.head.size() + number.size() + write.tail.size();
  // As long as the object lives: one allocation of just its size, the count of its owners included.
  auto bytes = std::make_shared_for_overwrite<char[]>(size);
  char* end = std::copy(write.head.begin(), write.head.end(), bytes.get());
  end = std::copy(number.begin(), number.end(), end);
  std::copy(write.tail.begin(), write.tail.end(), end);
  const std::string_view view(bytes.get(), size);
  return Slice(std::move(bytes), view);
}

}  // namespace

RevisionStore::RevisionStore(std::unique_ptr<Backend> backend, RevisionStoreOptions options)
    : options_(std::move(options)),
      hub_(std::make_shared<Hub>(backend->current(), options_.window_events_max,
                                 options_.window_bytes_max)),
      backend_(std::move(backend)) {
  {
    MutexLock lock(backend_mutex_);
    applied_ = handed_ = backend_->current();
    reserved_ = backend_->reserved();
  }
  writer_ = std::jthread([this] {
    name_this_thread("store");
    run();
  });
}

RevisionStore::~RevisionStore() {
  {
    MutexLock lock(queue_mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  writer_.join();
  close();
}

void RevisionStore::submit(Write write, Done done) {
  if (Result<> bounds = check_bounds(write); !bounds.ok()) return done(std::move(bounds).error());
  bool full = false;
  bool was_empty = false;
  {
    MutexLock lock(queue_mutex_);
    full = queue_.size() >= kQueueMax;
    was_empty = queue_.empty();
    if (!full) queue_.push_back(Request{std::move(write), std::move(done)});
  }
  if (full) return done(Error{Code::kTooManyRequests, "the store's queue is full"});
  if (was_empty) wake_.notify_one();
}

// Sleeps until there is work; without dirty lazy writes no timer runs. False: stop.
bool RevisionStore::take_group(std::vector<Request>& group) {
  MutexLock lock(queue_mutex_);
  while (queue_.empty() && !stopping_) {
    if (!flush_at_) {
      wake_.wait(queue_mutex_);
    } else if (!wake_.wait_until(queue_mutex_, *flush_at_)) {
      break;
    }
  }
  size_t bytes = 0;
  while (!queue_.empty() && group.size() < kGroupMax && bytes < kGroupBytesMax) {
    bytes += queue_.front().write.head.size() + queue_.front().write.tail.size();
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return !group.empty() || !stopping_;
}

void RevisionStore::run() {
  for (;;) {
    std::vector<Request> group;
    if (!take_group(group)) return;
    if (!group.empty()) process(std::move(group));
    if (flush_at_ && std::chrono::steady_clock::now() >= *flush_at_) flush_lazy();
  }
}

Result<std::optional<Entry>> RevisionStore::find(std::string_view key) {
  for (const ChangeSet* changes : {&staged_, &overlay_}) {
    const Event* event = changes->find(key);
    if (event == nullptr) continue;
    if (event->type == EventType::kDeleted) return std::optional<Entry>();
    return std::optional<Entry>(event->entry);
  }
  return backend_->find(key);
}

Result<Entry> RevisionStore::decide(Write& write, Group& group) {
  std::optional<Entry> present = TRY(find(write.key));
  TRY(check_expected(write, present));
  const bool lazy = write.durability == Durability::kLazy && backend_->durable();
  handed_.number += 1;
  Event event;
  event.type = event_type(write.kind);
  event.entry.value = splice(write, handed_);
  event.entry.key = std::move(write.key);
  event.entry.modified = handed_;
  event.entry.created = present ? present->created : handed_;
  if (present) event.previous = std::move(present->value);
  Entry entry = event.entry;
  group.durable = group.durable || !lazy;
  group.events.push_back(event);
  staged_.add(std::move(event));
  return entry;
}

RevisionStore::Group RevisionStore::plan(std::vector<Request> requests) {
  Group group;
  group.events.reserve(requests.size());
  group.outcomes.reserve(requests.size());
  for (Request& request : requests) {
    Result<Entry> result = decide(request.write, group);
    group.outcomes.push_back(Outcome{std::move(request.done), std::move(result)});
  }
  return group;
}

// Writes the overlay and what is staged as one transaction.
Result<> RevisionStore::commit_all(std::optional<Revision> reserve) {
  Batch batch;
  batch.reserved = reserve;
  for (const ChangeSet* changes : {&overlay_, &staged_}) {
    const bool covered = changes == &overlay_;
    for (size_t i = 0; i < changes->size(); ++i) {
      const Event& event = changes->events()[i];
      batch.history.push_back(&event);
      if (!changes->is_newest(i)) continue;
      if (covered && staged_.find(event.entry.key) != nullptr) continue;
      batch.newest.push_back(&event);
    }
  }
  TRY(backend_->commit(batch));
  overlay_.clear();
  if (reserve) reserved_ = *reserve;
  return {};
}

// Commits the group, or accepts it into the overlay if it is lazy as a whole.
Result<> RevisionStore::settle(const Group& group) {
  if (group.events.empty()) return {};
  const bool unreserved = handed_ > reserved_;
  const bool full = overlay_.size() + staged_.size() > kOverlayMax ||
                    overlay_.bytes() + staged_.bytes() > kOverlayBytesMax;
  if (!group.durable && !unreserved && !full) {
    for (const Event& event : group.events) overlay_.add(event);
  } else {
    // Reserving only costs something where lazy writes use it.
    std::optional<Revision> reserve;
    if (!group.durable && unreserved) reserve = Revision{handed_.number + kReserveBlock};
    TRY(commit_all(reserve));
  }
  applied_ = handed_;
  return {};
}

void RevisionStore::process(std::vector<Request> requests) {
  const auto writes = static_cast<int64_t>(requests.size());
  Group group;
  Result<> settled;
  Revision upto;
  bool clean = false;
  {
    MutexLock lock(backend_mutex_);
    group = plan(std::move(requests));
    settled = settle(group);
    staged_.clear();
    upto = applied_;
    clean = overlay_.empty();
  }
  if (!settled.ok()) {
    // Nothing of the group happened, and what was refused was judged by what did not happen.
    if (!trouble_) log_error("store cannot commit", {{"error", settled.error().message}});
    for (Outcome& outcome : group.outcomes) outcome.done(settled.error());
  } else {
    if (!group.events.empty()) hub_->publish(group.events, upto);
    for (Outcome& outcome : group.outcomes) outcome.done(std::move(outcome.result));
    if (trouble_) log_info("store commits again");
  }
  trouble_ = !settled.ok();
  if (clean) {
    flush_at_.reset();
  } else if (!flush_at_) {
    flush_at_ = std::chrono::steady_clock::now() + options_.lazy_flush;
  }
  if (settled.ok() && clean && !group.events.empty()) {
    MutexLock lock(backend_mutex_);
    backend_->tidy();
  }
  if (settled.ok() && options_.committed) options_.committed(writes);
}

void RevisionStore::flush_lazy() {
  MutexLock lock(backend_mutex_);
  Result<> flushed = commit_all(std::nullopt);
  flush_at_.reset();
  if (flushed.ok()) {
    backend_->tidy();
    return;
  }
  // Kept in memory; the next durable write or the next try takes it along.
  flush_at_ = std::chrono::steady_clock::now() + options_.lazy_flush;
  if (!trouble_) log_error("store cannot flush", {{"error", flushed.error().message}});
  trouble_ = true;
}

// After a clean stop the next start continues with the very next revision.
void RevisionStore::close() {
  {
    MutexLock lock(backend_mutex_);
    if (!overlay_.empty() || reserved_ > applied_) {
      const Result<> flushed = commit_all(applied_);
      if (!flushed.ok()) log_error("store cannot flush", {{"error", flushed.error().message}});
    }
    backend_.reset();
  }
  if (options_.closed) options_.closed();
}

Result<Entry> RevisionStore::get(std::string_view key) {
  MutexLock lock(backend_mutex_);
  std::optional<Entry> entry = TRY(find(key));
  if (!entry) return Error{Code::kNotFound, std::string(key)};
  return *std::move(entry);
}

Result<Page> RevisionStore::list(std::string_view prefix, const ListOptions& options) {
  KeyRange range{.begin = std::string(prefix), .end = prefix_end(prefix)};
  if (options.after >= range.begin && !options.after.empty()) {
    range.begin = options.after;
    range.skip_begin = true;
  }
  const size_t limit = options.limit == 0 ? SIZE_MAX : options.limit;
  Page page;
  MutexLock lock(backend_mutex_);
  page.revision = applied_;
  const ChangeSet::Index& lazy = overlay_.newest();
  auto next = range.skip_begin ? lazy.upper_bound(range.begin) : lazy.lower_bound(range.begin);
  auto last = range.end.empty() ? lazy.end() : lazy.lower_bound(range.end);
  if (!range.end.empty() && range.end <= range.begin) last = next;

  const auto add = [&](Entry entry) {
    page.more = page.entries.size() == limit;
    if (!page.more) page.entries.push_back(std::move(entry));
    return !page.more;
  };
  // Adds what the overlay has up to `key`; true: it has (or had) that key itself as well.
  const auto overlaid = [&](const std::string* key) {
    backend_mutex_.assert_held();
    bool same = false;
    while (next != last && !page.more && (key == nullptr || next->first <= *key)) {
      same = key != nullptr && next->first == *key;
      const Event& event = overlay_.events()[next->second];
      if (event.type != EventType::kDeleted) add(event.entry);
      ++next;
    }
    return same;
  };
  TRY(backend_->scan(range, [&](Entry entry) {
    if (overlaid(&entry.key)) return !page.more;
    return !page.more && add(std::move(entry));
  }));
  if (!page.more) overlaid(nullptr);
  return page;
}

Result<std::vector<Change>> RevisionStore::changes_locked(std::string_view prefix, Revision after) {
  if (after > applied_)
    return Error{Code::kExpired, "revision " + std::to_string(after.number) +
                                     " is ahead of the store's " + std::to_string(applied_.number)};
  std::vector<Change> all = TRY(backend_->changes(prefix, after));
  for (const Event& event : overlay_.events()) {
    if (event.entry.modified > after && event.entry.key.starts_with(prefix))
      all.push_back(Change{event.entry.modified, event.type, event.entry.key});
  }
  return all;
}

Result<std::vector<Change>> RevisionStore::changes(std::string_view prefix, Revision after) {
  MutexLock lock(backend_mutex_);
  return changes_locked(prefix, after);
}

// The events in (after, start], which the window does not hold any more: correct ones can be made
// only for entries that were created once and are as they were then.
Result<std::vector<Event>> RevisionStore::older_events(std::string_view prefix, Revision after,
                                                       Revision start) {
  MutexLock lock(backend_mutex_);
  std::vector<Event> events;
  for (const Change& change : TRY(changes_locked(prefix, after))) {
    if (change.revision > start) break;
    std::optional<Entry> entry = TRY(find(change.key));
    const bool known =
        change.type == EventType::kCreated && entry && entry->modified == change.revision;
    if (!known)
      return Error{Code::kExpired,
                   "events since revision " + std::to_string(after.number) + " are not kept"};
    events.push_back(Event{.type = EventType::kCreated, .entry = *std::move(entry)});
  }
  return events;
}

Result<std::unique_ptr<Watch>> RevisionStore::watch(std::string_view prefix, Revision after,
                                                    Sink sink) {
  {
    MutexLock lock(backend_mutex_);
    if (after > applied_)
      return Error{Code::kExpired, "revision " + std::to_string(after.number) +
                                       " is ahead of the store's " +
                                       std::to_string(applied_.number)};
  }
  return hub_->subscribe(prefix, after, std::move(sink),
                         [&](Revision start) { return older_events(prefix, after, start); });
}

Result<> RevisionStore::compact(Revision upto) {
  {
    MutexLock lock(backend_mutex_);
    upto = std::min(upto, applied_);
    TRY(backend_->compact(upto));
  }
  hub_->forget(upto);
  return {};
}

Result<Stat> RevisionStore::stat() {
  MutexLock lock(backend_mutex_);
  Stat stat = TRY(backend_->stat());
  stat.current = applied_;
  for (const auto& [key, position] : overlay_.newest()) {
    const Event& event = overlay_.events()[position];
    const std::optional<Entry> flushed = TRY(backend_->find(key));
    if (flushed) {
      stat.entries -= 1;
      stat.value_bytes -= static_cast<int64_t>(flushed->value.size());
    }
    if (event.type == EventType::kDeleted) continue;
    stat.entries += 1;
    stat.value_bytes += static_cast<int64_t>(event.entry.value.size());
  }
  return stat;
}

Result<Entry> submit_and_wait(Store& store, Write write) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Result<Entry>> answer;
  store.submit(std::move(write), [&](Result<Entry> result) {
    const std::lock_guard<std::mutex> lock(mutex);
    answer = std::move(result);
    ready.notify_one();  // under the lock: the waiter destroys both as soon as it can
  });
  std::unique_lock<std::mutex> lock(mutex);
  ready.wait(lock, [&] { return answer.has_value(); });
  return *std::move(answer);
}

}  // namespace kist::datastore
