// Three bytes are four letters; the last group may be short.
#include "src/apiserver/base64.h"

#include <cstdint>

namespace kist::apiserver {
namespace {

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  uint32_t bits = 0;
  int count = 0;
  for (char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      out += kLetters[(bits >> count) & 63];
    }
  }
  if (count > 0) out += kLetters[(bits << (6 - count)) & 63];
  return out;
}

bool base64url_decode(std::string_view text, std::string* bytes) {
  bytes->clear();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return false;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    size_t letter = kLetters.find(c);
    if (letter == std::string_view::npos) return false;
    bits = (bits << 6) | static_cast<uint32_t>(letter);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes->push_back(static_cast<char>((bits >> count) & 255));
    }
  }
  return true;
}

}  // namespace kist::apiserver
