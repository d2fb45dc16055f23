#include "kist/base/worker_pool.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <latch>

namespace kist {
namespace {

TEST_CASE("worker pool: one thread runs tasks in order") {
  std::vector<int> order;
  {
    WorkerPool pool("order", 1);
    for (int i = 0; i < 1000; ++i) pool.post([&order, i] { order.push_back(i); });
  }
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("worker pool: its threads work side by side") {
  // Each task waits for the other: with one thread this would never end.
  std::latch both(2);
  WorkerPool pool("pair", 2);
  pool.post([&] { both.arrive_and_wait(); });
  pool.post([&] { both.arrive_and_wait(); });
  both.wait();
}

TEST_CASE("worker pool: the destructor runs what is queued") {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool("drain", 3);
    for (int i = 0; i < 500; ++i) pool.post([&] { ++ran; });
  }
  CHECK(ran == 500);
}

TEST_CASE("worker pool: tasks may post tasks") {
  std::atomic<int> ran = 0;
  std::latch done(1);
  WorkerPool pool("nested", 2);
  pool.post([&] {
    ++ran;
    pool.post([&] {
      ++ran;
      done.count_down();
    });
  });
  done.wait();
  CHECK(ran == 2);
}

}  // namespace
}  // namespace kist
