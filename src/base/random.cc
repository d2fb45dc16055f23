#include "kist/base/random.h"

#include <sys/random.h>

#include "kist/base/result.h"

namespace kist {

std::string random_bytes(size_t count) {
  std::string bytes(count, '\0');
  size_t filled = 0;
  while (filled < count) {
    const ssize_t got = getrandom(bytes.data() + filled, count - filled, 0);
    ENSURE(got > 0);
    filled += static_cast<size_t>(got);
  }
  return bytes;
}

std::string random_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[static_cast<unsigned char>(bytes[i]) >> 4];
    text += "0123456789abcdef"[bytes[i] & 0x0f];
  }
  return text;
}

std::string random_name_suffix(size_t length) {
  // No vowels and no digits that look like them, so that no name spells a word.
  static constexpr char kLetters[] = "bcdfghjklmnpqrstvwxz2456789";
  constexpr size_t kCount = sizeof kLetters - 1;
  std::string suffix;
  while (suffix.size() < length) {
    for (const char byte : random_bytes(length * 2)) {
      const auto value = static_cast<unsigned char>(byte);
      if (value >= 256 / kCount * kCount) continue;  // would make some letters likelier
      suffix += kLetters[value % kCount];
      if (suffix.size() == length) break;
    }
  }
  return suffix;
}

}  // namespace kist
