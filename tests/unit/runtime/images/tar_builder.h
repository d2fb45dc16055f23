// Tar archives for tests, right ones and wrong ones, built from their parts.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace kist::test {

// One header block and its payload. Fields that are not set are as tar(1) writes them.
struct TarPart {
  std::string name;
  char type = '0';
  std::string content;
  std::string link;
  unsigned mode = 0644;
  uint64_t size = UINT64_MAX;  // stated; else that of the content
};

inline void put_octal(char* at, size_t digits, uint64_t number) {
  for (size_t i = digits; i > 0; --i, number >>= 3)
    at[i - 1] = static_cast<char>('0' + (number & 7));
  at[digits] = '\0';
}

inline std::string tar_part(const TarPart& part) {
  char block[513] = {};
  std::memcpy(block, part.name.data(), std::min<size_t>(part.name.size(), 100));
  put_octal(block + 100, 7, part.mode);
  put_octal(block + 108, 7, 0);
  put_octal(block + 116, 7, 0);
  put_octal(block + 124, 11, part.size == UINT64_MAX ? part.content.size() : part.size);
  put_octal(block + 136, 11, 1'000'000'000);
  block[156] = part.type;
  std::memcpy(block + 157, part.link.data(), std::min<size_t>(part.link.size(), 100));
  std::memcpy(block + 257,
              "ustar\0"
              "00",
              8);
  std::memset(block + 148, ' ', 8);
  unsigned sum = 0;
  for (int i = 0; i < 512; ++i) sum += static_cast<unsigned char>(block[i]);
  put_octal(block + 148, 6, sum);
  std::string bytes(block, 512);
  bytes += part.content;
  bytes.resize((bytes.size() + 511) / 512 * 512, '\0');
  return bytes;
}

inline std::string pax_record(std::string_view key, std::string_view value) {
  const std::string rest = " " + std::string(key) + "=" + std::string(value) + "\n";
  size_t length = rest.size() + 1;
  while (std::to_string(length).size() + rest.size() != length) ++length;
  return std::to_string(length) + rest;
}

inline std::string tar_end() { return std::string(1024, '\0'); }

inline std::string tar_of(std::initializer_list<TarPart> parts) {
  std::string bytes;
  for (const TarPart& part : parts) bytes += tar_part(part);
  return bytes + tar_end();
}

}  // namespace kist::test
