#include "spdy_reader.h"

#include <algorithm>

#include "spdy_frames.h"

namespace kist::net {
namespace {

uint32_t number_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

uint32_t id_at(std::string_view bytes, size_t at) { return number_at(bytes, at) & 0x7fffffff; }

Error broken(std::string_view what) {
  return Error{Code::kBadRequest, "SPDY: " + std::string(what)};
}

}  // namespace

uint32_t SpdyReader::stream_id() const {
  return id_at({reinterpret_cast<const char*>(header_), kHeaderBytes}, 0);
}

Result<> SpdyReader::feed(std::string_view bytes, Sink& sink) {
  while (!sink.given_up()) {
    while (header_bytes_ < kHeaderBytes && !bytes.empty()) {
      header_[header_bytes_++] = static_cast<uint8_t>(bytes.front());
      bytes.remove_prefix(1);
      if (header_bytes_ == kHeaderBytes) TRY(begin_frame());
    }
    if (header_bytes_ < kHeaderBytes || (bytes.empty() && payload_left_ > 0)) return {};
    if (!is_control()) {
      take_data(bytes, sink);
      continue;
    }
    const size_t count = std::min(payload_left_, bytes.size());
    control_.append(bytes.substr(0, count));
    bytes.remove_prefix(count);
    payload_left_ -= count;
    if (payload_left_ > 0) continue;
    header_bytes_ = 0;
    TRY(end_control(sink));
  }
  return {};
}

Result<> SpdyReader::begin_frame() {
  payload_left_ = static_cast<size_t>(header_[5]) << 16 | static_cast<size_t>(header_[6]) << 8 |
                  static_cast<size_t>(header_[7]);
  if (!is_control()) return {};
  const unsigned version = (header_[0] & 0x7fu) << 8 | header_[1];
  if (version != kSpdyVersion) return broken("unknown version " + std::to_string(version));
  if (payload_left_ > kControlBytesMax) return broken("control frame too long");
  control_.clear();
  return {};
}

void SpdyReader::take_data(std::string_view& bytes, Sink& sink) {
  const std::string_view taken = bytes.substr(0, payload_left_);
  bytes.remove_prefix(taken.size());
  payload_left_ -= taken.size();
  const uint32_t id = stream_id();
  if (!taken.empty()) sink.on_data(id, taken);
  if (payload_left_ > 0) return;
  header_bytes_ = 0;
  if (has_fin() && !sink.given_up()) sink.on_data_end(id);
}

Result<> SpdyReader::end_control(Sink& sink) {
  const auto type = static_cast<SpdyFrame>(header_[2] << 8 | header_[3]);
  switch (type) {
    case SpdyFrame::kSynStream: return end_syn_stream(sink);
    case SpdyFrame::kSynReply:
    case SpdyFrame::kHeaders:
      if (control_.size() < 4) return broken("headers without a stream");
      TRY(headers_.read(std::string_view(control_).substr(4)));
      return {};
    case SpdyFrame::kRstStream:
      if (control_.size() != 8) return broken("malformed RST_STREAM");
      sink.on_reset(id_at(control_, 0));
      return {};
    case SpdyFrame::kPing:
      if (control_.size() != 4) return broken("malformed PING");
      sink.on_ping(number_at(control_, 0));
      return {};
    // The client closes its connection after GOAWAY, which says enough. Windows: Go's client keeps
    // none and sends no updates.
    case SpdyFrame::kSettings:
    case SpdyFrame::kGoAway:
    case SpdyFrame::kWindowUpdate: return {};
  }
  return {};  // unknown ones are ignored, 2.2.1
}

Result<> SpdyReader::end_syn_stream(Sink& sink) {
  constexpr size_t kFixedBytes = 10;  // two stream ids, priority, slot
  if (control_.size() < kFixedBytes) return broken("malformed SYN_STREAM");
  const uint32_t id = id_at(control_, 0);
  std::vector<Header> headers = TRY(headers_.read(std::string_view(control_).substr(kFixedBytes)));
  sink.on_stream({.id = id, .headers = std::move(headers), .ends = has_fin()});
  return {};
}

}  // namespace kist::net
