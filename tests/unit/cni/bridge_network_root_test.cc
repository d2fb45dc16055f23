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
    const auto attached = network.attach({.sandbox = "a", .netns = netns.get()});
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
