// Bytes of a client to the frames of SPDY/3.1. Without a socket, so that tests and the fuzzer feed
// it. Data is given on as it comes; control frames are bounded and held until they are whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spdy_headers.h"

namespace kist::net {

class SpdyReader {
 public:
  // A call may make the owner give up: feed() then stops before the next one.
  class Sink {
   public:
    virtual ~Sink() = default;
    struct Stream {
      uint32_t id = 0;
      std::vector<Header> headers;
      bool ends = false;
    };
    virtual void on_stream(Stream stream) = 0;
    virtual void on_data(uint32_t id, std::string_view bytes) = 0;
    virtual void on_data_end(uint32_t id) = 0;  // the client's half of the stream is over
    virtual void on_reset(uint32_t id) = 0;
    virtual void on_ping(uint32_t id) = 0;
    virtual bool given_up() const = 0;
  };

  // kBadRequest: the client broke the protocol; nothing after it can be understood.
  Result<> feed(std::string_view bytes, Sink& sink);

 private:
  static constexpr size_t kHeaderBytes = 8;
  static constexpr size_t kControlBytesMax = 16 * 1024;

  Result<> begin_frame();
  Result<> end_control(Sink& sink);
  Result<> end_syn_stream(Sink& sink);
  void take_data(std::string_view& bytes, Sink& sink);
  bool is_control() const { return (header_[0] & 0x80) != 0; }
  bool has_fin() const { return (header_[4] & 0x01) != 0; }
  uint32_t stream_id() const;  // of a data frame

  uint8_t header_[kHeaderBytes] = {};
  size_t header_bytes_ = 0;
  size_t payload_left_ = 0;
  std::string control_;
  SpdyHeaderReader headers_;
};

}  // namespace kist::net
