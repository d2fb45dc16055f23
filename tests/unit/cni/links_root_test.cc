// Devices, addresses and routes in a real kernel; every test cleans up its namespace.
#include "cni/netlink/links.h"

#include <linux/netlink.h>

#include <catch2/catch.hpp>

using namespace kist;
using namespace kist::cni;

TEST_CASE("root: a bridge, a pair, and the pair's other end") {
  auto ours = open_netlink(NETLINK_ROUTE).value();
  const std::string mac("\x0a\x58\x0a\x2a\0\1", 6);
  REQUIRE(add_bridge(*ours, "kt0", mac, 1450).ok());
  const Result<> twice = add_bridge(*ours, "kt0", mac, 1450);
  REQUIRE_FALSE(twice.ok());
  CHECK(twice.error().code == Code::kAlreadyExists);
  CHECK(twice.error().message.find("kt0") != std::string::npos);
  const Link bridge = find_link(*ours, "kt0").value().value();
  CHECK(bridge.kind == "bridge");
  CHECK(bridge.up);
  CHECK(bridge.mac == mac);
  const IpAddress gateway = IpAddress::parse("10.42.0.1").value();
  REQUIRE(add_address(*ours, bridge.index, gateway, 24).ok());
  REQUIRE(add_address(*ours, bridge.index, gateway, 24).ok());

  const Fd pod = create_netns().value();
  const VethOptions veth{.name = "kt1",
                         .alias = "kist s1",
                         .master = bridge.index,
                         .peer_name = "eth0",
                         .peer_mac = mac,
                         .peer_netns = pod.get()};
  REQUIRE(add_veth(*ours, veth).ok());
  const Link host_end = find_link(*ours, "kt1").value().value();
  CHECK(host_end.alias == "kist s1");
  CHECK(host_end.master == bridge.index);
  CHECK(host_end.kind == "veth");

  auto theirs = open_netlink(NETLINK_ROUTE, pod.get()).value();
  const Link eth0 = find_link(*theirs, "eth0").value().value();
  CHECK_FALSE(eth0.up);
  REQUIRE(set_link_up(*theirs, eth0.index).ok());
  REQUIRE(add_address(*theirs, eth0.index, IpAddress::parse("10.42.0.2").value(), 32).ok());
  const Route route{.destination = IpPrefix::parse("0.0.0.0/0").value(),
                    .device = eth0.index,
                    .gateway = gateway};
  REQUIRE(add_route(*theirs, route).ok());
  REQUIRE(add_route(*theirs, route).ok());
  CHECK_FALSE(find_link(*theirs, "kt0").value().has_value());  // our devices are not theirs

  REQUIRE(delete_link(*ours, host_end.index).ok());
  REQUIRE(delete_link(*ours, host_end.index).ok());
  CHECK_FALSE(find_link(*theirs, "eth0").value().has_value());
  REQUIRE(delete_link(*ours, bridge.index).ok());
  CHECK(list_links(*ours).value().size() == list_links(*theirs).value().size());
}
