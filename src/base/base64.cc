// Three bytes are four letters; the last group may be short.
#include "kist/base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace kist {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Values = std::array<int8_t, 256>;

constexpr Values values_of(std::string_view alphabet) {
  Values values{};
  values.fill(-1);
  for (size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr Values kStandardValues = values_of(kStandard);
constexpr Values kUrlValues = values_of(kUrl);

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t bits = 0;
    const size_t have = std::min<size_t>(3, bytes.size() - at);
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < have ? static_cast<uint8_t>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      if (i <= have) {
        text.push_back(alphabet[bits >> (18 - 6 * i) & 63]);
      } else if (padded) {
        text.push_back('=');
      }
    }
  }
  return text;
}

Error illegal(size_t at) {
  return {Code::kBadRequest, "illegal base64 data at input byte " + std::to_string(at)};
}

}  // namespace

std::string encode_base64(std::string_view bytes) { return encode(bytes, kStandard, true); }
std::string encode_base64url(std::string_view bytes) { return encode(bytes, kUrl, false); }

Result<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int count = 0, padding = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n' || c == '\r') continue;
    const int8_t value = kStandardValues[static_cast<uint8_t>(c)];
    const bool pad = c == '=' && count >= 2;
    if ((value < 0 && !pad) || (padding > 0 && (!pad || count == 0))) return illegal(at);
    padding += pad;
    bits = bits << 6 | static_cast<uint32_t>(pad ? 0 : value);
    if (++count < 4) continue;
    for (int shift = 16; shift >= 8 * padding; shift -= 8) {
      bytes.push_back(static_cast<char>(bits >> shift & 0xff));
    }
    bits = 0, count = 0;
  }
  if (count != 0) return illegal(text.size());
  return bytes;
}

Result<std::string> decode_base64url(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return illegal(text.size());
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int count = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const int8_t value = kUrlValues[static_cast<uint8_t>(text[at])];
    if (value < 0) return illegal(at);
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return bytes;
}

}  // namespace kist
