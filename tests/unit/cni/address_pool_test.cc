// Addresses are never given twice, and the one that rested longest comes first.
#include "cni/address_pool.h"

#include <catch2/catch.hpp>

using namespace kist;
using namespace kist::cni;

namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
AddressPool pool_of(const char* prefix) {
  return AddressPool::create(IpPrefix::parse(prefix).value()).value();
}

}  // namespace

TEST_CASE("address pool: fresh ones first, then in the order of return") {
  AddressPool pool = pool_of("10.42.0.0/29");  // .2 to .6 for pods
  CHECK(pool.gateway().text() == "10.42.0.1");
  CHECK(pool.take().value().text() == "10.42.0.2");
  CHECK(pool.take().value().text() == "10.42.0.3");
  pool.give_back(ip("10.42.0.3"));
  pool.give_back(ip("10.42.0.2"));
  pool.give_back(ip("10.42.0.2"));  // twice is once
  for (const char* expected : {"10.42.0.4", "10.42.0.5", "10.42.0.6", "10.42.0.3", "10.42.0.2"})
    CHECK(pool.take().value().text() == expected);
  CHECK(pool.take().error().code == Code::kTooManyRequests);
}

TEST_CASE("address pool: wanted addresses") {
  struct Case {
    const char *name, *address;
    Code code;
  };
  const Case cases[] = {
      {"taken", "10.42.0.2", Code::kConflict},  {"network", "10.42.0.0", Code::kInvalid},
      {"gateway", "10.42.0.1", Code::kInvalid}, {"broadcast", "10.42.0.7", Code::kInvalid},
      {"outside", "10.42.0.8", Code::kInvalid}, {"other family", "fd00::2", Code::kInvalid},
  };
  AddressPool pool = pool_of("10.42.0.0/29");
  REQUIRE(pool.take().ok());
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(pool.take_wanted(ip(c.address)).error().code == c.code);
  }
  REQUIRE(pool.take_wanted(ip("10.42.0.3")).ok());
  CHECK(pool.take().value().text() == "10.42.0.4");
}

TEST_CASE("address pool: after a restart the newest one's neighbour comes first") {
  AddressPool pool = pool_of("10.42.0.0/29");
  for (const char* used : {"10.42.0.6", "10.42.0.3"}) {
    REQUIRE(pool.take_wanted(ip(used)).ok());
    pool.resume_after(ip(used));
  }
  for (const char* expected : {"10.42.0.4", "10.42.0.5", "10.42.0.2"})
    CHECK(pool.take().value().text() == expected);
  CHECK_FALSE(pool.take().ok());
}

TEST_CASE("address pool: prefixes") {
  CHECK(pool_of("fd00::/64").take().value().text() == "fd00::2");
  CHECK(pool_of("10.42.3.0/30").take().value().text() == "10.42.3.2");
  CHECK_FALSE(AddressPool::create(IpPrefix::parse("10.42.3.0/31").value()).ok());
  AddressPool odd = pool_of("10.42.16.0/20");
  CHECK(odd.take_wanted(ip("10.42.31.254")).ok());
  CHECK_FALSE(odd.take_wanted(ip("10.42.31.255")).ok());
}
