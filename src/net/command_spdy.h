// exec and attach over SPDY/3.1: one stream each for the result ("error"), input, output, error
// output and terminal sizes, told apart by their header "streamType".
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "command_websocket.h"

namespace kist::net {

std::span<const std::string_view> command_spdy_protocols();

// `protocol` is one of them. `opened` runs once the client has opened all its streams.
std::unique_ptr<Protocol> make_command_spdy(Transport& transport, std::string_view protocol,
                                            CommandStreams streams, CommandOpened opened);

}  // namespace kist::net
