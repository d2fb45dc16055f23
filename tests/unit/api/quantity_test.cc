// Quantities: what is written, what Kubernetes prints again, and what they count as.
#include <catch2/catch.hpp>

#include "kist/api/quantity.h"

namespace kist::api {
namespace {

Quantity quantity(std::string_view text) {
  Result<Quantity> parsed = Quantity::parse(text);
  if (!parsed.ok()) FAIL(std::string(text) + ": " + parsed.error().message);
  return parsed.value();
}

TEST_CASE("quantities are printed in canonical form") {
  struct Row {
    const char* text;
    const char* canonical;
    int64_t value, milli;
  };
  const Row rows[] = {
      {"0", "0", 0, 0},
      {"0Ki", "0", 0, 0},
      {"-0", "0", 0, 0},
      {"1", "1", 1, 1000},
      {"+1", "1", 1, 1000},
      {"007", "7", 7, 7000},
      {"1.", "1", 1, 1000},
      {".5", "500m", 1, 500},
      {"100m", "100m", 1, 100},
      {"1000m", "1", 1, 1000},
      {"1500m", "1500m", 2, 1500},
      {"0.1", "100m", 1, 100},
      {"1.5", "1500m", 2, 1500},
      {"1000", "1k", 1000, 1'000'000},
      {"1500", "1500", 1500, 1'500'000},
      {"2000k", "2M", 2'000'000, 2'000'000'000},
      {"1E", "1E", 1'000'000'000'000'000'000, INT64_MAX},
      {"1Ki", "1Ki", 1024, 1'024'000},
      {"1024", "1024", 1024, 1'024'000},
      {"1024Ki", "1Mi", 1'048'576, 1'048'576'000},
      {"1.5Gi", "1536Mi", 1'610'612'736, 1'610'612'736'000},
      {"0.5Ki", "512", 512, 512'000},
      {"1000Ki", "1000Ki", 1'024'000, 1'024'000'000},
      {"1e3", "1e3", 1000, 1'000'000},
      {"1e1", "10", 10, 10'000},
      {"12e-1", "1200e-3", 2, 1200},
      {"1E3", "1e3", 1000, 1'000'000},
      {"1e+3", "1e3", 1000, 1'000'000},
      {"1u", "1u", 1, 1},
      {"1n", "1n", 1, 1},
      {"0.1n", "1n", 1, 1},  // finer than a billionth: rounded up
      {"0.00000000000000000000001", "1n", 1, 1},
      {"1e-60", "1e-9", 1, 1},
      {"-1", "-1", -1, -1000},
      {"-100m", "-100m", 0, -100},
      {"9223372036854775807", "9223372036854775807", INT64_MAX, INT64_MAX},
      {"9223372036854775808", "9223372036854775807", INT64_MAX, INT64_MAX},
      {"99999999999999999999999999999999999999999999999999999999999999", "9223372036854775807",
       INT64_MAX, INT64_MAX},
      {"100Ei", "9223372036854775807", INT64_MAX, INT64_MAX},
      {"1e1000", "9223372036854775807", INT64_MAX, INT64_MAX},
      {"-1e1000", "-9223372036854775807", -INT64_MAX, INT64_MIN},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    Quantity parsed = quantity(row.text);
    CHECK(parsed.canonical() == row.canonical);
    CHECK(parsed.value() == row.value);
    CHECK(parsed.milli_value() == row.milli);
    CHECK(quantity(parsed.canonical()).canonical() == row.canonical);
  }
}

TEST_CASE("what is no quantity is refused") {
  const std::string form =
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  const std::string suffix = "unable to parse quantity's suffix";
  struct Row {
    std::string text;
    const std::string& message;
  };
  const Row rows[] = {
      {"", form},
      {" ", form},
      {"1 ", form},
      {" 1", form},
      {"abc", form},
      {"1Q", form},
      {"--1", form},
      {"+-1", form},
      {"1.2.3", form},
      {".", form},
      {"1e3x", form},
      {"1_000", form},
      {"0x10", form},
      {"1,5", form},
      {"1mm", suffix},
      {"1KI", form},
      {"1ki", suffix},
      {"1e", suffix},
      {"1e--3", form},
      {"1e+-3", form},
      {"1Kii", suffix},
      {"1Gi5", suffix},
      {"1e99999999999999999999", suffix},
      {std::string("1\0", 2), form},
      {std::string(100, '9'), form},
      {std::string(1'000'000, '1'), form},
  };
  for (const Row& row : rows) {
    INFO(row.text.substr(0, 40));
    Result<Quantity> parsed = Quantity::parse(row.text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == Code::kInvalid);
    CHECK(parsed.error().message == row.message);
  }
}

TEST_CASE("quantities compare and add by amount") {
  CHECK(quantity("1").compare(quantity("1000m")) == 0);
  CHECK(quantity("1Ki").compare(quantity("1k")) == 1);
  CHECK(quantity("-1").compare(quantity("0")) == -1);
  CHECK(quantity("-1").sign() == -1);
  CHECK(quantity("0Gi").sign() == 0);
  Quantity sum = quantity("1Gi");
  sum.add(quantity("512Mi"));
  CHECK(sum.canonical() == "1536Mi");
  sum.subtract(quantity("2Gi"));
  CHECK(sum.canonical() == "-512Mi");
  Quantity zero = quantity("0");
  zero.add(quantity("1Mi"));
  CHECK(zero.canonical() == "1Mi");
  Quantity full = quantity("9223372036854775807");
  for (int i = 0; i < 100; ++i) full.add(full);
  CHECK(full.value() == INT64_MAX);
  CHECK(Quantity::of(2048, Quantity::Format::kBinarySI).canonical() == "2Ki");
}

}  // namespace
}  // namespace kist::api
