#include "kist/client/events.h"

#include <catch2/catch.hpp>

#include "tests/support/holding_handler.h"

namespace kist::client {
namespace {

TEST_CASE("events: what is under way has a bound") {
  test::HoldingHandler api;
  const Client client(api, {"me", {}});
  EventRecorder recorder(client, system_clock(), "test");
  const auto record = [&](size_t from, size_t count) {
    for (size_t i = from; i < from + count; ++i) {
      const std::string name = "p" + std::to_string(i);
      recorder.record({"v1", "Pod", "n", name, "uid-" + name, "1"}, EventType::kNormal, "Created",
                      "made");
    }
  };
  record(0, kEventsInFlightMax + 500);
  CHECK(api.held() == kEventsInFlightMax);
  const int status = GENERATE(201, 500);  // places are free again, whatever came of it
  api.answer_all(status);
  record(5000, 3);
  CHECK(api.held() == 3);
}

}  // namespace
}  // namespace kist::client
