// Both alphabets: what RFC 4648 shows, there and back, and what is refused.
#include "kist/base/base64.h"

#include <catch2/catch.hpp>

using namespace kist;

TEST_CASE("base64: as RFC 4648, section 10, tests it") {
  const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [text, encoded] : cases) {
    CHECK(encode_base64(text) == encoded);
    CHECK(decode_base64(encoded).value() == text);
  }
  CHECK(encode_base64("\xff\xff\xff") == "////");
  CHECK(decode_base64("aGVs\r\nbG8=").value() == "hello");
}

TEST_CASE("base64: refused with the place") {
  const std::pair<const char*, const char*> cases[] = {
      {"a", "1"},     {"aa", "2"},    {"aaa", "3"},  {"=", "0"},    {"a===", "1"},    {"aa=a", "3"},
      {"aa==a", "4"}, {"aaaa=", "4"}, {"a-aa", "1"}, {"a?==", "1"}, {"aa==aaaa", "4"}};
  for (const auto& [bad, place] : cases) {
    INFO(bad);
    REQUIRE_FALSE(decode_base64(bad).ok());
    CHECK(decode_base64(bad).error().message ==
          std::string("illegal base64 data at input byte ") + place);
  }
}

TEST_CASE("base64url: there and back, padding tolerated, odd input refused") {
  for (const char* text : {"", "a", "ab", "abc", "\xff\xfe?>", "{\"v\":1}"}) {
    INFO(text);
    CHECK(decode_base64url(encode_base64url(text)).value() == text);
  }
  CHECK(encode_base64url("\xff\xff") == "__8");
  CHECK(decode_base64url("__8=").value() == "\xff\xff");
  CHECK(decode_base64url("a+b/").error().message == "illegal base64 data at input byte 1");
  CHECK_FALSE(decode_base64url("abcde").ok());
}
