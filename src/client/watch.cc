// Watches inside the process: chunks of the server become events, without a copy where they can.
#include <algorithm>
#include <array>
#include <utility>

#include "kist/base/mutex.h"
#include "kist/client/client.h"

namespace kist::client {
namespace {

constexpr std::string_view kEventTail = "}\n";
constexpr size_t kLineMax = 8 << 20;  // of a server that sends events in other pieces

// The type as a literal, which outlives the chunk; empty: none we know.
std::string_view known_type(std::string_view type) {
  constexpr std::array<std::string_view, 5> kTypes = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK",
                                                      "ERROR"};
  const auto* found = std::find(kTypes.begin(), kTypes.end(), type);
  return found == kTypes.end() ? std::string_view() : *found;
}

// The server sends an event as three slices: {"type":"ADDED","object": / the object / }\n
bool in_three_slices(const std::vector<Slice>& chunk, WatchEvent& event) {
  constexpr std::string_view kHead = R"({"type":")", kMiddle = R"(","object":)";
  if (chunk.size() != 3 || chunk[2].view() != kEventTail) return false;
  std::string_view head = chunk[0].view();
  if (!head.starts_with(kHead) || !head.ends_with(kMiddle)) return false;
  head.remove_prefix(kHead.size());
  head.remove_suffix(std::min(head.size(), kMiddle.size()));
  event = {known_type(head), chunk[1]};
  return !event.type.empty();
}

Result<WatchEvent> in_a_line(std::string_view line) {
  api::Json json = TRY(api::parse_json(line, nullptr, {.bytes_max = kLineMax}));
  const api::Value* object = api::find(json.root(), "object");
  const std::string_view type = known_type(api::text_of(json.root(), "type"));
  if (object == nullptr || type.empty()) return Error{Code::kInternal, "not a watch event"};
  return WatchEvent{type, Slice::of(api::to_text(*object))};
}

// What the stream and its exchange share. The mutex is held while callbacks run, so that none runs
// after close(); they promise not to block.
class Tap {
 public:
  explicit Tap(WatchSink sink) : sink_(std::move(sink)) {}

  bool write(std::vector<Slice> chunk) {
    MutexLock lock(mutex_);
    if (closed_) return false;
    WatchEvent event;
    const Result<> taken = line_.empty() && in_three_slices(chunk, event)
                               ? pass_on(std::move(event))
                               : take_lines(chunk);
    if (!taken.ok()) end_locked(taken.error());
    return !closed_;
  }

  void end(Result<> how) {
    MutexLock lock(mutex_);
    end_locked(std::move(how));
  }

  void on_close(std::function<void()> closed) {
    {
      MutexLock lock(mutex_);
      if (!closed_) {
        server_closed_ = std::move(closed);
        return;
      }
    }
    closed();
  }

  void close() {
    std::function<void()> tell;
    {
      MutexLock lock(mutex_);
      closed_ = true;
      tell = std::exchange(server_closed_, {});
    }
    if (tell) tell();
  }

 private:
  Result<> pass_on(WatchEvent event) REQUIRES_LOCK(mutex_) {
    if (!sink_.event(std::move(event))) return Error{Code::kUnavailable, "watch events pile up"};
    return {};
  }

  Result<> take_lines(const std::vector<Slice>& chunk) REQUIRES_LOCK(mutex_) {
    for (const Slice& part : chunk) line_ += part.view();
    size_t begin = 0;
    for (size_t end; (end = line_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      WatchEvent event = TRY(in_a_line(std::string_view(line_).substr(begin, end - begin)));
      TRY(pass_on(std::move(event)));
    }
    line_.erase(0, begin);
    if (line_.size() > kLineMax) return Error{Code::kTooLarge, "watch event without an end"};
    return {};
  }

  void end_locked(Result<> how) REQUIRES_LOCK(mutex_) {
    if (std::exchange(closed_, true)) return;
    sink_.ended(std::move(how));
  }

  Mutex mutex_;
  WatchSink sink_;
  std::string line_ GUARDED_BY(mutex_);  // the beginning of an event
  bool closed_ GUARDED_BY(mutex_) = false;
  std::function<void()> server_closed_ GUARDED_BY(mutex_);
};

class WatchExchange : public net::Exchange {
 public:
  explicit WatchExchange(std::shared_ptr<Tap> tap) : tap_(std::move(tap)) {}
  ~WatchExchange() override { tap_->end(Error{Code::kUnavailable, "the watch was cut off"}); }

  void respond(net::Response response) override {  // refused
    std::string body;
    for (const Slice& part : response.body) body += part.view();
    tap_->end(error_of_status(response.status, body));
  }
  void begin(int, std::vector<net::Header>) override {}
  bool write(std::vector<Slice> chunk) override { return tap_->write(std::move(chunk)); }
  void finish() override { tap_->end({}); }
  void on_close(std::function<void()> closed) override { tap_->on_close(std::move(closed)); }

 private:
  std::shared_ptr<Tap> tap_;
};

class InProcessWatch : public WatchStream {
 public:
  explicit InProcessWatch(std::shared_ptr<Tap> tap) : tap_(std::move(tap)) {}
  ~InProcessWatch() override { tap_->close(); }

 private:
  std::shared_ptr<Tap> tap_;
};

}  // namespace

std::unique_ptr<WatchStream> Client::watch(std::string path, std::string query,
                                           WatchSink sink) const {
  auto tap = std::make_shared<Tap>(std::move(sink));
  query += query.empty() ? "watch=true" : "&watch=true";
  handler_.handle(request_of({.path = std::move(path), .query = std::move(query)}),
                  std::make_shared<WatchExchange>(tap));
  return std::make_unique<InProcessWatch>(std::move(tap));
}

}  // namespace kist::client
