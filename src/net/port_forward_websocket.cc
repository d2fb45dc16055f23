// Port-forward over WebSocket, in two forms that have little in common.
//
// The tunnel (kubectl since 1.31): binary messages carry the bytes of SPDY. The older form, for
// other clients: the query names the ports, and the nth has the channels 2n for data and 2n + 1 for
// errors, each of which begins with the port's number, little-endian.
#include <array>
#include <string>

#include "channel_websocket.h"
#include "parse_port.h"
#include "port_forward_protocols.h"
#include "port_forwarder.h"

namespace kist::net {
namespace {

constexpr std::string_view kBase64Form = "v4.base64.channel.k8s.io";
constexpr std::array<std::string_view, 3> kSubprotocols = {"v4.channel.k8s.io", kBase64Form, ""};
constexpr size_t kPortsMax = 64;

// To SPDY it is the transport.
class TunnelWebSocket : public WebSocketConnection, private Transport {
 public:
  TunnelWebSocket(Transport& transport, PortForwardOptions options)
      : WebSocketConnection(transport), inner_(make_port_forward_spdy(*this, std::move(options))) {}

  void sent() override { inner_->sent(); }
  void stop() override { inner_->stop(); }
  std::optional<SteadyTime> deadline() const override {
    const std::optional<SteadyTime> ours = WebSocketConnection::deadline();
    const std::optional<SteadyTime> theirs = inner_->deadline();
    if (!ours || !theirs) return ours ? ours : theirs;
    return std::min(*ours, *theirs);
  }
  void on_deadline() override {
    const std::optional<SteadyTime> ours = WebSocketConnection::deadline();
    const std::optional<SteadyTime> theirs = inner_->deadline();
    if (ours && (!theirs || *ours <= *theirs)) return WebSocketConnection::on_deadline();
    inner_->on_deadline();
  }

 private:
  void on_message_part(const Part& part) override { inner_->input(part.bytes); }
  void on_client_closed() override { inner_->end_of_input(); }

  void send(Slice bytes) override { send_message(MessageKind::kBinary, std::move(bytes)); }
  size_t unsent_bytes() const override { return transport().unsent_bytes(); }
  void pause_input(bool paused) override { pause_reading(paused); }
  void close() override { close_with(WebSocketClose::kNormal); }
  void abort() override { transport().abort(); }
  Loop& loop() override { return transport().loop(); }

  std::unique_ptr<Protocol> inner_;
};

class PortForwardWebSocket : public ChannelWebSocket, private PortWire {
 public:
  PortForwardWebSocket(Transport& transport, bool base64, PortForwardOptions options)
      : ChannelWebSocket(transport, base64),
        forwarder_(*this, transport.loop(), std::move(options), PortForwarder::Halves::kTogether) {}

  void open(const std::vector<uint16_t>& ports) {
    uint32_t id = 0;
    for (const uint16_t port : ports) {
      const char number[2] = {static_cast<char>(port & 0xff), static_cast<char>(port >> 8)};
      send_channel(data_channel(id), Payload::of({number, sizeof number}));
      send_channel(data_channel(id) + 1, Payload::of({number, sizeof number}));
      ++id;
    }
    id = 0;
    for (const uint16_t port : ports) forwarder_.open(id++, port);
  }

  void sent() override {
    forwarder_.sent();
    if (forwarder_.empty()) close_with(WebSocketClose::kNormal);
  }

 private:
  static int data_channel(uint32_t id) { return static_cast<int>(2 * id); }

  void on_channel(int channel, std::string_view bytes) override {
    if (channel >= 0 && channel % 2 == 0) {
      forwarder_.input(static_cast<uint32_t>(channel / 2), bytes);
    }
  }
  void on_client_closed() override { forwarder_.client_gone(); }

  void send(uint32_t id, Payload bytes) override {
    send_channel(data_channel(id), std::move(bytes));
  }
  void send_failure(uint32_t id, const std::string& message) override {
    send_channel(data_channel(id) + 1, Payload::of(message));
  }
  void end(uint32_t) override {}
  // The channels of a connection cannot be closed; an empty message makes this turn clear it away.
  void close(uint32_t id) override { send_channel(data_channel(id) + 1, Payload(0)); }
  size_t unsent_bytes() const override { return transport().unsent_bytes(); }
  void pause_reading(bool paused) override { WebSocketConnection::pause_reading(paused); }

  PortForwarder forwarder_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Protocol> make_port_forward_tunnel(Transport& transport,
                                                   PortForwardOptions options) {
  return std::make_unique<TunnelWebSocket>(transport, std::move(options));
}

std::span<const std::string_view> port_forward_subprotocols() { return kSubprotocols; }

std::unique_ptr<Protocol> make_port_forward_websocket(Transport& transport,
                                                      std::string_view subprotocol,
                                                      const std::vector<uint16_t>& ports,
                                                      PortForwardOptions options) {
  auto made = std::make_unique<PortForwardWebSocket>(transport, subprotocol == kBase64Form,
                                                     std::move(options));
  made->open(ports);
  return made;
}

Result<std::vector<uint16_t>> port_forward_ports(const Query& query) {
  std::vector<uint16_t> ports;
  for (std::string_view rest : query.all("port")) {
    while (true) {
      const size_t comma = rest.find(',');
      const std::string text(rest.substr(0, comma));
      const std::optional<uint16_t> port = parse_port(text);
      if (!port) return Error{Code::kBadRequest, "unable to parse \"" + text + "\" as a port"};
      ports.push_back(*port);
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  if (ports.empty()) return Error{Code::kBadRequest, "query parameter \"port\" is required"};
  if (ports.size() > kPortsMax) return Error{Code::kBadRequest, "too many ports"};
  return ports;
}

}  // namespace kist::net
