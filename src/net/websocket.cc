#include "websocket.h"

#include <openssl/evp.h>

#include <algorithm>
#include <string>

#include "header_elements.h"
#include "kist/base/base64.h"

namespace kist::net {
namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kCloseOpcode = 8;
constexpr uint8_t kPongOpcode = 10;
// kubectl gives a connection up after 60 s without a pong.
constexpr std::chrono::seconds kPongPeriod{15};
// Messages stay far below: who does not read the pongs that it asked for gets no more of them.
constexpr size_t kUnsentMax = 1024 * 1024;

// RFC 6455, 4.2.2: proves to the client that its handshake was understood.
std::string accept_key(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ENSURE(EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) == 1);
  return encode_base64({reinterpret_cast<const char*>(digest), size});
}

void refuse(Exchange& exchange, int status, std::string message, std::vector<Header> headers = {}) {
  headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
  exchange.respond(
      {.status = status, .headers = std::move(headers), .body = {Slice::of(message + "\n")}});
}

bool key_is_valid(std::string_view key) {
  const Result<std::string> nonce = decode_base64(key);
  return nonce.ok() && nonce.value().size() == 16;
}

// Null: none fits.
const std::string_view* choose(const std::vector<std::string_view>& wanted,
                               std::span<const std::string_view> supported) {
  const auto find = [&](std::string_view name) {
    const auto found = std::ranges::find(supported, name);
    return found == supported.end() ? nullptr : &*found;
  };
  if (wanted.empty()) return find("");
  for (const std::string_view name : wanted) {
    if (const std::string_view* found = find(name)) return found;
  }
  return nullptr;
}

// At most 10 bytes.
std::string frame_header(uint8_t first_byte, uint64_t length) {
  std::string header(1, static_cast<char>(first_byte));
  if (length < 126) return header += static_cast<char>(length);
  const size_t bytes = length <= 0xffff ? 2 : 8;
  header += static_cast<char>(bytes == 2 ? 126 : 127);
  for (size_t i = 0; i < bytes; ++i) {
    header += static_cast<char>(length >> (8 * (bytes - 1 - i)) & 0xff);
  }
  return header;
}

}  // namespace

void WebSocketConnection::input(std::string_view bytes) {
  const WebSocketClose broken = reader_.feed(bytes, *this);
  if (broken != WebSocketClose::kNone) client_closed(broken);
}

void WebSocketConnection::end_of_input() {
  if (closing_) return;
  closing_ = true;
  pong_at_.reset();
  transport_.close();
  on_client_closed();
}

void WebSocketConnection::on_ping(std::string_view payload) {
  if (transport_.unsent_bytes() > kUnsentMax) return;
  send_frame(kFinal | kPongOpcode, {}, Payload::of(payload));
}

void WebSocketConnection::on_close_frame() { client_closed(WebSocketClose::kNormal); }

void WebSocketConnection::client_closed(WebSocketClose answer) {
  if (closing_) return;
  close_with(answer);
  on_client_closed();
}

void WebSocketConnection::on_deadline() {
  send_frame(kFinal | kPongOpcode, {}, Payload(0));
  pong_at_ = std::chrono::steady_clock::now() + kPongPeriod;
}

void WebSocketConnection::pause_reading(bool paused) {
  if (closing_) return;
  transport_.pause_input(paused);
  if (!paused) {
    pong_at_.reset();
  } else if (!pong_at_) {
    pong_at_ = std::chrono::steady_clock::now() + kPongPeriod;
  }
}

void WebSocketConnection::send_message(MessageKind kind, std::string_view prefix, Payload payload) {
  send_frame(kFinal | static_cast<uint8_t>(kind), prefix, std::move(payload));
}

void WebSocketConnection::close_with(WebSocketClose code) {
  if (closing_) return;
  const auto number = static_cast<uint16_t>(code);
  const char text[2] = {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
  send_frame(kFinal | kCloseOpcode, {}, Payload::of({text, sizeof text}));
  closing_ = true;
  pong_at_.reset();
  transport_.close();
}

void WebSocketConnection::send_message(MessageKind kind, Slice payload) {
  if (closing_) return;
  transport_.send(Slice::of(frame_header(kFinal | static_cast<uint8_t>(kind), payload.size())));
  transport_.send(std::move(payload));
}

void WebSocketConnection::send_frame(uint8_t first_byte, std::string_view prefix, Payload payload) {
  if (closing_) return;
  std::string header = frame_header(first_byte, prefix.size() + payload.size());
  header += prefix;
  transport_.send(std::move(payload).behind(header));
}

bool wants_websocket(const Request& request) {
  return header_has_token(request, "Connection", "upgrade") &&
         header_has_token(request, "Upgrade", "websocket");
}

void accept_websocket(const Request& request, Exchange& exchange,
                      std::span<const std::string_view> supported, MakeWebSocket make) {
  if (request.method != "GET") return refuse(exchange, 400, "a WebSocket begins with GET");
  if (request.header("Sec-WebSocket-Version") != "13") {
    return refuse(exchange, 400, "missing or bad WebSocket version",
                  {{"Sec-WebSocket-Version", "13"}});
  }
  const std::string_view key = request.header("Sec-WebSocket-Key");
  if (!key_is_valid(key)) return refuse(exchange, 400, "challenge is missing or malformed");
  const std::vector<std::string_view> wanted = header_elements(request, "Sec-WebSocket-Protocol");
  const std::string_view* chosen = choose(wanted, supported);
  if (chosen == nullptr) {
    return refuse(exchange, 403, "none of the requested WebSocket protocols is supported");
  }
  std::vector<Header> headers = {{"Upgrade", "websocket"},
                                 {"Sec-WebSocket-Accept", accept_key(key)}};
  if (!chosen->empty()) headers.push_back({"Sec-WebSocket-Protocol", std::string(*chosen)});
  exchange.upgrade(std::move(headers), [make = std::move(make), name = *chosen](Transport& to) {
    return make(to, name);
  });
}

}  // namespace kist::net
