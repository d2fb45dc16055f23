// IP addresses and prefixes as values, in the byte order of the wire.
//
// Threads: values. Errors: kInvalid, naming the text that was refused.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::cni {

// IPv4 or IPv6. Bytes behind the size of the family are zero, so that comparing compares all.
class IpAddress {
 public:
  IpAddress() = default;  // 0.0.0.0
  // "10.42.0.7" or "fd00::7"; no zone, no brackets, no leading zeros, no IPv4-mapped IPv6.
  static Result<IpAddress> parse(std::string_view text);
  // 4 or 16 bytes of the wire; anything else is kInvalid.
  static Result<IpAddress> of_bytes(std::string_view bytes);

  bool is_ipv6() const { return ipv6_; }
  size_t size() const { return ipv6_ ? 16 : 4; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(bytes_.data()), size()}; }
  std::string text() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  bool ipv6_ = false;
  std::array<uint8_t, 16> bytes_{};
};

// "10.42.0.0/24": an address with its host bits zero, and how many bits count.
struct IpPrefix {
  IpAddress address;
  int bits = 0;

  // kInvalid also where host bits are set: "10.42.0.1/24" is no network.
  static Result<IpPrefix> parse(std::string_view text);
  bool contains(const IpAddress& other) const;
  std::string text() const;
  auto operator<=>(const IpPrefix&) const = default;
};

}  // namespace kist::cni
