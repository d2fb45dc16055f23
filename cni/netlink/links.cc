// rtnetlink requests: see rtnetlink(7), and linux/if_link.h for the attributes.
#include "cni/netlink/links.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

namespace kist::cni {
namespace {

template <typename T>
std::string_view bytes_of(const T& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

ifinfomsg header_of(int index, bool up) {
  ifinfomsg header{};
  header.ifi_index = index;
  if (up) header.ifi_flags = header.ifi_change = IFF_UP;
  return header;
}

Result<> send(Netlink& netlink, const MessageWriter& request, const std::string& what) {
  Result<std::vector<Reply>> replies = netlink.exchange(request);
  if (!replies.ok()) return std::move(std::move(replies).context(what)).error();
  return {};
}

Result<std::string> kind_of(const Attribute& info) {
  for (AttributeReader attributes(info.payload); !attributes.done();) {
    const Attribute attribute = TRY(attributes.next());
    if (attribute.type == IFLA_INFO_KIND) return std::string(text_of(attribute));
  }
  return std::string();
}

Result<> read_attribute(const Attribute& attribute, Link& link) {
  switch (attribute.type) {
    case IFLA_IFNAME: link.name = text_of(attribute); break;
    case IFLA_IFALIAS: link.alias = text_of(attribute); break;
    case IFLA_ADDRESS: link.mac = attribute.payload; break;
    case IFLA_MASTER: link.master = static_cast<int>(TRY(number_of<uint32_t>(attribute))); break;
    case IFLA_LINKINFO: link.kind = TRY(kind_of(attribute)); break;
    default: break;
  }
  return {};
}

Result<Link> read_link(std::string_view payload) {
  ifinfomsg header;
  if (payload.size() < sizeof header)
    return Error{Code::kInvalid, "a link of " + std::to_string(payload.size()) + " bytes"};
  __builtin_memcpy(&header, payload.data(), sizeof header);
  Link link{.index = header.ifi_index, .up = (header.ifi_flags & IFF_UP) != 0};
  for (AttributeReader attributes(payload.substr(sizeof header)); !attributes.done();) {
    const Attribute attribute = TRY(attributes.next());
    TRY(read_attribute(attribute, link));
  }
  return link;
}

// Of a name that the kernel would cut or refuse.
Result<> check_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ)
    return Error{Code::kInvalid, "device name \"" + name + "\" is not of 1 to 15 bytes"};
  return {};
}

}  // namespace

std::string mac_text(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    if (!text.empty()) text += ':';
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

Result<std::vector<Link>> list_links(Netlink& netlink) {
  MessageWriter request;
  request.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, netlink.next_sequence(),
                bytes_of(ifinfomsg{}));
  std::vector<Link> links;
  for (const Reply& reply : TRY(netlink.exchange(request).context("list links")))
    if (reply.type == RTM_NEWLINK) links.push_back(TRY(read_link(reply.payload)));
  return links;
}

Result<std::optional<Link>> find_link(Netlink& netlink, const std::string& name) {
  TRY(check_name(name));
  MessageWriter request;
  request.begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, netlink.next_sequence(),
                bytes_of(ifinfomsg{}));
  request.put_text(IFLA_IFNAME, name);
  Result<std::vector<Reply>> replies = netlink.exchange(request).context("find device " + name);
  if (!replies.ok() && replies.error().code == Code::kNotFound) return std::optional<Link>();
  for (const Reply& reply : TRY(std::move(replies)))
    if (reply.type == RTM_NEWLINK)
      return std::optional<Link>(TRY(read_link(reply.payload).context("device " + name)));
  return Error{Code::kUnavailable, "find device " + name + ": acknowledged without an answer"};
}

Result<> add_bridge(Netlink& netlink, const std::string& name, std::string_view mac, int mtu) {
  TRY(check_name(name));
  MessageWriter request;
  request.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                netlink.next_sequence(), bytes_of(header_of(0, true)));
  request.put_text(IFLA_IFNAME, name);
  request.put(IFLA_ADDRESS, mac);
  request.put_number(IFLA_MTU, static_cast<uint32_t>(mtu));
  {
    Nest info(request, IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "bridge");
  }
  return send(netlink, request, "add bridge " + name);
}

Result<> add_veth(Netlink& netlink, const VethOptions& options) {
  TRY(check_name(options.name));
  TRY(check_name(options.peer_name));
  MessageWriter request;
  request.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                netlink.next_sequence(), bytes_of(header_of(0, false)));
  request.put_text(IFLA_IFNAME, options.name);
  request.put_number(IFLA_MASTER, static_cast<uint32_t>(options.master));
  request.put_number(IFLA_MTU, static_cast<uint32_t>(options.mtu));
  {
    Nest info(request, IFLA_LINKINFO);
    request.put_text(IFLA_INFO_KIND, "veth");
    Nest data(request, IFLA_INFO_DATA);
    // The attribute of the peer begins with a header of its own, which a MessageWriter makes well.
    MessageWriter peer;
    peer.begin(0, 0, 0, bytes_of(ifinfomsg{}));
    peer.put_text(IFLA_IFNAME, options.peer_name);
    peer.put(IFLA_ADDRESS, options.peer_mac);
    peer.put_number(IFLA_MTU, static_cast<uint32_t>(options.mtu));
    peer.put_number(IFLA_NET_NS_FD, static_cast<uint32_t>(options.peer_netns));
    request.put(VETH_INFO_PEER, peer.bytes().substr(NLMSG_HDRLEN));
  }
  TRY(send(netlink, request, "add veth " + options.name));

  // The alias is refused while a device is being made, so it comes with the port's settings.
  MessageWriter port;
  port.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, netlink.next_sequence(),
             bytes_of(header_of(0, true)));
  port.put_text(IFLA_IFNAME, options.name);
  port.put(IFLA_IFALIAS, options.alias);
  TRY(send(netlink, port, "set up veth " + options.name));

  MessageWriter hairpin;
  hairpin.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, netlink.next_sequence(),
                bytes_of(header_of(0, false)));
  hairpin.put_text(IFLA_IFNAME, options.name);
  {
    Nest info(hairpin, IFLA_LINKINFO);
    hairpin.put_text(IFLA_INFO_SLAVE_KIND, "bridge");
    Nest data(hairpin, IFLA_INFO_SLAVE_DATA);
    hairpin.put_number<uint8_t>(IFLA_BRPORT_MODE, 1);
  }
  return send(netlink, hairpin, "hairpin of veth " + options.name);
}

Result<> set_link_up(Netlink& netlink, int index) {
  MessageWriter request;
  request.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, netlink.next_sequence(),
                bytes_of(header_of(index, true)));
  return send(netlink, request, "set device " + std::to_string(index) + " up");
}

Result<> delete_link(Netlink& netlink, int index) {
  MessageWriter request;
  request.begin(RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, netlink.next_sequence(),
                bytes_of(header_of(index, false)));
  Result<> sent = send(netlink, request, "delete device " + std::to_string(index));
  if (!sent.ok() && sent.error().code == Code::kNotFound) return {};
  return sent;
}

Result<> add_address(Netlink& netlink, int index, const IpAddress& address, int bits) {
  ifaddrmsg header{};
  header.ifa_family = address.is_ipv6() ? AF_INET6 : AF_INET;
  header.ifa_prefixlen = static_cast<uint8_t>(bits);
  header.ifa_flags = IFA_F_NODAD;  // nobody else gives addresses of this prefix
  header.ifa_index = static_cast<uint32_t>(index);
  MessageWriter request;
  request.begin(RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                netlink.next_sequence(), bytes_of(header));
  request.put(IFA_LOCAL, address.bytes());
  request.put(IFA_ADDRESS, address.bytes());
  Result<> sent = send(netlink, request, "add address " + address.text());
  if (!sent.ok() && sent.error().code == Code::kAlreadyExists) return {};
  return sent;
}

Result<> add_route(Netlink& netlink, const Route& route) {
  rtmsg header{};
  header.rtm_family = route.destination.address.is_ipv6() ? AF_INET6 : AF_INET;
  header.rtm_dst_len = static_cast<uint8_t>(route.destination.bits);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = static_cast<uint8_t>(route.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
  header.rtm_type = RTN_UNICAST;
  if (route.gateway) header.rtm_flags = RTNH_F_ONLINK;
  MessageWriter request;
  request.begin(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
                netlink.next_sequence(), bytes_of(header));
  if (route.destination.bits > 0) request.put(RTA_DST, route.destination.address.bytes());
  if (route.gateway) request.put(RTA_GATEWAY, route.gateway->bytes());
  request.put_number(RTA_OIF, static_cast<uint32_t>(route.device));
  return send(netlink, request, "add route to " + route.destination.text());
}

}  // namespace kist::cni
