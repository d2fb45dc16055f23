// Kernel switches are written where they differ, and only there.
#include "cni/sysctl.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <fstream>

using namespace kist;
using namespace kist::cni;

TEST_CASE("sysctl: writes what differs") {
  char pattern[] = "/tmp/sysctl_test.XXXXXX";
  REQUIRE(::mkdtemp(pattern) != nullptr);
  const std::filesystem::path directory = pattern;
  const std::filesystem::path file = directory / "ip_forward";
  std::ofstream(file) << "0\n";
  REQUIRE(set_sysctl(file, "1").ok());
  std::string text;
  std::ifstream(file) >> text;
  CHECK(text == "1");
  std::ofstream(file, std::ios::trunc) << "1\n";
  const auto before = std::filesystem::last_write_time(file);
  REQUIRE(set_sysctl(file, "1").ok());
  CHECK(std::filesystem::last_write_time(file) == before);
  const Result<> none = set_sysctl(directory / "none", "1");
  CHECK(none.error().code == Code::kNotFound);
  CHECK(none.error().message.find("none") != std::string::npos);
  std::filesystem::remove_all(directory);
}
