#include "api/wire.h"

#include <bit>

namespace kist::api::wire {
namespace {

Error malformed(const char* why) {
  return {Code::kBadRequest, std::string("invalid protobuf: ") + why};
}

void put_tag(std::string& out, uint32_t number, Wire wire) {
  put_varint(out, uint64_t{number} << 3 | wire);
}

}  // namespace

void put_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void put_int(std::string& out, uint32_t number, int64_t value) {
  put_tag(out, number, kVarint);
  put_varint(out, static_cast<uint64_t>(value));
}

void put_double(std::string& out, uint32_t number, double value) {
  put_tag(out, number, kFixed64);
  uint64_t bits = std::bit_cast<uint64_t>(value);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(bits >> (8 * i)));
}

void put_bytes(std::string& out, uint32_t number, std::string_view bytes) {
  put_tag(out, number, kLength);
  put_varint(out, bytes.size());
  out.append(bytes);
}

OpenMessage::OpenMessage(std::string& out, uint32_t number) : out_(out) {
  put_tag(out, number, kLength);
  start_ = out.size();
  out.push_back('\0');  // most messages are short: one byte of length
}

OpenMessage::~OpenMessage() {
  std::string length;
  put_varint(length, out_.size() - start_ - 1);
  out_[start_] = length[0];
  out_.insert(start_ + 1, length, 1);
}

Result<uint64_t> Reader::varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    uint8_t byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    if (shift == 63 && byte > 1) break;
    value |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  return malformed("bad varint");
}

Result<uint64_t> Reader::fixed(size_t size) {
  if (rest_.size() < size) return malformed("unexpected end");
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
  rest_.remove_prefix(size);
  return value;
}

Result<Piece> Reader::next() {
  uint64_t tag = TRY(varint());
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) return malformed("bad field number");
  Piece piece{.number = static_cast<uint32_t>(tag >> 3), .wire = static_cast<Wire>(tag & 7)};
  switch (piece.wire) {
    case kVarint: piece.number_value = TRY(varint()); return piece;
    case kFixed64: piece.number_value = TRY(fixed(8)); return piece;
    case kFixed32: piece.number_value = TRY(fixed(4)); return piece;
    case kLength: {
      uint64_t size = TRY(varint());
      if (size > rest_.size()) return malformed("unexpected end");
      piece.bytes = rest_.substr(0, size);
      rest_.remove_prefix(size);
      return piece;
    }
  }
  return malformed("bad wire type");
}

Result<std::string_view> find_bytes(std::string_view message, uint32_t number) {
  std::string_view found;
  Reader reader(message);
  while (!reader.done()) {
    Piece piece = TRY(reader.next());
    if (piece.number == number && piece.wire == kLength) found = piece.bytes;
  }
  return found;
}

double to_double(uint64_t bits) { return std::bit_cast<double>(bits); }

}  // namespace kist::api::wire
