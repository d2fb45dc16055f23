// Protobuf's wire format: tags, varints, lengths. Knows nothing of types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::api::wire {

enum Wire : uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

void put_varint(std::string& out, uint64_t value);
void put_int(std::string& out, uint32_t number, int64_t value);
void put_double(std::string& out, uint32_t number, double value);
void put_bytes(std::string& out, uint32_t number, std::string_view bytes);

// A message whose length is known only at the end: writes its tag now, and puts its length before
// what was appended since when it goes out of scope.
class OpenMessage {
 public:
  OpenMessage(std::string& out, uint32_t number);
  ~OpenMessage();
  OpenMessage(const OpenMessage&) = delete;
  OpenMessage& operator=(const OpenMessage&) = delete;

 private:
  std::string& out_;
  size_t start_;
};

// One field as read.
struct Piece {
  uint32_t number = 0;
  Wire wire = kVarint;
  uint64_t number_value = 0;    // kVarint, kFixed64, kFixed32
  std::string_view bytes = {};  // kLength
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }
  Result<Piece> next();  // kBadRequest; groups are refused

 private:
  Result<uint64_t> varint();
  Result<uint64_t> fixed(size_t size);
  std::string_view rest_;
};

// The last length-delimited field `number` of a message, empty when there is none.
Result<std::string_view> find_bytes(std::string_view message, uint32_t number);

double to_double(uint64_t bits);

}  // namespace kist::api::wire
