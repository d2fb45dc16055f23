#include "src/scheduler/reporter.h"

#include <catch2/catch.hpp>

#include "kist/client/events.h"
#include "tests/support/holding_handler.h"

namespace kist::scheduler {
namespace {

TEST_CASE("reporter: what is under way has a bound") {
  test::HoldingHandler api;
  const client::Client client(api, {"me", {}});
  Reporter reporter(client, system_clock(), "test");
  const auto report = [&](size_t from, size_t count) {
    for (size_t i = from; i < from + count; ++i) {
      PodInfo pod;
      pod.space = "n";
      pod.name = "p" + std::to_string(i);
      pod.uid = "uid-" + pod.name;
      reporter.report(pod, {"Warning", "FailedScheduling", "Scheduling", "no place"});
    }
  };
  report(0, client::kEventsInFlightMax + 500);
  CHECK(api.held() == client::kEventsInFlightMax);
  const int status = GENERATE(201, 500);
  api.answer_all(status);
  report(5000, 3);
  CHECK(api.held() == 3);
}

}  // namespace
}  // namespace kist::scheduler
