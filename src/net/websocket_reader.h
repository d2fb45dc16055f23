// Bytes of a client to the parts of its WebSocket messages (RFC 6455, 5).
//
// A message is never held whole: its bytes are given on as they come, so that one message may be as
// long as its sender likes. Without a socket, so that tests and the fuzzer feed it.
#pragma once

#include <cstdint>
#include <string_view>

namespace kist::net {

// Status codes of a close frame (RFC 6455, 7.4.1).
enum class WebSocketClose : uint16_t {
  kNone = 0,
  kNormal = 1000,
  kGoingAway = 1001,
  kProtocolError = 1002,
  kInvalidPayload = 1007,
  kInternalError = 1011,
};

class WebSocketReader {
 public:
  // At most kPartMax bytes of a message. `first` and `last` may both hold; `bytes` may be empty.
  struct Part {
    std::string_view bytes;
    bool first = false;
    bool last = false;
  };

  // What is read. A call may make the owner give up: feed() then stops before the next one.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void on_part(const Part& part) = 0;
    virtual void on_ping(std::string_view payload) = 0;
    virtual void on_close_frame() = 0;
    virtual bool given_up() const = 0;
  };

  static constexpr size_t kPartMax = 16 * 1024;

  // kNone, or why the connection must be closed.
  WebSocketClose feed(std::string_view bytes, Sink& sink);

 private:
  static constexpr size_t kHeaderMax = 14;    // with 64-bit length and mask
  static constexpr size_t kControlMax = 125;  // RFC 6455, 5.5

  bool take_header(std::string_view& bytes);
  bool header_is_valid();
  void take_payload(std::string_view& bytes, Sink& sink);
  void end_control(Sink& sink);
  size_t header_size() const;
  void unmask(std::string_view from, char* to);
  bool is_control() const { return (header_[0] & 0x08) != 0; }
  bool is_final() const { return (header_[0] & 0x80) != 0; }

  uint8_t header_[kHeaderMax] = {};
  size_t header_bytes_ = 0;
  bool in_payload_ = false;
  bool in_message_ = false;      // some part of it was given on, its last was not
  bool first_part_ = false;      // of the message
  uint64_t payload_left_ = 0;    // of this frame
  uint64_t payload_offset_ = 0;  // for the mask
  char control_[kControlMax] = {};
};

}  // namespace kist::net
