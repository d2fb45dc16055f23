#include "runtime/images/tar_header.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace kist::runtime::images {
namespace {

Error invalid(std::string_view what, std::string_view text) {
  return {Code::kInvalid, std::string(what) + " \"" + std::string(text.substr(0, 64)) + "\""};
}

// Big-endian two's complement behind the mark bit.
Result<int64_t> base256(std::string_view bytes) {
  const auto first = static_cast<uint8_t>(bytes[0]);
  const bool negative = (first & 0x40) != 0;
  uint64_t value = negative ? ~uint64_t{0} : 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    uint8_t byte = static_cast<uint8_t>(bytes[i]);
    if (i == 0) byte = negative ? byte | 0x80 : byte & 0x7f;
    const auto top = static_cast<uint8_t>(value >> 56);
    if (top != (negative ? 0xff : 0x00)) return Error{Code::kInvalid, "a number beyond 64 bits"};
    value = value << 8 | byte;
  }
  const auto number = static_cast<int64_t>(value);
  if ((number < 0) != negative) return Error{Code::kInvalid, "a number beyond 64 bits"};
  return number;
}

}  // namespace

std::string_view tar_text(const char* block, TarField field) {
  return {block + field.offset, ::strnlen(block + field.offset, field.size)};
}

Result<int64_t> tar_number(const char* block, TarField field) {
  std::string_view text(block + field.offset, field.size);
  if ((text[0] & 0x80) != 0) return base256(text);
  constexpr std::string_view kBlanks(" \0", 2);
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == text.npos) return int64_t{0};
  text.remove_prefix(begin);
  const std::string_view digits = text.substr(0, text.find_first_of(kBlanks));
  int64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, number, 8);
  if (error != std::errc() || stop != end || number < 0)
    return invalid("not an octal number:", digits);
  return number;
}

bool tar_checksum_fits(const char* block) {
  const Result<int64_t> stated = tar_number(block, kTarChecksum);
  if (!stated.ok()) return false;
  int64_t signed_sum = 0, unsigned_sum = 0;
  for (size_t i = 0; i < kTarBlockBytes; ++i) {
    const bool own = i >= kTarChecksum.offset && i < kTarChecksum.offset + kTarChecksum.size;
    const char byte = own ? ' ' : block[i];
    signed_sum += static_cast<signed char>(byte);
    unsigned_sum += static_cast<unsigned char>(byte);
  }
  return stated.value() == unsigned_sum || stated.value() == signed_sum;
}

bool is_zero_block(const char* block) {
  return block[0] == 0 && std::memcmp(block, block + 1, kTarBlockBytes - 1) == 0;
}

Result<> read_pax_records(std::string_view records,
                          const std::function<void(std::string_view, std::string_view)>& each) {
  while (!records.empty()) {
    const size_t space = records.find(' ');
    if (space == records.npos) return invalid("a pax record without a length:", records);
    const uint64_t length = TRY(read_decimal(records.substr(0, space)).context("pax record"));
    if (length <= space + 1 || length > records.size() || records[length - 1] != '\n')
      return invalid("a pax record with a wrong length:", records);
    const std::string_view record = records.substr(space + 1, length - space - 2);
    const size_t equals = record.find('=');
    if (equals == record.npos || equals == 0) return invalid("a pax record without a key:", record);
    each(record.substr(0, equals), record.substr(equals + 1));
    records.remove_prefix(length);
  }
  return {};
}

Result<PaxTime> read_pax_time(std::string_view text) {
  PaxTime time;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, time.seconds);
  if (error != std::errc()) return invalid("not a time:", text);
  if (stop == end) return time;
  std::string fraction(stop + 1, end);
  if (*stop != '.' || !std::ranges::all_of(fraction, [](char c) { return c >= '0' && c <= '9'; }))
    return invalid("not a time:", text);
  fraction.resize(9, '0');
  std::from_chars(fraction.data(), fraction.data() + 9, time.nanoseconds);
  if (text[0] == '-' && time.nanoseconds > 0) {  // the fraction counts away from zero
    --time.seconds;
    time.nanoseconds = 1'000'000'000 - time.nanoseconds;
  }
  return time;
}

Result<uint64_t> read_decimal(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stop != end) return invalid("not a number:", text);
  return number;
}

}  // namespace kist::runtime::images
