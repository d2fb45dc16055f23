// watch: events of the cache to one client, in order, without a thread.
//
// A stream has a queue and at most one pump: whoever adds to the queue and finds nobody writing
// writes until it is empty. So calls of the exchange never overlap, whichever threads offer events.
#include <atomic>
#include <charconv>
#include <deque>

#include "kist/base/random.h"
#include "src/apiserver/encode.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/registry/selection.h"

namespace kist::apiserver {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kBookmarkPeriod{60};
constexpr int64_t kTimeoutSecondsMin = 1800;  // where the client names none; up to twice that
constexpr size_t kBacklogMax = 16'384;        // chunks; a client this slow is cut off

class WatchStream : public Watcher {
 public:
  WatchStream(CallPtr call, View view, Selection selection)
      : call_(std::move(call)), view_(view), selection_(std::move(selection)) {}

  ~WatchStream() override { --call_->core.metrics.watches; }

  struct Start {
    bool with_state = false, initial_end = false, bookmarks = false;
    int64_t after = 0;
    seconds timeout{};
  };

  static void run(const CallPtr& call, View view, Selection selection, const Start& start) {
    auto stream = std::make_shared<WatchStream>(call, view, std::move(selection));
    ++call->core.metrics.watches;
    stream->begin(stream, start);
  }

  void offer(const EventPtr& event) override {
    if (event->revision <= after_) return;
    std::vector<Slice> chunk = chunk_of(*event);
    if (!chunk.empty()) push(std::move(chunk));
  }

  // Lets the client come back: everything queued first.
  void finish() override {
    {
      MutexLock lock(mutex_);
      if (closed_) return;
      finishing_ = true;
      if (busy_) return;
      busy_ = true;
    }
    pump();
  }

 private:
  // What this client is told of an event; empty: nothing. An object that leaves the selection is
  // deleted as far as the client can see, one that enters is added.
  std::vector<Slice> chunk_of(const CacheEvent& event) {
    using datastore::EventType;
    bool is = event.type != EventType::kDeleted && selection_.matches(*event.object);
    bool was = event.previous != nullptr && selection_.matches(*event.previous);
    if (event.type == EventType::kDeleted && event.previous == nullptr) {
      was = selection_.matches(*event.object);
    }
    if (!is && !was) return {};
    uint32_t key = view_.encoding_key() << 2;
    if (is) {
      const char* type = was ? "MODIFIED" : "ADDED";
      return shared(event, key | (was ? 1u : 0u), type, {event.object->bytes()});
    }
    if (event.type == EventType::kDeleted) {
      return shared(event, key | 2u, "DELETED", {event.object->bytes()});
    }
    return shared(event, key | 3u, "DELETED", event.previous->with_revision(event.revision));
  }

  std::vector<Slice> shared(const CacheEvent& event, uint32_t key, const char* type,
                            const std::vector<Slice>& stored) {
    if (view_.format.plain_json() && !view_.served->converts()) {
      return encode_event(view_, type, stored);  // three slices: cheaper than remembering them
    }
    return event.encoded(key, [&] { return encode_event(view_, type, stored); });
  }

  void begin(const std::shared_ptr<WatchStream>& self, const Start& start) {
    after_ = start.after;
    deadline_ = steady_clock::now() + start.timeout;
    bookmarks_ = start.bookmarks;
    {
      MutexLock lock(mutex_);
      busy_ = true;  // nobody else writes before the beginning is out
    }
    ResourceCache& cache = *view_.served->cache;
    Result<ResourceCache::Subscription> subscribed =
        cache.subscribe(self, start.with_state, start.after, selection_.namespace_name());
    call_->count(200, true);
    call_->exchange->begin(200, call_->answer_headers(watch_content_type(view_.format)));
    if (!subscribed.ok()) {
      call_->exchange->write(encode_error_event(view_, subscribed.error()));
      call_->exchange->finish();
      return;
    }
    // The exchange lets go of the stream when the client leaves; until then the cache holds it.
    std::weak_ptr<WatchStream> weak = self;
    call_->exchange->on_close([weak] {
      if (auto stream = weak.lock()) stream->close();
    });
    bool ok = write_beginning(subscribed.value(), start);
    if (!ok) return close();
    pump();
    schedule(self);
  }

  bool write_beginning(const ResourceCache::Subscription& subscription, const Start& start) {
    for (const ObjectPtr& object : subscription.state.objects) {
      if (!selection_.matches(*object)) continue;
      if (!call_->exchange->write(encode_event(view_, "ADDED", {object->bytes()}))) return false;
    }
    for (const EventPtr& event : subscription.events) {
      std::vector<Slice> chunk = chunk_of(*event);
      if (!chunk.empty() && !call_->exchange->write(std::move(chunk))) return false;
    }
    if (!start.initial_end) return true;
    return call_->exchange->write(encode_bookmark(view_, subscription.state.revision, true));
  }

  void push(std::vector<Slice> chunk) {
    {
      MutexLock lock(mutex_);
      if (closed_) return;
      if (queue_.size() >= kBacklogMax) {
        closed_ = true;
      } else {
        queue_.push_back(std::move(chunk));
      }
      if (busy_) return;
      busy_ = true;
    }
    pump();
  }

  // Runs with busy_ set by the caller; ends when the queue is empty.
  void pump() {
    while (true) {
      std::deque<std::vector<Slice>> chunks;
      bool ending = false;
      {
        MutexLock lock(mutex_);
        if (closed_) {
          ending = true;
        } else if (queue_.empty()) {
          if (!finishing_) {
            busy_ = false;
            return;
          }
          closed_ = ending = true;
        } else {
          chunks.swap(queue_);
        }
      }
      if (ending) return end();
      for (std::vector<Slice>& chunk : chunks) {
        if (!call_->exchange->write(std::move(chunk))) return close();
      }
    }
  }

  void end() {
    call_->exchange->finish();
    view_.served->cache->unsubscribe(this);
  }

  // The client is gone: nothing more is written. The cache's reference may be the last one.
  void close() {
    {
      MutexLock lock(mutex_);
      closed_ = true;
      queue_.clear();
    }
    view_.served->cache->unsubscribe(this);
  }

  void schedule(const std::shared_ptr<WatchStream>& self) {
    auto next = deadline_;
    if (bookmarks_) next = std::min(next, steady_clock::now() + kBookmarkPeriod);
    std::weak_ptr<WatchStream> weak = self;
    call_->core.timers->at(next, [weak] {
      if (auto stream = weak.lock()) stream->on_time(stream);
    });
  }

  void on_time(const std::shared_ptr<WatchStream>& self) {
    if (bookmarks_) push(encode_bookmark(view_, call_->core.cache.dispatched(), false));
    if (steady_clock::now() >= deadline_) return finish();
    schedule(self);
  }

  CallPtr call_;
  View view_;
  Selection selection_;
  int64_t after_ = 0;
  steady_clock::time_point deadline_;
  bool bookmarks_ = false;

  Mutex mutex_;
  std::deque<std::vector<Slice>> queue_ GUARDED_BY(mutex_);
  bool busy_ GUARDED_BY(mutex_) = false;       // somebody writes, or will
  bool finishing_ GUARDED_BY(mutex_) = false;  // finish when the queue is empty
  bool closed_ GUARDED_BY(mutex_) = false;
};

seconds timeout_of(const Call& call) {
  std::string_view text = call.query.get("timeoutSeconds");
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  if (value > 0) return seconds(std::min<int64_t>(value, 24 * 3600));
  // Spread, so that clients that came together do not come back together.
  auto random = static_cast<unsigned char>(random_bytes(1)[0]);
  return seconds(kTimeoutSecondsMin + random * kTimeoutSecondsMin / 256);
}

Result<WatchStream::Start> start_of(const Call& call) {
  TRY(check_list_options(call, true));
  WatchStream::Start start;
  std::string_view version = call.query.get("resourceVersion");
  start.after = TRY(parse_revision(version));
  start.bookmarks = call.query.flag("allowWatchBookmarks");
  start.timeout = timeout_of(call);
  bool initial = call.query.has("sendInitialEvents");
  if (initial) {
    start.with_state = call.query.flag("sendInitialEvents");
    start.initial_end = start.with_state && start.bookmarks;
    int64_t current = call.core.cache.revision();
    if (start.with_state && start.after > current) return revision_too_large(start.after, current);
    if (!start.with_state && start.after == 0) start.after = current;
  } else {
    start.with_state = version.empty() || version == "0";
  }
  if (start.with_state) start.after = 0;
  return start;
}

}  // namespace

void watch(const CallPtr& call) {
  if (call->core.metrics.watches >= call->core.options.watches_max) {
    return call->fail({Code::kTooManyRequests, "too many watches, please try again later"});
  }
  Result<WatchStream::Start> start = start_of(*call);
  if (!start.ok()) return call->fail(start.error());
  Result<Selection> selection = Selection::of(*call);
  if (!selection.ok()) return call->fail(selection.error());
  Result<View> view = view_of(*call);
  if (!view.ok()) return call->fail(view.error());
  WatchStream::run(call, view.value(), std::move(selection).value(), start.value());
}

}  // namespace kist::apiserver
