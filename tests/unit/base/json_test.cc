// Reading JSON: what is let in, what is refused and where, and the helpers.
#include "kist/base/json.h"

#include <catch2/catch.hpp>

using namespace kist;
using namespace kist::json;

namespace {

std::string repeat(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("parse_json keeps what is right") {
  struct Case {
    const char *name, *text, *out;
  };
  const Case cases[] = {
      {"order of members", R"({"b":1,"a":[true,null,"x"]})", R"({"b":1,"a":[true,null,"x"]})"},
      {"white space", " [ 1 , 2 ] \n", "[1,2]"},
      {"largest integers", "[9223372036854775807,-9223372036854775808,18446744073709551615]",
       "[9223372036854775807,-9223372036854775808,18446744073709551615]"},
      {"big floats are floats", "[1e30,-2.5e19]", "[1e30,-25000000000000000000.0]"},
      {"escapes", R"(["\u00e4\n\u0000\ud83d\ude00"])", "[\"\xc3\xa4\\n\\u0000\xf0\x9f\x98\x80\"]"},
      {"a bare scalar", "3", "3"},
      {"zero with an exponent", "[0e9,0.0e-300,-0e3]", "[0.0,0.0,-0.0]"},
      {"exact floats", "[0.1,123456789.12345678,4.35e-27,1.7976931348623157e308,5e-324]",
       "[0.1,123456789.12345678,4.35e-27,1.7976931348623157e308,5e-324]"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    auto json = parse_json(each.text);
    REQUIRE(json.ok());
    CHECK(to_text(json.value().root()) == each.out);
  }
}

TEST_CASE("parse_json refuses with the place") {
  struct Case {
    const char* name;
    std::string text, message;
  };
  const Case cases[] = {
      {"nothing", "", "invalid JSON at byte 0: unexpected end of JSON input"},
      {"bytes behind", "{} x", "invalid JSON at byte 3: bytes after the value"},
      {"NUL behind", std::string("{}\0", 3), "invalid JSON at byte 2: NUL byte"},
      {"bad UTF-8", "[\"\xff\"]", "invalid JSON at byte 2: invalid UTF-8 in a string"},
      {"overlong UTF-8", "[\"\xc0\x80\"]", "invalid JSON at byte 2: invalid UTF-8 in a string"},
      {"lone surrogate", R"(["\ud800"])", "bad \\u escape"},
      {"integer too big", "[18446744073709551616]", "integer beyond 64 bits"},
      {"integer too small", "{\"a\":-9223372036854775809}", "integer beyond 64 bits"},
      {"no value", "[1,]", "no JSON value"},
      {"not JSON's NaN", "[NaN]", "no JSON value"},
      {"cut off", "{\"a\":\"b", "a string without an end"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    auto json = parse_json(each.text);
    REQUIRE_FALSE(json.ok());
    CHECK(json.error().code == Code::kBadRequest);
    CHECK_THAT(json.error().message, Catch::Contains(each.message));
  }
}

TEST_CASE("parse_json bounds depth and size") {
  CHECK(parse_json(repeat("[", 256) + repeat("]", 256)).ok());
  auto deep = parse_json(repeat("[", 257) + repeat("]", 257));
  REQUIRE_FALSE(deep.ok());
  CHECK_THAT(deep.error().message, Catch::Contains("nested too deeply"));
  CHECK_FALSE(parse_json(repeat("{\"a\":", 1000000)).ok());

  ParseLimits limits;
  limits.bytes_max = 10;
  CHECK(parse_json("[1,2,3,45]", nullptr, limits).ok());
  auto large = parse_json("[1,2,3,456]", nullptr, limits);
  REQUIRE_FALSE(large.ok());
  CHECK(large.error().code == Code::kTooLarge);
}

TEST_CASE("the last of duplicate keys wins, and paths are told") {
  struct Case {
    const char *name, *text, *out;
    std::vector<std::string> paths;
  };
  const Case cases[] = {
      {"none", R"({"a":{"b":1},"c":{"b":2}})", R"({"a":{"b":1},"c":{"b":2}})", {}},
      {"top", R"({"a":1,"b":2,"a":3})", R"({"a":3,"b":2})", {"a"}},
      {"three times, told once", R"({"a":1,"a":2,"a":3})", R"({"a":3})", {"a"}},
      {"below",
       R"({"spec":{"replicas":1,"replicas":2}})",
       R"({"spec":{"replicas":2}})",
       {"spec.replicas"}},
      {"in a list",
       R"({"c":[{},{"n":{"x":1,"x":2}}]})",
       R"({"c":[{},{"n":{"x":2}}]})",
       {"c[1].n.x"}},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    std::vector<std::string> paths;
    auto json = parse_json(each.text, &paths);
    REQUIRE(json.ok());
    CHECK(to_text(json.value().root()) == each.out);
    CHECK(paths == each.paths);
  }
}

TEST_CASE("duplicates among many keys") {
  std::string text = "{";
  for (int i = 0; i < 100000; ++i) text += "\"k" + std::to_string(i % 50000) + "\":1,";
  text.back() = '}';
  std::vector<std::string> paths;
  auto json = parse_json(text, &paths);
  REQUIRE(json.ok());
  CHECK(json.value().root().MemberCount() == 50000);
  CHECK(paths.size() == 100);
}

TEST_CASE("equal") {
  struct Case {
    const char *a, *b;
    bool equal;
  };
  const Case cases[] = {
      {"1", "1.0", true},
      {"1", "2", false},
      {"\"1\"", "1", false},
      {R"({"a":1,"b":2})", R"({"b":2,"a":1})", true},
      {"[1,2]", "[2,1]", false},
      {R"({"a":1})", R"({"a":1,"b":2})", false},
      {"null", "false", false},
      {"true", "false", false},
      {R"({"a":1})", R"({"b":1})", false},
      {"9223372036854775807", "9223372036854775806", false},
  };
  for (const Case& each : cases) {
    INFO(each.a << " and " << each.b);
    CHECK(equal(parse_json(each.a).value().root(), parse_json(each.b).value().root()) ==
          each.equal);
  }
}

TEST_CASE("finding and setting") {
  Json json = parse_json(R"({"metadata":{"name":"x","labels":{"a":"b"}},"n":7,"t":true})").value();
  Value& root = json.root();
  CHECK(text_of(*find(root, "metadata"), "name") == "x");
  CHECK(find_path(root, {"metadata", "labels", "a"})->GetString() == std::string("b"));
  CHECK(find_path(root, {"metadata", "none", "a"}) == nullptr);
  CHECK(find_path(root, {"n", "a"}) == nullptr);
  CHECK(int_of(root, "n") == 7);
  CHECK(int_of(root, "t", 3) == 3);
  CHECK(bool_of(root, "t"));
  CHECK(text_of(root, "n").empty());

  set(root, "n", "eight", json.allocator());
  set(root, "new", Value(9), json.allocator());
  set(child(root, "spec", json.allocator()), "a", "b", json.allocator());
  remove(root, "t");
  remove(root, "t");
  set(root, "nothing", text_of(root, "none"), json.allocator());
  remove(root, "nothing");
  CHECK(to_text(root) ==
        R"({"metadata":{"name":"x","labels":{"a":"b"}},"n":"eight","new":9,"spec":{"a":"b"}})");
}
