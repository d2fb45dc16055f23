// Addresses and prefixes: what is read, what is refused, what a prefix holds.
#include "kist/cni/address.h"

#include <catch2/catch.hpp>

using namespace kist::cni;

TEST_CASE("address: parse and print") {
  struct Case {
    const char *name, *text, *printed;  // empty: refused
  };
  const Case cases[] = {
      {"IPv4", "10.42.0.7", "10.42.0.7"},
      {"IPv6 is printed in its short form", "fd00:0:0::7", "fd00::7"},
      {"a leading zero might be octal", "10.42.0.07", ""},
      {"three parts", "10.42.7", ""},
      {"a zone is no part of an address", "fe80::1%eth0", ""},
      {"IPv4 in IPv6 form", "::ffff:10.0.0.1", ""},
      {"nothing", "", ""},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto address = IpAddress::parse(c.text);
    CHECK((address.ok() ? address.value().text() : "") == c.printed);
  }
  CHECK_FALSE(IpAddress::parse(std::string_view("10.0.0.1\0x", 10)).ok());
  CHECK_FALSE(IpAddress::of_bytes("12345").ok());
}

TEST_CASE("prefix: what it holds") {
  struct Case {
    const char *name, *prefix, *address;
    bool contains;
  };
  const Case cases[] = {
      {"first", "10.42.0.0/24", "10.42.0.0", true},
      {"last", "10.42.0.0/24", "10.42.0.255", true},
      {"next", "10.42.0.0/24", "10.42.1.0", false},
      {"in the middle of a byte", "10.42.128.0/17", "10.42.127.255", false},
      {"everything", "0.0.0.0/0", "8.8.8.8", true},
      {"the other family", "::/0", "8.8.8.8", false},
      {"one IPv6", "fd00::7/128", "fd00::7", true},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const IpPrefix prefix = IpPrefix::parse(c.prefix).value();
    CHECK(prefix.text() == c.prefix);
    CHECK(prefix.contains(IpAddress::parse(c.address).value()) == c.contains);
  }
  for (const char* text : {"10.42.0.1/24", "10.42.0.0/33", "10.42.0.0", "10.42.0.0/", "10.0.0.0/08",
                           "10.42.0.0/-1", "fd00::/129", "10.42.0.0/24x"}) {
    INFO(text);
    CHECK_FALSE(IpPrefix::parse(text).ok());
  }
}
