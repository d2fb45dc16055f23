// Which protocol a client of a stream speaks.
#include "kist/net/streams.h"

#include "command_spdy.h"
#include "command_websocket.h"
#include "header_elements.h"
#include "port_forward_protocols.h"
#include "spdy_handshake.h"
#include "websocket.h"

namespace kist::net {
namespace {

constexpr const char* kNoUpgrade = "unable to upgrade: missing upgrade headers in request";

void refuse(Exchange& exchange, std::string message) {
  exchange.respond({.status = 400,
                    .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                    .body = {Slice::of(message + "\n")}});
}

}  // namespace

Result<CommandStreams> command_streams(const Query& query) {
  const auto asked = [&](std::string_view name) { return query.get(name) == "1"; };
  CommandStreams streams{.input = asked("input"),
                         .output = asked("output"),
                         .error = asked("error"),
                         .terminal = asked("tty")};
  if (streams.terminal) streams.error = false;
  if (!streams.input && !streams.output && !streams.error) {
    return Error{Code::kBadRequest, "you must specify at least 1 of stdin, stdout, stderr"};
  }
  return streams;
}

void serve_command(const Request& request, std::shared_ptr<Exchange> exchange,
                   CommandStreams streams,
                   std::function<void(std::shared_ptr<CommandSession>)> opened) {
  if (wants_websocket(request)) {
    return accept_websocket(
        request, *exchange, command_subprotocols(),
        [streams, opened = std::move(opened)](Transport& transport, std::string_view subprotocol) {
          return make_command_websocket(transport, subprotocol, streams, opened);
        });
  }
  if (wants_spdy(request)) {
    return accept_spdy(
        request, *exchange, command_spdy_protocols(),
        [streams, opened = std::move(opened)](Transport& transport, std::string_view protocol) {
          return make_command_spdy(transport, protocol, streams, opened);
        });
  }
  refuse(*exchange, kNoUpgrade);
}

void serve_port_forward(const Request& request, std::shared_ptr<Exchange> exchange,
                        PortForwardOptions options) {
  if (wants_spdy(request)) {
    return accept_spdy(request, *exchange, std::span(&kPortForwardProtocol, 1),
                       [options = std::move(options)](Transport& transport, std::string_view) {
                         return make_port_forward_spdy(transport, options);
                       });
  }
  if (!wants_websocket(request)) return refuse(*exchange, kNoUpgrade);
  if (header_has_token(request, "Sec-WebSocket-Protocol", kPortForwardTunnel)) {
    return accept_websocket(request, *exchange, std::span(&kPortForwardTunnel, 1),
                            [options = std::move(options)](Transport& transport, std::string_view) {
                              return make_port_forward_tunnel(transport, options);
                            });
  }
  const Result<Query> query = Query::parse(request.query);
  if (!query.ok()) return refuse(*exchange, query.error().message);
  Result<std::vector<uint16_t>> ports = port_forward_ports(query.value());
  if (!ports.ok()) return refuse(*exchange, ports.error().message);
  accept_websocket(request, *exchange, port_forward_subprotocols(),
                   [options = std::move(options), ports = std::move(ports).value()](
                       Transport& transport, std::string_view subprotocol) {
                     return make_port_forward_websocket(transport, subprotocol, ports, options);
                   });
}

}  // namespace kist::net
