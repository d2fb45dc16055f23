// The pod network with real devices and real traffic, and with every request failing once.
#include "cni/bridge_network.h"

#include <linux/netlink.h>

#include <catch2/catch.hpp>

#include "fake_netlink.h"
#include "pod_traffic.h"

using namespace kist;
using namespace kist::cni;

namespace {

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }
IpPrefix cidr(const char* text) { return IpPrefix::parse(text).value(); }

BridgeOptions options_of_tests() {
  return {.bridge = "kt0",
          .pod_cidrs = {cidr("10.42.0.0/24")},
          .service_cidrs = {cidr("10.43.0.0/16")}};
}

std::unique_ptr<PodNetwork> network_of_tests() {
  return make_bridge_network(options_of_tests()).value();
}

struct Pod {
  Fd netns;
  Attachment attachment;
  int fd() const { return netns.get(); }
  IpAddress address() const { return attachment.addresses.front(); }
};

Pod pod_of(PodNetwork& network, const std::string& sandbox) {
  Fd netns = network.take_netns().value();
  Attachment attachment = network.attach({.sandbox = sandbox, .netns = netns.get()}).value();
  return {std::move(netns), std::move(attachment)};
}

size_t devices() {
  auto netlink = open_netlink(NETLINK_ROUTE).value();
  return list_links(*netlink).value().size();
}

// An opener whose sockets fail the nth exchange of all of them together.
class FailNthOpener {
 public:
  explicit FailNthOpener(int nth) : left_(std::make_shared<std::atomic<int>>(nth)) {}
  Result<std::unique_ptr<Netlink>> operator()(int protocol, int netns) const {
    struct Failing : Netlink {
      std::unique_ptr<Netlink> real;
      std::shared_ptr<std::atomic<int>> left;
      Result<std::vector<Reply>> exchange(const MessageWriter& request) override {
        if (left->fetch_sub(1) == 0) return Error{Code::kUnavailable, "injected"};
        return real->exchange(request);
      }
    };
    auto failing = std::make_unique<Failing>();
    failing->real = TRY(open_netlink(protocol, netns));
    failing->left = left_;
    return std::unique_ptr<Netlink>(std::move(failing));
  }
  bool fired() const { return *left_ < 0; }
  void fail_in(int nth) { *left_ = nth; }

 private:
  std::shared_ptr<std::atomic<int>> left_;
};

}  // namespace

TEST_CASE("root: pods reach each other, the node and themselves") {
  const size_t before = devices();
  auto network = network_of_tests();
  REQUIRE(network->start({}).ok());
  {
    const Pod a = pod_of(*network, "a"), b = pod_of(*network, "b");
    CHECK(a.attachment.mac == "0a:58:0a:2a:00:02");
    const EchoServer in_b({.netns = b.fd()}, 8080, "b");
    const EchoServer on_node({}, 8081, "node");
    CHECK(ask({.netns = a.fd()}, b.address(), 8080) == "b 10.42.0.2");
    CHECK(ask({.netns = b.fd()}, b.address(), 8080) == "b 10.42.0.3");
    CHECK(ask({.netns = b.fd()}, ip("127.0.0.1"), 8080) == "b 127.0.0.1");
    CHECK(ask({}, b.address(), 8080) == "b 10.42.0.1");
    CHECK(ask({.netns = a.fd()}, ip("10.42.0.1"), 8081) == "node 10.42.0.2");
    CHECK(ask({.netns = a.fd()}, b.address(), 8082) == "refused");
  }
  REQUIRE(network->remove_all().ok());
  CHECK(devices() == before);
}

TEST_CASE("root: attach says what stands in the way") {
  auto network = network_of_tests();
  REQUIRE(network->start({}).ok());
  const Pod a = pod_of(*network, "a");
  const Fd netns = network->take_netns().value();
  struct Case {
    const char* name;
    AttachRequest request;
    Code code;
  };
  const Case cases[] = {
      {"has a network", {.sandbox = "a", .netns = netns.get()}, Code::kAlreadyExists},
      {"bad id", {.sandbox = "a b", .netns = netns.get()}, Code::kInvalid},
      {"address taken", {"b", netns.get(), {a.address()}}, Code::kConflict},
      {"address of others", {"b", netns.get(), {ip("10.1.1.1")}}, Code::kInvalid},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(network->attach(c.request).error().code == c.code);
  }
  CHECK(network->attach({"b", netns.get(), {ip("10.42.0.77")}}).value().addresses ==
        std::vector{ip("10.42.0.77")});
  REQUIRE(network->remove_all().ok());
}

TEST_CASE("root: a restart finds what is there, sweep removes the rest") {
  auto first = network_of_tests();
  REQUIRE(first->start({}).ok());
  const Pod a = pod_of(*first, "a"), b = pod_of(*first, "b");
  first.reset();  // as if killed: nothing is cleaned up

  auto second = network_of_tests();
  REQUIRE(second->start({a.attachment}).ok());
  const auto listed = second->list().value();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].sandbox == "a");
  CHECK(listed[0].addresses == a.attachment.addresses);
  CHECK(listed[1].host_device == b.attachment.host_device);
  const Pod c = pod_of(*second, "c");
  CHECK(c.address().text() == "10.42.0.4");
  const EchoServer in_a({.netns = a.fd()}, 8080, "a");
  CHECK(ask({.netns = c.fd()}, a.address(), 8080) == "a 10.42.0.4");
  REQUIRE(second->sweep({"a", "c"}).ok());
  CHECK(second->list().value().size() == 2);
  REQUIRE(second->detach("c").ok());
  REQUIRE(second->detach("c").ok());
  CHECK(second->list().value().size() == 1);
  CHECK(ask({.netns = b.fd()}, a.address(), 8080) != "a 10.42.0.3");
  REQUIRE(second->remove_all().ok());
  REQUIRE(second->start({}).ok());
  CHECK(second->list().value().empty());
  REQUIRE(second->remove_all().ok());
}

TEST_CASE("root: a bridge of somebody else is left alone") {
  auto netlink = open_netlink(NETLINK_ROUTE).value();
  REQUIRE(add_bridge(*netlink, "kt0", std::string_view("\2\0\0\0\0\1", 6), 1500).ok());
  auto network = network_of_tests();
  const Result<> started = network->start({});
  CHECK(started.error().code == Code::kAlreadyExists);
  CHECK(started.error().message.find("02:00:00:00:00:01") != std::string::npos);
  REQUIRE(network->remove_all().ok());
  const auto there = find_link(*netlink, "kt0").value();
  REQUIRE(there.has_value());
  REQUIRE(delete_link(*netlink, there->index).ok());
}

TEST_CASE("root: pods reach the outside with the node's address") {
  auto network = network_of_tests();
  REQUIRE(network->start({}).ok());
  const Pod a = pod_of(*network, "a");
  // The outside: another namespace behind a veth of the node's.
  const Fd outside = create_netns().value();
  auto node = open_netlink(NETLINK_ROUTE).value(),
       theirs = open_netlink(NETLINK_ROUTE, outside.get()).value();
  REQUIRE(add_bridge(*node, "kt9", std::string_view("\2\0\0\0\0\1", 6), 1500).ok());
  const int uplink = find_link(*node, "kt9").value()->index;
  REQUIRE(add_address(*node, uplink, ip("192.0.2.1"), 24).ok());
  REQUIRE(add_veth(*node, {.name = "kt8",
                           .alias = "uplink",
                           .master = uplink,
                           .peer_name = "eth0",
                           .peer_mac = std::string("\2\0\0\0\0\2", 6),
                           .peer_netns = outside.get()})
              .ok());
  const int eth0 = find_link(*theirs, "eth0").value()->index;
  REQUIRE(set_link_up(*theirs, eth0).ok());
  REQUIRE(add_address(*theirs, eth0, ip("192.0.2.2"), 24).ok());
  {
    const EchoServer server({.netns = outside.get()}, 8080, "outside");
    CHECK(ask({.netns = a.fd()}, ip("192.0.2.2"), 8080) == "outside 192.0.2.1");
    // Host ports are reached from there as well.
    const Fd netns = network->take_netns().value();
    REQUIRE(
        network
            ->attach(
                {.sandbox = "b", .netns = netns.get(), .host_ports = {{Protocol::kTcp, 8000, 80}}})
            .ok());
    const EchoServer in_b({.netns = netns.get()}, 80, "b");
    CHECK(ask({.netns = outside.get()}, ip("192.0.2.1"), 8000) == "b 192.0.2.2");
  }
  REQUIRE(delete_link(*node, uplink).ok());
  REQUIRE(delete_link(*node, find_link(*node, "kt8").value()->index).ok());
  REQUIRE(network->remove_all().ok());
}

TEST_CASE("root: host ports lead to their pod, also after a restart") {
  auto network = network_of_tests();
  REQUIRE(network->start({}).ok());
  const Pod a = pod_of(*network, "a");
  const Fd netns = network->take_netns().value(), other = network->take_netns().value();
  const AttachRequest request{
      .sandbox = "b",
      .netns = netns.get(),
      .host_ports = {{Protocol::kTcp, 8000, 80}, {Protocol::kTcp, 8001, 80, ip("10.42.0.1")}}};
  REQUIRE(network->attach(request).ok());
  const EchoServer in_b({.netns = netns.get()}, 80, "b");
  network = network_of_tests();
  REQUIRE(network->start({}).ok());
  for (const uint16_t port : {8000, 8001}) {
    INFO(port);
    CHECK(ask({.netns = a.fd()}, ip("10.42.0.1"), port) == "b 10.42.0.2");
    CHECK(ask({.netns = netns.get()}, ip("10.42.0.1"), port) == "b 10.42.0.1");  // itself
    CHECK(ask({}, ip("10.42.0.1"), port) == "b 10.42.0.1");
  }
  struct Case {
    const char* name;
    std::vector<HostPort> ports;
    bool ok;
  };
  const Case cases[] = {
      {"same port", {{Protocol::kTcp, 8000, 1}}, false},
      {"same port of one address", {{Protocol::kTcp, 8000, 1, ip("10.42.0.1")}}, false},
      {"every address, one of them taken", {{Protocol::kTcp, 8001, 1}}, false},
      {"twice in one pod", {{Protocol::kTcp, 8002, 1}, {Protocol::kTcp, 8002, 2}}, false},
      {"another protocol", {{Protocol::kUdp, 8000, 1}}, true},
      {"another address", {{Protocol::kTcp, 8001, 1, ip("192.0.2.1")}}, true},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto attached =
        network->attach({.sandbox = "c", .netns = other.get(), .host_ports = c.ports});
    CHECK(attached.ok() == c.ok);
    if (!attached.ok()) CHECK(attached.error().code == Code::kConflict);
    if (attached.ok()) REQUIRE(network->sweep({"a", "b"}).ok());
  }
  REQUIRE(network->detach("b").ok());
  CHECK(ask({.netns = a.fd()}, ip("10.42.0.1"), 8000) == "refused");
  AttachRequest next = request;
  next.sandbox = "d";
  next.netns = other.get();
  CHECK(network->attach(next).ok());  // at once
  REQUIRE(network->remove_all().ok());
}

TEST_CASE("root: whatever request of attach fails, nothing is left") {
  BridgeOptions options = options_of_tests();
  options.prepared_netns_max = 0;  // the order of requests must not depend on a thread
  const FailNthOpener opener(1 << 20);
  FailNthOpener control = opener;
  BridgeNetwork network(options, {AddressPool::create(options.pod_cidrs[0]).value()}, opener);
  REQUIRE(network.start({}).ok());
  const size_t before = devices();
  const Fd netns = network.take_netns().value();
  int nth = 0;
  for (;; ++nth) {
    INFO("request " << nth << " fails");
    control.fail_in(nth);
    const auto attached = network.attach(
        {.sandbox = "a", .netns = netns.get(), .host_ports = {{Protocol::kTcp, 8000, 80}}});
    if (!control.fired()) {
      REQUIRE(attached.ok());
      break;
    }
    REQUIRE_FALSE(attached.ok());
    CHECK(attached.error().message.find("attach sandbox a") == 0);
    control.fail_in(1 << 20);
    CHECK(devices() == before);
    CHECK(network.list().value().empty());
  }
  CHECK(nth >= 8);
  control.fail_in(1 << 20);
  REQUIRE(network.remove_all().ok());
}
