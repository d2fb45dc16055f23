// Frontends have one owner, and a second claimant gets its turn.
#include "src/proxy/rules.h"

#include <catch2/catch.hpp>

using namespace kist;
using cni::Frontend, cni::IpAddress, cni::Protocol;

TEST_CASE("proxy rules: what changes") {
  const Frontend a{IpAddress::parse("10.43.0.1").value(), Protocol::kTcp, 80};
  const Frontend b{IpAddress::parse("10.43.0.1").value(), Protocol::kTcp, 81};
  proxy::Rules rules;
  cni::ServiceChanges changes;
  rules.plan("n/first", {{a, {}}, {b, {}}}, changes);
  CHECK(changes.size() == 2);

  changes.clear();
  rules.plan("n/second", {{a, {}}}, changes);
  CHECK(changes.empty());  // it is the first one's
  CHECK(rules.take_waiting().empty());

  rules.plan("n/first", {{b, {}}}, changes);
  REQUIRE(changes.contains(a));
  CHECK_FALSE(changes.at(a).has_value());
  CHECK(changes.at(b).has_value());
  CHECK(rules.take_waiting() == std::set<std::string>{"n/second"});
  CHECK(rules.take_waiting().empty());

  rules.plan("n/second", {{a, {}}}, changes);
  CHECK(changes.at(a).has_value());
  changes.clear();
  rules.plan("n/first", {}, changes);
  CHECK(changes.size() == 1);
}
