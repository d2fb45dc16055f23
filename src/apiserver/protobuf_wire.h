// The two forms of protobuf's wire that framing needs; messages themselves are src/api's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kist::apiserver {

inline void append_varint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

inline void append_bytes_field(std::string& out, uint32_t number, std::string_view bytes) {
  append_varint(out, (uint64_t{number} << 3) | 2);
  append_varint(out, bytes.size());
  out += bytes;
}

}  // namespace kist::apiserver
