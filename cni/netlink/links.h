// Devices, addresses and routes of one network namespace, as far as pods need them.
//
// Threads: any; each call is one exchange. Errors: the kernel's, with the device or address named.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cni/netlink/socket.h"
#include "kist/base/result.h"
#include "kist/cni/address.h"

namespace kist::cni {

struct Link {
  int index = 0;
  std::string name, kind, alias;  // kind is empty of real devices
  std::string mac;                // the bytes
  int master = 0;                 // index of the bridge; 0: none
  bool up = false;
};
std::string mac_text(std::string_view bytes);  // "0a:58:0a:2a:00:07"

Result<std::vector<Link>> list_links(Netlink& netlink);
// Nothing where there is none of this name.
Result<std::optional<Link>> find_link(Netlink& netlink, const std::string& name);

// Up at once. kAlreadyExists: a device of that name.
Result<> add_bridge(Netlink& netlink, const std::string& name, std::string_view mac, int mtu);

struct VethOptions {
  std::string name, alias;  // of our end
  int master = 0;           // the bridge that our end joins, with hairpin: a pod may reach itself
  std::string peer_name, peer_mac;
  int peer_netns = -1;  // where the other end is put; borrowed
  int mtu = 1500;
};
// Our end is up, the peer is not. If this fails a half-made pair may be left, without an alias.
Result<> add_veth(Netlink& netlink, const VethOptions& options);

Result<> set_link_up(Netlink& netlink, int index);
Result<> delete_link(Netlink& netlink, int index);  // of none: ok
// Of one that is there: ok.
Result<> add_address(Netlink& netlink, int index, const IpAddress& address, int bits);

struct Route {
  IpPrefix destination;
  int device = 0;
  std::optional<IpAddress> gateway = {};  // reached on this device whatever the other routes say
};
Result<> add_route(Netlink& netlink, const Route& route);  // one that is there is replaced

}  // namespace kist::cni
