#include "datastore/hub.h"

#include <algorithm>
#include <mutex>
#include <span>
#include <thread>

namespace kist::datastore {
namespace {

size_t bytes_of(const Event& event) {
  return sizeof(Event) + event.entry.key.size() + event.entry.value.size() + event.previous.size();
}

}  // namespace

struct Hub::Subscriber {
  std::string prefix;
  Store::Sink sink;

  // Recursive, for a sink that destroys its own Watch.
  std::recursive_mutex delivering;
  Revision delivered;  // guarded by `delivering`, as is `closed`
  bool closed = false;

  bool wants(const Event& event) const {
    return event.entry.modified > delivered && event.entry.key.starts_with(prefix);
  }

  void deliver(std::span<const Event> events, Revision upto) {
    if (closed || upto < delivered) return;
    // The usual watch covers everything: then no event is copied.
    const bool all = std::ranges::all_of(events, [this](const Event& e) { return wants(e); });
    if (all) {
      delivered = upto;
      sink(events, upto);
      return;
    }
    std::vector<Event> wanted;
    std::ranges::copy_if(events, std::back_inserter(wanted),
                         [this](const Event& e) { return wants(e); });
    delivered = upto;
    sink(wanted, upto);
  }
};

class Hub::Subscription : public Watch {
 public:
  Subscription(std::shared_ptr<Hub> hub, std::shared_ptr<Subscriber> subscriber)
      : hub_(std::move(hub)), subscriber_(std::move(subscriber)) {}
  ~Subscription() override { hub_->unsubscribe(subscriber_); }

 private:
  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Subscriber> subscriber_;
};

Revision Hub::window_start() const {
  MutexLock lock(mutex_);
  return start_;
}

void Hub::publish(std::span<const Event> events, Revision upto) {
  std::vector<std::shared_ptr<Subscriber>> receivers;
  {
    MutexLock lock(mutex_);
    for (const Event& event : events) {
      window_bytes_ += bytes_of(event);
      window_.push_back(event);
    }
    trim();
    receivers = subscribers_;
  }
  for (const auto& receiver : receivers) {
    const std::lock_guard<std::recursive_mutex> lock(receiver->delivering);
    receiver->deliver(events, upto);
  }
  published_.store(upto.number, std::memory_order_release);
}

void Hub::trim() {
  while (!window_.empty() && (window_.size() > events_max_ || window_bytes_ > bytes_max_)) {
    window_bytes_ -= bytes_of(window_.front());
    start_ = window_.front().entry.modified;
    window_.pop_front();
  }
}

void Hub::forget(Revision upto) {
  MutexLock lock(mutex_);
  while (!window_.empty() && window_.front().entry.modified <= upto) {
    window_bytes_ -= bytes_of(window_.front());
    window_.pop_front();
  }
  start_ = std::max(start_, upto);
}

Result<std::unique_ptr<Watch>> Hub::subscribe(std::string_view prefix, Revision after,
                                              Store::Sink sink, const Older& older) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->prefix = prefix;
  subscriber->sink = std::move(sink);
  // Held from before it is known until its history is delivered: live events wait their turn.
  const std::unique_lock<std::recursive_mutex> delivering(subscriber->delivering);
  std::vector<Event> history;
  Revision upto;
  {
    MutexLock lock(mutex_);
    if (after.number == 0) after = published();
    subscriber->delivered = after;
    if (after < start_) {
      history = TRY(older(start_));
    }
    std::ranges::copy_if(window_, std::back_inserter(history),
                         [&](const Event& e) { return subscriber->wants(e); });
    upto = window_.empty() ? start_ : window_.back().entry.modified;
    upto = std::max({upto, after, published()});
    subscribers_.push_back(subscriber);
  }
  subscriber->deliver(history, upto);
  return std::unique_ptr<Watch>(
      std::make_unique<Subscription>(shared_from_this(), std::move(subscriber)));
}

void Hub::unsubscribe(const std::shared_ptr<Subscriber>& subscriber) {
  {
    MutexLock lock(mutex_);
    std::erase(subscribers_, subscriber);
  }
  const std::lock_guard<std::recursive_mutex> lock(subscriber->delivering);
  subscriber->closed = true;
}

}  // namespace kist::datastore
