// The words of validation: errors, names, metadata.
#include <catch2/catch.hpp>

#include "kist/api/field_errors.h"

namespace kist::api {
namespace {

Json json(std::string text) {
  for (char& c : text) c = c == '\'' ? '"' : c;
  Result<Json> parsed = parse_json(text);
  if (!parsed.ok()) FAIL(text + ": " + parsed.error().message);
  return std::move(parsed).value();
}

TEST_CASE("field errors are worded as in Kubernetes") {
  FieldPath path = FieldPath("spec").child("ports").index(2).key("k");
  CHECK(path.text() == "spec.ports[2][k]");
  FieldErrors errors;
  errors.required(FieldPath("a"));
  CHECK(errors.message() == "a: Required value");
  errors.required(FieldPath("a"), "why");
  errors.invalid(FieldPath("b"), "x\"\n\a", "bad");
  errors.invalid(FieldPath("c"), int64_t{-1}, "negative");
  errors.invalid(FieldPath("d"), json("{'x':[1]}").root(), "odd");
  errors.not_supported(FieldPath("e"), "Z", {"A", "B"});
  errors.duplicate(FieldPath("f"), "v");
  errors.not_found(FieldPath("g"), "v");
  errors.forbidden(FieldPath("h"), "no");
  errors.too_long(FieldPath("i"), 63);
  errors.too_many(FieldPath("j"), 5, 3);
  CHECK(errors.message() ==
        "[a: Required value, a: Required value: why, b: Invalid value: \"x\\\"\\n\\a\": bad, "
        "c: Invalid value: -1: negative, d: Invalid value: {\"x\":[1]}: odd, "
        "e: Unsupported value: \"Z\": supported values: \"A\", \"B\", f: Duplicate value: \"v\", "
        "g: Not found: \"v\", h: Forbidden: no, i: Too long: may not be more than 63 bytes, "
        "j: Too many: 5: must have at most 3 items]");
}

TEST_CASE("forms of names") {
  struct Row {
    const char* rule;
    Messages (*check)(std::string_view);
    std::string text;
    const char* wanted;  // how the first message starts; empty: right
  };
  const Row rows[] = {
      {"label", check_dns1123_label, "a-1", ""},
      {"label", check_dns1123_label, "", "a lowercase RFC 1123 label must consist of"},
      {"label", check_dns1123_label, "A", "a lowercase RFC 1123 label must consist of"},
      {"label", check_dns1123_label, "a.b", "must not contain dots"},
      {"label", check_dns1123_label, std::string(64, 'a'), "must be no more than 63 bytes"},
      {"subdomain", check_dns1123_subdomain, "a.b-c.d", ""},
      {"subdomain", check_dns1123_subdomain, "a..b", "a lowercase RFC 1123 subdomain must"},
      {"subdomain", check_dns1123_subdomain, "a.", "a lowercase RFC 1123 subdomain must"},
      {"subdomain", check_dns1123_subdomain, std::string(254, 'a'),
       "must be no more than 253 bytes"},
      {"1035", check_dns1035_label, "a1", ""},
      {"1035", check_dns1035_label, "1a", "a DNS-1035 label must consist of"},
      {"qualified", check_qualified_name, "example.com/My.Name_1", ""},
      {"qualified", check_qualified_name, "a/b/c", "a qualified name must consist of"},
      {"qualified", check_qualified_name, "/b", "prefix part must be non-empty"},
      {"qualified", check_qualified_name, "a/", "name part must be non-empty"},
      {"value", check_label_value, "", ""},
      {"value", check_label_value, "a b", "a valid label must be an empty string or"},
      {"key", check_config_map_key, "a_b-C.1", ""},
      {"key", check_config_map_key, "..", "must not be '..'"},
      {"key", check_config_map_key, "..a", "must not start with '..'"},
      {"key", check_config_map_key, "a/b", "a valid config key must consist of"},
      {"env", check_env_var_name, "A.b-c_1", ""},
      {"env", check_env_var_name, "1A", "a valid environment variable name must consist of"},
      {"port", check_port_name, "http-1", ""},
      {"port", check_port_name, "", "must contain only alpha-numeric characters"},
      {"port", check_port_name, "80", "must contain at least one letter"},
      {"port", check_port_name, "a--b", "must not contain consecutive hyphens"},
      {"port", check_port_name, "-a", "must not begin or end with a hyphen"},
      {"port", check_port_name, "a-very-long-name", "must be no more than 15 bytes"},
      {"ip", check_ip, "10.0.0.1", ""},
      {"ip", check_ip, "fd00::1", ""},
      {"ip", check_ip, "10.0.0.256", "must be a valid IP address, (e.g. 10.9.8.7 or"},
      {"ip", check_ip, std::string("10.0.0.1\0", 9), "must be a valid IP address"},
      {"segment", check_path_segment, "a:b c", ""},
      {"segment", check_path_segment, "..", "may not be '..'"},
      {"segment", check_path_segment, "a/b", "may not contain '/'"},
      {"segment", check_path_segment, "a%b", "may not contain '%'"},
  };
  for (const Row& row : rows) {
    INFO(row.rule << ": " << row.text);
    Messages messages = row.check(row.text);
    const std::string first = messages.empty() ? "" : messages[0];
    CHECK(first.substr(0, std::string_view(row.wanted).size()) == row.wanted);
    CHECK(messages.empty() == std::string_view(row.wanted).empty());
  }
  CHECK(check_port_number(0).size() == 1);
  CHECK(check_port_number(65535).empty());
  CHECK(check_port_number(65536)[0] == "must be between 1 and 65535, inclusive");
}

TEST_CASE("rules of metadata") {
  struct Row {
    const char* metadata;
    bool namespaced;
    const char* message;
  };
  const Row rows[] = {
      {"{'name':'a','namespace':'n'}", true, ""},
      {"{'name':'a'}", false, ""},
      {"{'name':'a'}", true, "metadata.namespace: Required value"},
      {"{'name':'a','namespace':'n'}", false,
       "metadata.namespace: Forbidden: not allowed on this type"},
      {"{}", false, "metadata.name: Required value: name or generateName is required"},
      {"{'name':'a/b'}", false, "metadata.name: Invalid value: \"a/b\": may not contain '/'"},
      {"{'name':'a','finalizers':['x.io/y','orphan']}", false, ""},
      {"{'name':'a','finalizers':['y']}", false,
       "metadata.finalizers[0]: Invalid value: \"y\": name is neither a standard finalizer name "
       "nor is it fully qualified"},
      {"{'name':'a','finalizers':['orphan','foregroundDeletion']}", false,
       "metadata.finalizers: Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan "
       "and foregroundDeletion cannot be both set"},
      {"{'name':'a','annotations':{'/':'x'}}", false,
       "[metadata.annotations: Invalid value: \"/\": prefix part must be non-empty, "},
      {"{'name':'a','ownerReferences':[{'apiVersion':'v1','kind':'Pod','name':'p'}]}", false,
       "metadata.ownerReferences[0].uid: Invalid value: \"\": must not be empty"},
  };
  for (const Row& row : rows) {
    INFO(row.metadata);
    FieldErrors errors;
    Json metadata = json(row.metadata);
    validate_metadata(metadata.root(), row.namespaced, nullptr, FieldPath("metadata"), errors);
    const std::string message = errors.message();
    CHECK(message.substr(0, std::string_view(row.message).size()) == row.message);
    CHECK(message.empty() == std::string_view(row.message).empty());
  }
  Json large = json("{'name':'a','annotations':{'k':'" + std::string(300'000, 'x') + "'}}");
  FieldErrors errors;
  validate_metadata(large.root(), false, nullptr, FieldPath("metadata"), errors);
  CHECK(errors.message() == "metadata.annotations: Too long: may not be more than 262144 bytes");
}

TEST_CASE("what an update of metadata must not change") {
  const std::pair<const char*, const char*> rows[] = {
      {"{'name':'a','uid':'u','generation':2}", ""},
      {"{'name':'b','uid':'u','generation':2}",
       "metadata.name: Invalid value: \"b\": field is immutable"},
      {"{'name':'a','uid':'v','generation':2}",
       "metadata.uid: Invalid value: \"v\": field is immutable"},
      {"{'name':'a','uid':'u','generation':1}",
       "metadata.generation: Invalid value: 1: must not be decremented"},
  };
  Json old = json("{'name':'a','uid':'u','generation':2}");
  for (const auto& [next, message] : rows) {
    INFO(next);
    FieldErrors errors;
    validate_metadata_update(json(next).root(), old.root(), FieldPath("metadata"), errors);
    CHECK(errors.message() == message);
  }
  Json dying = json("{'name':'a','deletionTimestamp':'2026-01-01T00:00:00Z','finalizers':['x/y']}");
  Json more = json("{'name':'a','finalizers':['x/y','x/z']}");
  FieldErrors errors;
  validate_metadata_update(more.root(), dying.root(), FieldPath("metadata"), errors);
  CHECK(errors.message() ==
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being "
        "deleted, found new finalizers []string{\"x/z\"}");
}

TEST_CASE("metadata: an update is checked like a create") {
  const Json old = json("{'name':'a','namespace':'n'}");
  const std::pair<const char*, const char*> rows[] = {
      {"{'name':'a','namespace':'n','labels':{'a':'b'}}", ""},
      {"{'name':'a','namespace':'n','labels':{'a':'bad value!'}}", "metadata.labels"},
      {"{'name':'a','namespace':'n','annotations':{'-':'b'}}", "metadata.annotations"},
      {"{'name':'a','namespace':'n','finalizers':['no good']}", "metadata.finalizers"},
  };
  for (const auto& [next, field] : rows) {
    INFO(next);
    FieldErrors errors;
    validate_metadata_update(json(next).root(), old.root(), FieldPath("metadata"), errors);
    const std::vector<Cause> causes = errors.take();
    REQUIRE(causes.empty() == std::string_view(field).empty());
    if (!causes.empty()) CHECK(causes[0].field.starts_with(field));
  }
}

TEST_CASE("label selectors in objects") {
  const std::pair<const char*, const char*> rows[] = {
      {"{'matchLabels':{'a':'1'}}", ""},
      {"{'matchExpressions':[{'key':'a','operator':'In'}]}",
       "s.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
       "'NotIn'"},
      {"{'matchExpressions':[{'key':'a','operator':'Exists','values':['x']}]}",
       "s.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' "
       "or 'DoesNotExist'"},
      {"{'matchExpressions':[{'key':'a','operator':'Like'}]}",
       "s.matchExpressions[0].operator: Invalid value: \"Like\": not a valid selector operator"},
  };
  for (const auto& [selector, message] : rows) {
    FieldErrors errors;
    validate_label_selector(json(selector).root(), FieldPath("s"), errors);
    CHECK(errors.message() == message);
  }
}

}  // namespace
}  // namespace kist::api
