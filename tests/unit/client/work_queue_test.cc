// The queue's promises: fair, no duplicates, one at a time, backoff on a clock of our own.
#include "kist/client/work_queue.h"

#include <catch2/catch.hpp>

using namespace kist;
using namespace std::chrono_literals;

namespace {

class ManualClock : public Clock {
 public:
  std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::time_point(elapsed_);
  }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(elapsed_);
  }
  void advance(std::chrono::milliseconds by) { elapsed_ += by; }

 private:
  std::chrono::milliseconds elapsed_{1000};
};

}  // namespace

TEST_CASE("work queue: keys come in order and once") {
  ManualClock clock;
  client::WorkQueue queue(clock);
  for (const char* key : {"a", "b", "a", "c"}) queue.add(key);
  CHECK(queue.take() == "a");
  CHECK(queue.take() == "b");
  CHECK(queue.take() == "c");
  CHECK_FALSE(queue.take().has_value());
}

TEST_CASE("work queue: a key being worked on is not given out twice") {
  ManualClock clock;
  client::WorkQueue queue(clock);
  queue.add("a");
  REQUIRE(queue.take() == "a");
  queue.add("a");
  CHECK_FALSE(queue.take().has_value());
  queue.done("a");
  CHECK(queue.take() == "a");
  queue.done("a");
  CHECK_FALSE(queue.take().has_value());
}

TEST_CASE("work queue: failures wait longer and longer, successes forget them") {
  ManualClock clock;
  client::WorkQueue queue(clock);
  for (const auto wait : {5ms, 10ms, 20ms, 40ms}) {
    queue.retry("a");
    clock.advance(wait - 1ms);
    CHECK_FALSE(queue.take().has_value());
    clock.advance(1ms);
    REQUIRE(queue.take() == "a");
    queue.done("a");
  }
  queue.forget("a");
  queue.retry("a");
  clock.advance(5ms);
  CHECK(queue.take() == "a");
}

TEST_CASE("work queue: backoff has a ceiling") {
  ManualClock clock;
  client::WorkQueue queue(clock);
  for (int i = 0; i < 100; ++i) {
    queue.retry("a");
    clock.advance(client::kBackoffMax);
    REQUIRE(queue.take() == "a");
    queue.done("a");
  }
}

TEST_CASE("work queue: of several delays the shortest counts") {
  ManualClock clock;
  client::WorkQueue queue(clock);
  queue.add_after("a", 50ms);
  queue.add_after("a", 10ms);
  queue.add_after("a", 90ms);
  CHECK(*queue.next_due() == clock.steady() + 10ms);
  clock.advance(10ms);
  REQUIRE(queue.take() == "a");
  queue.done("a");
  clock.advance(100ms);
  CHECK_FALSE(queue.take().has_value());
}

TEST_CASE("work queue: nothing after shut_down") {
  ManualClock clock;
  client::WorkQueue queue(clock);
  queue.add("a");
  queue.add_after("b", 1ms);
  queue.shut_down();
  queue.add("c");
  clock.advance(1s);
  CHECK_FALSE(queue.take().has_value());
  CHECK(queue.size() == 0);
}
