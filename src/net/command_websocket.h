// exec and attach over WebSocket: the subprotocols "v5.channel.k8s.io" and older.
//
// The first byte of a message is its channel: 0 input, 1 output, 2 error, 3 the result, 4 terminal
// sizes. In the base64 forms it is a digit, and the rest is base64. Since v5 the message
// [255, channel] ends a channel; before, a client cannot end its input.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "command_relay.h"
#include "upgrade.h"

namespace kist::net {

std::span<const std::string_view> command_subprotocols();

using CommandOpened = std::function<void(std::shared_ptr<CommandSession>)>;

// `subprotocol` is one of them.
std::unique_ptr<Protocol> make_command_websocket(Transport& transport, std::string_view subprotocol,
                                                 CommandStreams streams,
                                                 const CommandOpened& opened);

}  // namespace kist::net
