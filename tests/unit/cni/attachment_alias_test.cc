// Device aliases: what is written reads back, what others wrote is not believed.
#include "cni/attachment_alias.h"

#include <catch2/catch.hpp>

using namespace kist::cni;

TEST_CASE("alias: what is written reads back") {
  Attachment attachment{.sandbox = "abc-1", .mac = "0a:58:0a:2a:00:07", .host_device = "kv0"};
  attachment.addresses = {IpAddress::parse("10.42.0.7").value(),
                          IpAddress::parse("fd00::7").value()};
  CHECK(alias_of(attachment) == "kist abc-1 0a:58:0a:2a:00:07 10.42.0.7,fd00::7");
  const auto read = attachment_of(alias_of(attachment), "kv0");
  REQUIRE(read.has_value());
  CHECK(read->sandbox == attachment.sandbox);
  CHECK(read->addresses == attachment.addresses);
  CHECK(read->mac == attachment.mac);
  CHECK(read->host_device == "kv0");
}

TEST_CASE("alias: what is not ours") {
  for (const char* alias :
       {"", "kist", "kist a", "kist a 0a:58:0a:2a:00:07", "kist a 0a:58:0a:2a:00:07 ",
        "kist a 0a:58 10.0.0.1", "kist  0a:58:0a:2a:00:07 10.0.0.1",
        "other a 0a:58:0a:2a:00:07 10.0.0.1", "kist a/b 0a:58:0a:2a:00:07 10.0.0.1",
        "kist a 0a:58:0a:2a:00:07 10.0.0.1 more", "kist a 0a:58:0a:2a:00:07 10.0.0.1,,10.0.0.2"}) {
    INFO(alias);
    CHECK_FALSE(attachment_of(alias, "kv0").has_value());
  }
  CHECK(is_sandbox_id(std::string(128, 'a')));
  CHECK_FALSE(is_sandbox_id(std::string(129, 'a')));
}
