// WebSocket on the server's side (RFC 6455): the handshake, and a connection under any protocol of
// messages. Ping, pong and close are done here.
//
// Threads: the loop's only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "kist/net/handler.h"
#include "payload.h"
#include "upgrade.h"
#include "websocket_reader.h"

namespace kist::net {

class WebSocketConnection : public Protocol, private WebSocketReader::Sink {
 public:
  explicit WebSocketConnection(Transport& transport) : transport_(transport) {}

  void input(std::string_view bytes) final;
  void end_of_input() final;
  void sent() override {}
  void stop() override { close_with(WebSocketClose::kGoingAway); }
  std::optional<SteadyTime> deadline() const override { return pong_at_; }
  void on_deadline() override;

 protected:
  using Part = WebSocketReader::Part;
  enum class MessageKind : uint8_t { kText = 1, kBinary = 2 };

  // A part of a message, as it comes.
  virtual void on_message_part(const Part& part) = 0;
  // The client closed, left or broke the rules. Once; there are no parts after it.
  virtual void on_client_closed() = 0;

  // `prefix` is of the message and has at most kPrefixMax bytes.
  static constexpr size_t kPrefixMax = 4;
  void send_message(MessageKind kind, std::string_view prefix, Payload payload);
  void send_message(MessageKind kind, Slice payload);
  // Says so and closes once everything is sent. Nothing can be sent after it.
  void close_with(WebSocketClose code);
  void client_broke_rules(WebSocketClose code) { client_closed(code); }
  // While paused, pongs that nobody asked for tell the client that we live: its pings are not read.
  void pause_reading(bool paused);
  Transport& transport() const { return transport_; }

 private:
  void on_part(const Part& part) override { on_message_part(part); }
  void on_ping(std::string_view payload) override;
  void on_close_frame() override;
  bool given_up() const override { return closing_; }
  void send_frame(uint8_t first_byte, std::string_view prefix, Payload payload);
  void client_closed(WebSocketClose answer);

  Transport& transport_;
  WebSocketReader reader_;
  bool closing_ = false;
  std::optional<SteadyTime> pong_at_;
};

// Does the client ask for a WebSocket? (RFC 6455, 4.2.1, the two headers that say so.)
bool wants_websocket(const Request& request);

using MakeWebSocket =
    std::function<std::unique_ptr<Protocol>(Transport& transport, std::string_view subprotocol)>;

// Completes the handshake with the first subprotocol of the client's that is in `supported`, which
// are literals; where the client names none, with "", if that is in it. Answers 400 to a malformed
// handshake and 403 where no subprotocol fits, as kube-apiserver does.
void accept_websocket(const Request& request, Exchange& exchange,
                      std::span<const std::string_view> supported, MakeWebSocket make);

}  // namespace kist::net
