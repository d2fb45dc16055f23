// SPDY/3.1 frames as a client makes and reads them.
#pragma once

#include <zlib.h>

#include "net/spdy_frames.h"
#include "net/spdy_headers.h"
#include "stream_client.h"

namespace kist::net::testing {

// A client's side of the header compression.
class SpdyDeflater {
 public:
  SpdyDeflater() {
    REQUIRE(deflateInit(&stream_, Z_BEST_COMPRESSION) == Z_OK);
    const std::string& words = spdy_dictionary();
    REQUIRE(deflateSetDictionary(&stream_, reinterpret_cast<const Bytef*>(words.data()),
                                 static_cast<uInt>(words.size())) == Z_OK);
  }
  SpdyDeflater(const SpdyDeflater&) = delete;
  SpdyDeflater& operator=(const SpdyDeflater&) = delete;
  ~SpdyDeflater() { deflateEnd(&stream_); }

  std::string pack(const std::vector<Header>& headers) {
    std::string plain;
    append_number(plain, static_cast<uint32_t>(headers.size()));
    for (const Header& header : headers) {
      for (const std::string& text : {header.name, header.value}) {
        append_number(plain, static_cast<uint32_t>(text.size()));
        plain += text;
      }
    }
    return pack_bytes(plain);
  }

  std::string pack_bytes(std::string plain) {
    std::string packed(plain.size() + 1024, '\0');
    stream_.next_in = reinterpret_cast<Bytef*>(plain.data());
    stream_.avail_in = static_cast<uInt>(plain.size());
    stream_.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream_.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream_, Z_SYNC_FLUSH) == Z_OK);
    packed.resize(packed.size() - stream_.avail_out);
    return packed;
  }

  std::string syn_stream(uint32_t id, const std::vector<Header>& headers) {
    std::string payload;
    append_number(payload, id);
    append_number(payload, 0);
    return spdy_control_frame(SpdyFrame::kSynStream,
                              payload + std::string(2, '\0') + pack(headers));
  }

 private:
  z_stream stream_{};
};

inline std::string spdy_data(uint32_t id, std::string_view bytes, bool fin = false) {
  return spdy_data_header(id, bytes.size(), fin).append(bytes);
}

inline std::string spdy_reset(uint32_t id, SpdyReset reason) {
  std::string payload;
  append_number(payload, id);
  append_number(payload, static_cast<uint32_t>(reason));
  return spdy_control_frame(SpdyFrame::kRstStream, payload);
}

inline std::string spdy_ping(uint32_t id) {
  std::string payload;
  append_number(payload, id);
  return spdy_control_frame(SpdyFrame::kPing, payload);
}

// A frame from the server in words: "data 1 hello", "end 1", "reply 1", "reset 1 3", "ping 1",
// "goaway 1", "closed".
inline std::string describe_spdy(std::string_view head, std::string_view payload) {
  const auto number = [](std::string_view bytes) {
    uint32_t value = 0;
    for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  };
  if ((head[0] & 0x80) == 0) {
    const std::string id = std::to_string(number(head));
    if (payload.empty() && head[4] == 1) return "end " + id;
    return "data " + id + " " + std::string(payload);
  }
  const std::string id = std::to_string(number(payload));
  switch (static_cast<SpdyFrame>(head[3])) {
    case SpdyFrame::kSynReply: return "reply " + id;
    case SpdyFrame::kRstStream:
      return "reset " + id + " " + std::to_string(number(payload.substr(4)));
    case SpdyFrame::kPing: return "ping " + id;
    case SpdyFrame::kGoAway: return "goaway " + id;
    default: return "unknown";
  }
}

inline std::string read_spdy(RawClient& client) {
  const std::string head = client.read(8);
  if (head.size() < 8) return "closed";
  const size_t size = static_cast<size_t>(static_cast<unsigned char>(head[5])) << 16 |
                      static_cast<size_t>(static_cast<unsigned char>(head[6])) << 8 |
                      static_cast<size_t>(static_cast<unsigned char>(head[7]));
  return describe_spdy(head, client.read(size));
}

inline std::string open_spdy(RawClient& client, std::string_view target,
                             std::string_view protocols) {
  std::string request = "POST " + std::string(target) +
                        " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n";
  if (!protocols.empty()) {
    request += "X-Stream-Protocol-Version: " + std::string(protocols) + "\r\n";
  }
  client.send(request + "\r\n");
  return client.read_head();
}

}  // namespace kist::net::testing
