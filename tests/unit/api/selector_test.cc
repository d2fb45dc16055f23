// Selectors: what matches, and what is said about what cannot be parsed.
#include <catch2/catch.hpp>

#include "kist/api/selector.h"

namespace kist::api {
namespace {

Json json(std::string text) {
  for (char& c : text) c = c == '\'' ? '"' : c;
  Result<Json> parsed = parse_json(text);
  if (!parsed.ok()) FAIL(text + ": " + parsed.error().message);
  return std::move(parsed).value();
}

TEST_CASE("label selectors match labels") {
  struct Row {
    const char* selector;
    const char* labels;
    bool matches;
  };
  const Row rows[] = {
      {"", "{'a':'1'}", true},
      {"a=1", "{'a':'1'}", true},
      {"a==1", "{'a':'1'}", true},
      {"a=1", "{'a':'2'}", false},
      {"a=1", "{}", false},
      {"a=", "{'a':''}", true},
      {"a", "{'a':''}", true},
      {"a", "{'b':''}", false},
      {"!a", "{'b':''}", true},
      {"! a", "{'a':''}", false},
      {"a!=1", "{'a':'2'}", true},
      {"a!=1", "{}", true},
      {"a!=1", "{'a':'1'}", false},
      {"a in (1,2)", "{'a':'2'}", true},
      {"a in (1, 2)", "{'a':'3'}", false},
      {"a in (,1)", "{'a':''}", true},
      {"a in (1,)", "{'a':''}", true},
      {"a notin (1,2)", "{'a':'3'}", true},
      {"a notin (1,2)", "{}", true},
      {"a notin (1,2)", "{'a':'1'}", false},
      {"a>5", "{'a':'6'}", true},
      {"a>5", "{'a':'5'}", false},
      {"a<5", "{'a':'4'}", true},
      {"a<5", "{'a':'x'}", false},
      {"a<5", "{}", false},
      {"a=1,b=2", "{'a':'1','b':'2'}", true},
      {"a=1,b=2", "{'a':'1'}", false},
      {" a = 1 , ! b ", "{'a':'1'}", true},
      {"in=in,notin in (notin)", "{'in':'in','notin':'notin'}", true},
      {"example.com/a=1", "{'example.com/a':'1'}", true},
  };
  for (const Row& row : rows) {
    INFO(row.selector << " on " << row.labels);
    Result<Selector> selector = Selector::parse_labels(row.selector);
    if (!selector.ok()) FAIL(selector.error().message);
    Json labels = json(row.labels);
    CHECK(selector.value().matches_labels(&labels.root()) == row.matches);
  }
  CHECK(Selector::parse_labels("").value().everything());
  CHECK_FALSE(Selector::parse_labels("a").value().matches_labels(nullptr));
}

TEST_CASE("label selectors that cannot be parsed") {
  const std::string name_part =
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
      "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
      "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
  const std::string requirement = "unable to parse requirement: ";
  const std::pair<std::string, std::string> rows[] = {
      {"=1", "found '=', expected: !, identifier, or 'end of string'"},
      {",a", "found ',', expected: !, identifier, or 'end of string'"},
      {"a,", "found '', expected: identifier after ','"},
      {"a,,b", "found ',', expected: identifier after ','"},
      {"a=b=c", "found '=', expected: ',' or 'end of string'"},
      {"a=b c", "found 'c', expected: ',' or 'end of string'"},
      {"a b", requirement + "found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"!", requirement + "found '', expected: identifier"},
      {"!!a", requirement + "found '!', expected: identifier"},
      {"a=!b", requirement + "found '!', expected: identifier"},
      {"a in 1", requirement + "found '1' expected: '('"},
      {"a in", requirement + "found '' expected: '('"},
      {"a in (", requirement + "found '', expected: ',', ')' or identifier"},
      {"a in (1", requirement + "found '', expected: ',' or ')'"},
      {"a in (1 2)", requirement + "found '2', expected: ',' or ')'"},
      {"a in (1,=)", requirement + "found '=', expected: ',', or identifier"},
      {"a in ()", requirement +
                      "values: Invalid value: []: for 'in', 'notin' operators, values set can't "
                      "be empty"},
      {"a>x", requirement +
                  "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an "
                  "integer"},
      {"-a", requirement + "<nil>: Invalid value: \"-a\": " + name_part},
      {"/a", requirement + "<nil>: Invalid value: \"/a\": prefix part must be non-empty"},
      {"a/",
       requirement + "<nil>: Invalid value: \"a/\": name part must be non-empty; " + name_part},
      {"a=-b", requirement +
                   "values[0][a]: Invalid value: \"-b\": a valid label must be an empty string or "
                   "consist of alphanumeric characters, '-', '_' or '.', and must start and end "
                   "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
                   "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
      {std::string(100'000, 'a'), "label selector is too long"},
      {std::string(60'000, '!'), requirement + "found '!', expected: identifier"},
  };
  for (const auto& [text, message] : rows) {
    INFO(text.substr(0, 40));
    Result<Selector> selector = Selector::parse_labels(text);
    REQUIRE_FALSE(selector.ok());
    CHECK(selector.error().code == Code::kBadRequest);
    CHECK(selector.error().message == message);
  }
  std::string many = "a";
  for (int i = 0; i < 2000; ++i) many += ",a";
  CHECK_FALSE(Selector::parse_labels(many).ok());
}

TEST_CASE("field selectors") {
  auto selector = Selector::parse_fields("metadata.name=x,status.phase!=Running,a==b,,");
  REQUIRE(selector.ok());
  const auto& all = selector.value().requirements();
  REQUIRE(all.size() == 3);
  CHECK(all[0].key == "metadata.name");
  CHECK(all[0].values == std::vector<std::string>{"x"});
  CHECK(all[1].op == Selector::Op::kNotIn);
  CHECK(all[2].values == std::vector<std::string>{"b"});
  CHECK(Selector::parse_fields(R"(a=x\,y\=z\\)").value().requirements()[0].values[0] ==
        R"(x,y=z\)");
  CHECK(Selector::parse_fields("").value().everything());

  const std::pair<const char*, const char*> wrong[] = {
      {"a", "invalid selector: 'a'; can't understand 'a'"},
      {"a=1,b", "invalid selector: 'a=1,b'; can't understand 'b'"},
      {"a=b=c", "invalid field selector: unescaped character in value: 61"},
      {R"(a=b\c)", R"(invalid field selector: invalid escape sequence: \c)"},
      {R"(a=b\)", R"(invalid field selector: invalid escape sequence: \)"},
  };
  for (const auto& [text, message] : wrong) {
    INFO(text);
    Result<Selector> parsed = Selector::parse_fields(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message == message);
  }
}

TEST_CASE("LabelSelector objects") {
  struct Row {
    const char* selector;
    const char* labels;
    bool matches;
  };
  const Row rows[] = {
      {"{}", "{'a':'1'}", true},
      {"{'matchLabels':{'a':'1'}}", "{'a':'1','b':'2'}", true},
      {"{'matchLabels':{'a':'1'}}", "{'a':'2'}", false},
      {"{'matchExpressions':[{'key':'a','operator':'In','values':['2','1']}]}", "{'a':'1'}", true},
      {"{'matchExpressions':[{'key':'a','operator':'NotIn','values':['1']}]}", "{'a':'1'}", false},
      {"{'matchExpressions':[{'key':'a','operator':'Exists'}]}", "{'a':'1'}", true},
      {"{'matchExpressions':[{'key':'a','operator':'DoesNotExist'}]}", "{'a':'1'}", false},
      {"{'matchLabels':{'a':'1'},'matchExpressions':[{'key':'b','operator':'Exists'}]}",
       "{'a':'1'}", false},
  };
  for (const Row& row : rows) {
    INFO(row.selector);
    Json selector = json(row.selector), labels = json(row.labels);
    Result<Selector> parsed = Selector::from_label_selector(&selector.root());
    REQUIRE(parsed.ok());
    CHECK(parsed.value().matches_labels(&labels.root()) == row.matches);
  }
  CHECK_FALSE(Selector::from_label_selector(nullptr).value().matches_labels(nullptr));
  Json wrong = json("{'matchExpressions':[{'key':'a','operator':'Like'}]}");
  CHECK(Selector::from_label_selector(&wrong.root()).error().message ==
        "\"Like\" is not a valid label selector operator");
}

}  // namespace
}  // namespace kist::api
