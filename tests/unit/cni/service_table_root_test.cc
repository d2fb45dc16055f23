// Services in the kernel, asked by clients in pods and on the node.
#include "kist/cni/service_table.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <set>

#include "cni/nft/table.h"
#include "kist/cni/bridge_network.h"
#include "pod_traffic.h"

using namespace kist;
using namespace kist::cni;

namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
const IpPrefix kServices = IpPrefix::parse("10.43.0.0/16").value();

// Two pods that serve port 8080, and a table of Services.
struct Cluster {
  std::unique_ptr<PodNetwork> network;
  std::unique_ptr<ServiceTable> table;
  std::vector<Fd> netns;
  std::vector<IpAddress> pods;
  std::vector<std::unique_ptr<EchoServer>> servers;

  explicit Cluster(Protocol protocol = Protocol::kTcp) {
    network = make_bridge_network({.bridge = "kt0",
                                   .pod_cidrs = {IpPrefix::parse("10.42.0.0/24").value()},
                                   .service_cidrs = {kServices}})
                  .value();
    ENSURE(network->start({}).ok());
    for (const char* name : {"a", "b"}) {
      netns.push_back(network->take_netns().value());
      const int fd = netns.back().get();
      pods.push_back(network->attach({.sandbox = name, .netns = fd}).value().addresses.front());
      servers.push_back(std::make_unique<EchoServer>(SocketOptions{fd, protocol}, 8080, name));
    }
    table = make_service_table({.service_cidrs = {kServices}});
    const Result<> started = table->start();
    INFO((started.ok() ? "" : started.error().message));
    REQUIRE(started.ok());
  }
  ~Cluster() {
    CHECK(table->remove_all().ok());
    CHECK(network->remove_all().ok());
  }
  Endpoint endpoint(size_t pod) const { return {pods[pod], 8080}; }
};

void apply(ServiceTable& table, const ServiceChanges& changes) {
  const Result<> applied = table.apply(changes);
  INFO((applied.ok() ? "" : applied.error().message));
  REQUIRE(applied.ok());
}

// The first letters of what `times` questions were answered with.
std::set<char> answers(SocketOptions from, const Frontend& service, int times = 24) {
  std::set<char> letters;
  for (int i = 0; i < times; ++i) {
    const std::string answer = ask(from, service.address, service.port);
    letters.insert(answer.empty() ? '?' : answer.front());
  }
  return letters;
}

const Frontend kWeb{ip("10.43.0.10"), Protocol::kTcp, 80};

}  // namespace

TEST_CASE("root: a Service leads to its endpoints, from pods and from the node") {
  const Cluster cluster;
  const SocketOptions a{cluster.netns[0].get()}, node{};
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(0), cluster.endpoint(1)}}}});
  CHECK(answers(a, kWeb) == std::set<char>{'a', 'b'});  // itself included
  CHECK(answers(node, kWeb) == std::set<char>{'a', 'b'});
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(1)}}}});
  CHECK(ask(a, kWeb.address, 80) == "b 10.42.0.2");  // the client's address is seen
  CHECK(ask(node, kWeb.address, 80) == "b 10.42.0.1");
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(0)}}}});
  CHECK(ask(a, kWeb.address, 80) == "a 10.42.0.1");  // of itself it cannot be
}

TEST_CASE("root: a Service without endpoints and an unknown port are refused at once") {
  const Cluster cluster;
  const SocketOptions a{cluster.netns[0].get()}, node{};
  const Frontend port{IpAddress(), Protocol::kTcp, 30080},
      outside{ip("192.0.2.1"), Protocol::kTcp, 80};
  apply(*cluster.table, {{kWeb, Backends{}}, {port, Backends{}}, {outside, Backends{}}});
  CHECK(ask(a, ip("10.42.0.1"), 30080) == "refused");
  CHECK(ask(a, outside.address, 80) != "timeout");  // an external address, without a route here
  for (const SocketOptions& from : {a, node}) {
    CHECK(ask(from, kWeb.address, 80) == "refused");
    CHECK(ask(from, kWeb.address, 81) == "refused");
  }
  CHECK(ask({a.netns, Protocol::kUdp}, kWeb.address, 80) == "refused");
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(1)}}}});
  CHECK(answers(a, kWeb, 3) == std::set<char>{'b'});
  apply(*cluster.table, {{kWeb, std::nullopt}});
  CHECK(ask(a, kWeb.address, 80) == "refused");
}

TEST_CASE("root: UDP, and a node port") {
  const Cluster cluster(Protocol::kUdp);
  const SocketOptions a{cluster.netns[0].get(), Protocol::kUdp};
  const Frontend dns{ip("10.43.0.53"), Protocol::kUdp, 53},
      port{IpAddress(), Protocol::kUdp, 30053};
  apply(*cluster.table,
        {{dns, Backends{{cluster.endpoint(1)}}}, {port, Backends{{cluster.endpoint(1)}}}});
  CHECK(ask(a, dns.address, 53) == "b 10.42.0.2");
  CHECK(ask(a, ip("10.42.0.1"), 30053) == "b 10.42.0.2");
  CHECK(ask({-1, Protocol::kUdp}, ip("10.42.0.1"), 30053).front() == 'b');
  CHECK(ask(a, cluster.pods[1], 30053) == "refused");  // not on addresses of pods
}

TEST_CASE("root: a client stays with its endpoint, as long as there is one") {
  const Cluster cluster;
  const SocketOptions a{cluster.netns[0].get()}, node{};
  const auto hour = std::chrono::seconds(3600);
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(0), cluster.endpoint(1)}, hour}}});
  const std::set<char> first = answers(node, kWeb);
  CHECK(first.size() == 1);
  CHECK(answers(a, kWeb).size() == 1);
  const size_t other = first.contains('a') ? 1 : 0;
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(other)}, hour}}});
  const std::set<char> second = answers(node, kWeb, 4);
  CHECK(second == std::set<char>{other == 0 ? 'a' : 'b'});
  apply(*cluster.table, {{kWeb, Backends{{cluster.endpoint(0), cluster.endpoint(1)}, hour}}});
  CHECK(answers(node, kWeb) == second);  // the new choice was remembered
}

TEST_CASE("root: a restart takes over what is there and writes only what differs") {
  Cluster cluster;
  const Frontend port{IpAddress(), Protocol::kTcp, 30080},
      gone{ip("10.43.0.11"), Protocol::kTcp, 1};
  const Services services = {{kWeb, {{cluster.endpoint(0), cluster.endpoint(1)}}},
                             {port, {{cluster.endpoint(1)}, std::chrono::seconds(60)}}};
  Services more = services;
  more[gone] = {};
  REQUIRE(cluster.table->replace(more).ok());
  cluster.table = make_service_table({.service_cidrs = {kServices}});
  REQUIRE(cluster.table->start().ok());
  CHECK(cluster.table->current() == more);
  CHECK(answers({}, kWeb) == std::set<char>{'a', 'b'});
  REQUIRE(cluster.table->replace(services).ok());
  CHECK(cluster.table->current() == services);
  CHECK(answers({}, {ip("10.42.0.1"), Protocol::kTcp, 30080}, 3) == std::set<char>{'b'});

  // What somebody broke is made anew.
  auto netlink = open_netlink(NETLINK_NETFILTER).value();
  const auto there = read_elements(*netlink, AF_INET, "kist_services", "endpoints").value();
  NftBatch vandal(*netlink, AF_INET, "kist_services");
  vandal.delete_elements("endpoints", {there.front()});
  REQUIRE(vandal.commit().ok());
  cluster.table = make_service_table({.service_cidrs = {kServices}});
  REQUIRE(cluster.table->start().ok());
  CHECK(cluster.table->current().empty());
  REQUIRE(cluster.table->replace(services).ok());
  CHECK(answers({}, kWeb) == std::set<char>{'a', 'b'});
}

TEST_CASE("root: nft lists the rules, and loads what it listed") {
  if (std::system("nft --version > /dev/null 2>&1") != 0) {
    WARN("no nft on this machine");
    return;
  }
  const Cluster cluster;
  const Frontend port{IpAddress(), Protocol::kTcp, 30080},
      sticky{ip("10.43.0.12"), Protocol::kTcp, 80};
  const Backends both{{cluster.endpoint(0), cluster.endpoint(1)}};
  apply(*cluster.table,
        {{kWeb, both}, {port, both}, {{ip("10.43.0.11"), Protocol::kTcp, 1}, Backends{}}});
  CHECK(std::system(
            "rules=$(nft list ruleset) && nft flush ruleset && echo \"$rules\" | nft -f -") == 0);
  CHECK(answers({}, kWeb) == std::set<char>{'a', 'b'});
  CHECK(answers({}, {ip("10.42.0.1"), Protocol::kTcp, 30080}) == std::set<char>{'a', 'b'});
  // Of maps that rules change nft 1.0.6 can only make a list.
  apply(*cluster.table, {{sticky, Backends{both.endpoints, std::chrono::seconds(60)}}});
  CHECK(std::system("nft list ruleset > /dev/null") == 0);
}

TEST_CASE("root: what cannot be a Service is refused and changes nothing") {
  const Cluster cluster;
  struct Case {
    const char* name;
    Frontend frontend;
    Backends backends;
  };
  const Case cases[] = {
      {"port 0", {ip("10.43.0.1"), Protocol::kTcp, 0}, {}},
      {"family not served", {ip("fd00::1"), Protocol::kTcp, 80}, {}},
      {"endpoint of the other family", kWeb, {{{ip("fd00::1"), 80}}}},
      {"endpoint without a port", kWeb, {{{ip("10.42.0.2"), 0}}}},
      {"affinity beyond a day", kWeb, {{}, std::chrono::seconds(86401)}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Result<> applied = cluster.table->apply({{c.frontend, c.backends}});
    CHECK(applied.error().code == Code::kInvalid);
    CHECK(applied.error().message.find(c.frontend.text()) != std::string::npos);
  }
  CHECK(cluster.table->current().empty());
}
