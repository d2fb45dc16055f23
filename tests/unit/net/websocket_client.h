// WebSocket frames as a client makes and reads them.
#pragma once

#include <string>
#include <string_view>

#include "stream_client.h"

namespace kist::net::testing {

constexpr uint8_t kFinalBinary = 0x82, kFinalText = 0x81, kBinaryBegins = 0x02, kGoesOn = 0x00,
                  kFinalGoesOn = 0x80, kCloseFrame = 0x88, kPingFrame = 0x89, kPongFrame = 0x8a;

inline std::string client_frame(uint8_t first_byte, std::string_view payload) {
  std::string frame(1, static_cast<char>(first_byte));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() <= 0xffff) {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(payload.size() >> 8);
    frame += static_cast<char>(payload.size() & 0xff);
  } else {
    frame += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) {
      frame += static_cast<char>(payload.size() >> shift & 0xff);
    }
  }
  const std::string_view mask = "\x11\x22\x33\x44";
  frame += mask;
  for (size_t i = 0; i < payload.size(); ++i) {
    frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  }
  return frame;
}

struct Frame {
  int first_byte = -1;  // -1: the connection ended
  std::string payload = {};
};

inline Frame read_frame(RawClient& client) {
  const std::string head = client.read(2);
  if (head.size() < 2) return {};
  size_t size = static_cast<unsigned char>(head[1]);
  if (size >= 126) {
    size_t more = 0;
    for (const char c : client.read(size == 126 ? 2 : 8)) {
      more = more << 8 | static_cast<unsigned char>(c);
    }
    size = more;
  }
  return {static_cast<unsigned char>(head[0]), client.read(size)};
}

inline std::string upgrade_request(std::string_view target, std::string_view subprotocols) {
  std::string request = "GET " + std::string(target) +
                        " HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  if (!subprotocols.empty()) {
    request += "Sec-WebSocket-Protocol: " + std::string(subprotocols) + "\r\n";
  }
  return request + "\r\n";
}

// Opens the WebSocket and returns the answer's head.
inline std::string open_websocket(RawClient& client, std::string_view target,
                                  std::string_view subprotocols) {
  client.send(upgrade_request(target, subprotocols));
  return client.read_head();
}

}  // namespace kist::net::testing
