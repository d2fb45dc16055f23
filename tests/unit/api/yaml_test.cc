// YAML 1.1 as Go's yaml.v2 reads it, and what is refused.
#include <catch2/catch.hpp>

#include "kist/api/json.h"

using namespace kist;
using namespace kist::api;

TEST_CASE("YAML becomes JSON") {
  struct Case {
    const char *name, *in, *out;
  };
  const Case cases[] = {
      {"nothing", "", "null"},
      {"maps and lists", "a:\n- 1\n- b: c\n", R"({"a":[1,{"b":"c"}]})"},
      {"YAML 1.1 booleans", "[y, Yes, ON, true, n, no, Off, FALSE]",
       "[true,true,true,true,false,false,false,false]"},
      {"quoted is text", R"(["yes", 'no', "1", !!str 2])", R"(["yes","no","1","2"])"},
      {"nulls", "{a: , b: ~, c: null, d: Null}", R"({"a":null,"b":null,"c":null,"d":null})"},
      {"integers", "[0, -7, +7, 0x1F, 0o17, 017, 0b101, 1_000, 18446744073709551615]",
       "[0,-7,7,31,15,15,5,1000,18446744073709551615]"},
      {"floats", "[1.5, 1e3, 08, .5, 3., 1.0, -2.5e-1]", "[1.5,1000,8,0.5,3,1,-0.25]"},
      {"text that looks close", "[1.2.3, 0x, 1e, -, 12:30, 2026-01-02, 1s, 500m, v1]",
       R"(["1.2.3","0x","1e","-","12:30","2026-01-02","1s","500m","v1"])"},
      {"keys become text", "{1: a, yes: b, 1.5: c}", R"({"1":"a","true":"b","1.5":"c"})"},
      {"blocks", "a: |\n  x\n  y\nb: >-\n  x\n  y\n", R"({"a":"x\ny\n","b":"x y"})"},
      {"aliases", "a: &x {b: 1}\nc: *x\nd: [*x]\n", R"({"a":{"b":1},"c":{"b":1},"d":[{"b":1}]})"},
      {"merge", "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
       R"({"a":{"b":1,"c":2},"d":{"c":3,"b":1}})"},
      {"one document with marks", "---\na: 1\n...\n", R"({"a":1})"},
      {"JSON is YAML", R"({"a":[1,"x",null,true]})", R"({"a":[1,"x",null,true]})"},
      {"comments", "# c\na: 1 # d\n", R"({"a":1})"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    auto json = parse_yaml(each.in);
    INFO((json.ok() ? "" : json.error().message));
    REQUIRE(json.ok());
    CHECK(to_text(json.value().root()) == each.out);
  }
}

TEST_CASE("YAML that is refused") {
  struct Case {
    const char *name, *in, *message;
  };
  const Case cases[] = {
      {"two documents", "a: 1\n---\nb: 2\n", "more than one document"},
      {"bad UTF-8", "a: \xff", "not UTF-8"},
      {"an anchor in itself", "&a [*a]", "contains itself"},
      {"an unknown alias", "a: *b", "invalid YAML at line 1"},
      {"a tab", "a:\n\t- b", "invalid YAML"},
      {"a list as key", "? [a]\n: b", "a key that is no scalar"},
      {"a null key", "~: b", "a key that is neither"},
      {"no number", "!!int x", "cannot decode"},
      {"not a number", "[.nan]", "no JSON form"},
      {"open bracket", "[a, b", "invalid YAML"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    auto json = parse_yaml(each.in);
    REQUIRE_FALSE(json.ok());
    CHECK_THAT(json.error().message, Catch::Contains(each.message));
  }
}

TEST_CASE("YAML duplicates are told, the last wins") {
  std::vector<std::string> paths;
  auto json = parse_yaml("spec:\n  replicas: 1\n  replicas: 2\n", &paths);
  REQUIRE(json.ok());
  CHECK(to_text(json.value().root()) == R"({"spec":{"replicas":2}})");
  CHECK(paths == std::vector<std::string>{"spec.replicas"});
}

TEST_CASE("YAML bombs") {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 20; ++i) {
    std::string below = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + below;
    for (int j = 0; j < 8; ++j) laughs += ", " + below;
    laughs += "]\n";
  }
  auto bomb = parse_yaml(laughs);
  REQUIRE_FALSE(bomb.ok());
  CHECK_THAT(bomb.error().message, Catch::Contains("aliases"));

  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "[";
  CHECK_FALSE(parse_yaml(deep).ok());
  std::string nested;
  for (int i = 0; i < 300; ++i) nested += "[";
  nested += std::string(300, ']');
  CHECK_FALSE(parse_yaml(nested).ok());
}
