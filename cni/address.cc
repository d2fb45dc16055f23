// Reading and printing addresses by inet_pton(3) and inet_ntop(3), which accept one form only.
#include "kist/cni/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace kist::cni {
namespace {

Error refused(std::string_view text, std::string_view why) {
  return {Code::kInvalid, "\"" + std::string(text) + "\": " + std::string(why)};
}

bool is_mapped_ipv4(const std::array<uint8_t, 16>& bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](uint8_t b) { return b == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

// Whether the first `bits` bits are equal.
bool same_bits(std::string_view a, std::string_view b, int bits) {
  const size_t whole = static_cast<size_t>(bits) / 8;
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - bits % 8));
  return ((static_cast<uint8_t>(a[whole]) ^ static_cast<uint8_t>(b[whole])) & mask) == 0;
}

bool host_bits_are_zero(const IpPrefix& prefix) {
  const std::string_view bytes = prefix.address.bytes();
  for (size_t i = static_cast<size_t>(prefix.bits); i < bytes.size() * 8; ++i)
    if ((static_cast<uint8_t>(bytes[i / 8]) >> (7 - i % 8)) & 1) return false;
  return true;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  IpAddress address;
  address.ipv6_ = text.find(':') != std::string_view::npos;
  const bool has_nul = text.find('\0') != std::string_view::npos;
  const std::string terminated(text);
  if (has_nul || ::inet_pton(address.ipv6_ ? AF_INET6 : AF_INET, terminated.c_str(),
                             address.bytes_.data()) != 1)
    return refused(text, "not an IP address");
  if (address.ipv6_ && is_mapped_ipv4(address.bytes_))
    return refused(text, "an IPv4 address in IPv6 form");
  return address;
}

Result<IpAddress> IpAddress::of_bytes(std::string_view bytes) {
  if (bytes.size() != 4 && bytes.size() != 16)
    return Error{Code::kInvalid,
                 "an address of " + std::to_string(bytes.size()) + " bytes, neither 4 nor 16"};
  IpAddress address;
  address.ipv6_ = bytes.size() == 16;
  std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
  return address;
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN];
  return ::inet_ntop(ipv6_ ? AF_INET6 : AF_INET, bytes_.data(), buffer, sizeof buffer);
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return refused(text, "no \"/\" with a prefix length");
  IpPrefix prefix;
  prefix.address = TRY(IpAddress::parse(text.substr(0, slash)));
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, failed] =
      std::from_chars(digits.data(), digits.data() + digits.size(), prefix.bits);
  const bool leading_zero = digits.size() > 1 && digits[0] == '0';
  if (failed != std::errc() || end != digits.data() + digits.size() || leading_zero ||
      prefix.bits < 0 || prefix.bits > static_cast<int>(prefix.address.size() * 8))
    return refused(text, "not a prefix length of this family");
  if (!host_bits_are_zero(prefix)) return refused(text, "bits are set behind the prefix");
  return prefix;
}

bool IpPrefix::contains(const IpAddress& other) const {
  return other.is_ipv6() == address.is_ipv6() && same_bits(address.bytes(), other.bytes(), bits);
}

std::string IpPrefix::text() const { return address.text() + "/" + std::to_string(bits); }

}  // namespace kist::cni
