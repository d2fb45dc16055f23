// The elements of Services: what a change costs, and what is read back.
#include "cni/nft/service_layout.h"

#include <sys/socket.h>

#include <catch2/catch.hpp>

using namespace kist;
using namespace kist::cni;

namespace {

IpAddress ip(const std::string& text) { return IpAddress::parse(text).value(); }

std::vector<Endpoint> endpoints(const std::string& last_digits) {
  std::vector<Endpoint> made;
  for (const char digit : last_digits) made.push_back({ip(std::string("10.42.0.") + digit), 80});
  return made;
}

std::string digits_of(const std::vector<Endpoint>& endpoints) {
  std::string digits;
  for (const Endpoint& endpoint : endpoints) digits += endpoint.address.text().back();
  return digits;
}

}  // namespace

TEST_CASE("services: endpoints keep their slots") {
  struct Case {
    const char *name, *now, *wanted, *arranged;
  };
  const Case cases[] = {
      {"from nothing", "", "321", "123"},
      {"to nothing", "123", "", ""},
      {"nothing changes, whatever the order", "231", "123", "231"},
      {"one is replaced", "123", "143", "143"},
      {"one is added", "312", "3124", "3124"},
      {"one goes: the last takes its slot", "1234", "134", "143"},
      {"the last goes", "123", "12", "12"},
      {"twice is once", "1", "1122", "12"},
      {"all are others", "12", "34", "34"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(digits_of(arrange(endpoints(c.now), endpoints(c.wanted))) == c.arranged);
  }
}

TEST_CASE("services: names of chains") {
  using std::chrono::seconds;
  struct Case {
    const char* name;
    ServiceChain chain;
  };
  const Case cases[] = {
      {"slots_3", {false, 3}},
      {"node_slots_1", {true, 1}},
      {"sticky_2_10800", {false, 2, seconds(10800)}},
      {"node_sticky_2_5", {true, 2, seconds(5)}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(c.chain.name() == c.name);
    CHECK(ServiceChain::parse(c.name) == c.chain);
  }
  for (const char* name : {"", "slots", "slots_", "slots_0", "slots_03", "slots_3_", "slots_-1",
                           "slots_70000", "sticky_3", "sticky_3_0", "node_reject", "other"}) {
    INFO(name);
    CHECK_FALSE(ServiceChain::parse(name).has_value());
  }
}

TEST_CASE("services: what is written reads back") {
  const Frontend cluster{ip("10.43.0.10"), Protocol::kUdp, 53},
      node{IpAddress(), Protocol::kTcp, 30080};
  const Frontend empty{ip("10.43.0.11"), Protocol::kTcp, 443};
  const Services services = {{cluster, {endpoints("321"), std::chrono::seconds(60)}},
                             {node, {endpoints("2")}},
                             {empty, {}}};
  TableElements elements;
  for (const auto& [frontend, backends] : services)
    for (auto& [set, more] : elements_of(frontend, backends)) elements[set].merge(more);
  CHECK(elements["choices"].size() == 3);
  CHECK(elements[kHairpinSet].size() == 3);
  CHECK(services_of(AF_INET, elements).value() == services);

  struct Case {
    const char *name, *set;
    NftElement element;
  };
  const Case cases[] = {
      {"a chain of others", "frontends", {.key = std::string(12, '\6'), .chain = "other"}},
      {"a chain of more endpoints than there are",
       "frontends",
       {.key = std::string("\1\2\3\4\6\0\0\0\0\1\0\0", 12), .chain = "slots_2"}},
      {"a short key", "frontends", {.key = "1234", .chain = "slots_1"}},
      {"a protocol of others", "frontends", {.key = std::string(12, '\1'), .chain = "slots_1"}},
      {"a short endpoint", "endpoints", {.key = std::string(16, '\6'), .value = "12"}},
      {"an endpoint of nobody",
       "endpoints",
       {.key = std::string("\1\2\3\4\6\0\0\0\0\1\0\0\0\0\0\0", 16), .value = "12345678"}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    TableElements bad = elements;
    bad[c.set].insert(c.element);
    CHECK_FALSE(services_of(AF_INET, bad).ok());
  }
}
