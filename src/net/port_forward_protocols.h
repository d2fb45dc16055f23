// The protocols of a port-forward: SPDY/3.1, the same inside a WebSocket, and the older WebSocket
// form with a pair of channels for each port.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kist/net/streams.h"
#include "upgrade.h"

namespace kist::net {

inline constexpr std::string_view kPortForwardProtocol = "portforward.k8s.io";
inline constexpr std::string_view kPortForwardTunnel = "SPDY/3.1+portforward.k8s.io";

std::unique_ptr<Protocol> make_port_forward_spdy(Transport& transport, PortForwardOptions options);
std::unique_ptr<Protocol> make_port_forward_tunnel(Transport& transport,
                                                   PortForwardOptions options);

std::span<const std::string_view> port_forward_subprotocols();
// `subprotocol` is one of them.
std::unique_ptr<Protocol> make_port_forward_websocket(Transport& transport,
                                                      std::string_view subprotocol,
                                                      const std::vector<uint16_t>& ports,
                                                      PortForwardOptions options);

// The ports that a request of the older form names. kBadRequest in the kubelet's words.
Result<std::vector<uint16_t>> port_forward_ports(const Query& query);

}  // namespace kist::net
