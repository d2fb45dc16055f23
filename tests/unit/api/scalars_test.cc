// Times, durations and UTF-8.
#include "api/scalars.h"

#include <catch2/catch.hpp>

using namespace kist;
using namespace kist::api;

TEST_CASE("instants") {
  struct Case {
    const char *in, *out, *micro;
  };
  const Case cases[] = {
      {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
      {"2024-02-29T23:59:59.123456789Z", "2024-02-29T23:59:59Z", "2024-02-29T23:59:59.123456Z"},
      {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z", "2025-12-31T23:30:00.000000Z"},
      {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59.500000Z"},
      {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
      {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
  };
  for (const Case& each : cases) {
    INFO(each.in);
    auto instant = parse_instant(each.in);
    REQUIRE(instant.ok());
    CHECK(format_instant(instant.value()) == each.out);
    CHECK(format_instant_micro(instant.value()) == each.micro);
  }
  for (const char* bad :
       {"", "2026", "2026-13-01T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z", "2026-01-01T00:00:00Zx", "2026-1-01T00:00:00Z",
        "2026-01-01T00:00:00+1:00", "9999-12-31T23:59:59-01:00", "2026-00-10T00:00:00Z"}) {
    INFO(bad);
    CHECK_FALSE(parse_instant(bad).ok());
  }
}

TEST_CASE("durations") {
  struct Case {
    const char* in;
    int64_t nanos;
    const char* out;
  };
  const Case cases[] = {
      {"0", 0, "0s"},
      {"1h2m3.5s", 3723500000000, "1h2m3.5s"},
      {"90s", 90000000000, "1m30s"},
      {"1h", 3600000000000, "1h0m0s"},
      {"-1.5h", -5400000000000, "-1h30m0s"},
      {"300ms", 300000000, "300ms"},
      {"1.5us", 1500, "1.5\xc2\xb5s"},
      {".5s", 500000000, "500ms"},
      {"3ns", 3, "3ns"},
  };
  for (const Case& each : cases) {
    INFO(each.in);
    auto nanos = parse_duration(each.in);
    REQUIRE(nanos.ok());
    CHECK(nanos.value() == each.nanos);
    CHECK(format_duration(each.nanos) == each.out);
  }
  CHECK(parse_duration("1x").error().message == "time: unknown unit \"x\" in duration \"1x\"");
  CHECK(parse_duration("1").error().message == "time: missing unit in duration \"1\"");
  CHECK(parse_duration("").error().message == "time: invalid duration \"\"");
  CHECK_FALSE(parse_duration("9999999h").ok());
  CHECK_FALSE(parse_duration("99999999999999999999s").ok());
  CHECK_FALSE(parse_duration(".s").ok());
}

TEST_CASE("UTF-8") {
  for (const char* good :
       {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xef\xbf\xbf"}) {
    CHECK(valid_utf8(good));
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", "a\xff"}) {
    CHECK_FALSE(valid_utf8(bad));
  }
}
