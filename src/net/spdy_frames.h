// Numbers of SPDY/3.1 frames, and the frames we send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kist::net {

inline constexpr unsigned kSpdyVersion = 3;

enum class SpdyFrame : uint16_t {
  kSynStream = 1,
  kSynReply = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kHeaders = 8,
  kWindowUpdate = 9,
};

// Status codes of RST_STREAM (2.6.3).
enum class SpdyReset : uint32_t {
  kProtocolError = 1,
  kInvalidStream = 2,
  kRefusedStream = 3,
  kCancel = 5,
};

// Status codes of GOAWAY (2.6.6).
enum class SpdyGoAway : uint32_t { kOk = 0, kProtocolError = 1 };

inline void append_number(std::string& to, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(number >> shift & 0xff);
}

inline std::string spdy_control_frame(SpdyFrame type, std::string_view payload) {
  std::string frame;
  append_number(frame, 0x80000000u | kSpdyVersion << 16 | static_cast<uint32_t>(type));
  append_number(frame, static_cast<uint32_t>(payload.size()));  // no flags
  return frame.append(payload);
}

// Goes in front of `size` bytes, at most 2^24 - 1.
inline std::string spdy_data_header(uint32_t id, size_t size, bool fin) {
  std::string header;
  append_number(header, id);
  append_number(header, (fin ? 0x01000000u : 0u) | static_cast<uint32_t>(size));
  return header;
}

}  // namespace kist::net
