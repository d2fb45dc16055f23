#include "websocket_reader.h"

#include <algorithm>
#include <cstring>

namespace kist::net {
namespace {

enum Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

bool is_known(uint8_t opcode) { return opcode <= kBinary || (opcode >= kClose && opcode <= kPong); }

uint64_t big_endian(const uint8_t* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

size_t WebSocketReader::header_size() const {
  if (header_bytes_ < 2) return 2;
  const uint8_t length = header_[1] & 0x7f;
  const size_t mask = (header_[1] & 0x80) != 0 ? 4 : 0;
  return 2 + (length == 127 ? 8u : length == 126 ? 2u : 0u) + mask;
}

bool WebSocketReader::take_header(std::string_view& bytes) {
  while (header_bytes_ < header_size() && !bytes.empty()) {
    header_[header_bytes_++] = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
  }
  return header_bytes_ == header_size();
}

// Of a complete header; reads its length.
bool WebSocketReader::header_is_valid() {
  const uint8_t opcode = header_[0] & 0x0f;
  const bool reserved_bits = (header_[0] & 0x70) != 0;  // no extension was agreed on
  const bool masked = (header_[1] & 0x80) != 0;         // a client must, RFC 6455, 5.1
  if (reserved_bits || !masked || !is_known(opcode)) return false;
  const uint8_t length = header_[1] & 0x7f;
  payload_left_ = length == 127   ? big_endian(header_ + 2, 8)
                  : length == 126 ? big_endian(header_ + 2, 2)
                                  : length;
  payload_offset_ = 0;
  if (payload_left_ >> 63 != 0) return false;
  if (is_control()) return is_final() && payload_left_ <= kControlMax;
  if ((opcode == kContinuation) != in_message_) return false;
  first_part_ = !in_message_;
  in_message_ = true;
  return true;
}

void WebSocketReader::unmask(std::string_view from, char* to) {
  const uint8_t* mask = header_ + header_bytes_ - 4;
  for (size_t i = 0; i < from.size(); ++i) {
    to[i] = static_cast<char>(static_cast<uint8_t>(from[i]) ^ mask[(payload_offset_ + i) & 3]);
  }
  payload_offset_ += from.size();
  payload_left_ -= from.size();
}

void WebSocketReader::take_payload(std::string_view& bytes, Sink& sink) {
  const size_t count = std::min<uint64_t>({bytes.size(), payload_left_, kPartMax});
  const std::string_view taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  if (is_control()) {
    unmask(taken, control_ + payload_offset_);
    if (payload_left_ == 0) end_control(sink);
    return;
  }
  char part[kPartMax];
  unmask(taken, part);
  const bool frame_ends = payload_left_ == 0;
  const bool message_ends = frame_ends && is_final();
  if (frame_ends) in_payload_ = false;
  if (message_ends) in_message_ = false;
  const bool first = first_part_;
  first_part_ = false;
  sink.on_part({.bytes = {part, count}, .first = first, .last = message_ends});
}

void WebSocketReader::end_control(Sink& sink) {
  in_payload_ = false;
  const uint8_t opcode = header_[0] & 0x0f;
  if (opcode == kPing) sink.on_ping({control_, static_cast<size_t>(payload_offset_)});
  if (opcode == kClose) sink.on_close_frame();
}

WebSocketClose WebSocketReader::feed(std::string_view bytes, Sink& sink) {
  while (!sink.given_up()) {
    if (!in_payload_) {
      if (!take_header(bytes)) return WebSocketClose::kNone;
      if (!header_is_valid()) return WebSocketClose::kProtocolError;
      in_payload_ = true;
    }
    // A frame without payload is given on as well: its end may be the message's.
    if (bytes.empty() && payload_left_ > 0) return WebSocketClose::kNone;
    take_payload(bytes, sink);
    if (!in_payload_) header_bytes_ = 0;
  }
  return WebSocketClose::kNone;
}

}  // namespace kist::net
