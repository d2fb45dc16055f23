// Texts as protocols compare them. Pure functions; the locale plays no part.
#pragma once

#include <string>
#include <string_view>

namespace kist {

// A to Z made small; every other byte as it is.
inline std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace kist
