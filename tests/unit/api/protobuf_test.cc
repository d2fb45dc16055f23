// Protobuf both ways: bytes known from Kubernetes' rules, round trips, and hostile bytes.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "api/wire.h"
#include "kist/api/codec.h"

using namespace kist;
using namespace kist::api;
using namespace std::string_literals;

namespace {

const Type& type_of(std::string_view group, std::string_view version, std::string_view kind) {
  const Kind* found = find_kind(group, version, kind);
  REQUIRE(found != nullptr);
  return *found->type;
}

std::string golden(const std::string& name) {
  std::ifstream file(KIST_GOLDEN_DIR "/api/" + name, std::ios::binary);
  REQUIRE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string encode(const Type& type, std::string_view text) {
  Json json = parse_json(text).value();
  REQUIRE(canonicalize(type, json.root(), json.allocator(), nullptr).ok());
  return encode_protobuf(type, json.root());
}

}  // namespace

TEST_CASE("bytes as gogo writes them") {
  struct Case {
    const char *name, *group, *version, *kind, *in;
    std::string out;
  };
  const std::string empty_meta = "\x0a\x10\x0a\0\x12\0\x1a\0\x22\0\x2a\0\x32\0\x38\0\x42\0"s;
  const Case cases[] = {
      {"zero fields are written, pointers are not", "", "v1", "Namespace", "{}",
       empty_meta + "\x12\0\x1a\x02\x0a\0"s},
      {"times drop fractions, maps are sorted", "", "v1", "ConfigMap",
       R"({"metadata":{"name":"n","creationTimestamp":"1970-01-01T00:00:05.7Z"},"data":{"b":"","a":"1"}})",
       "\x0a\x15\x0a\x01n\x12\0\x1a\0\x22\0\x2a\0\x32\0\x38\0\x42\x04\x08\x05\x10\0"s
       "\x12\x06\x0a\x01"s
       "a\x12\x01\x31"s
       "\x12\x05\x0a\x01"s
       "b\x12\0"s},
      {"bytes of base64", "", "v1", "Secret", R"({"data":{"k":"aGk="}})",
       empty_meta + "\x12\x07\x0a\x01k\x12\x02hi\x1a\0"s},
      {"a zero pointer is written", "", "v1", "DeleteOptions", R"({"gracePeriodSeconds":0})",
       "\x08\0"s},
      {"int or string", "", "v1", "Service", R"({"spec":{"ports":[{"port":1,"targetPort":"x"}]}})",
       ""},
      {"raw JSON", "apps", "v1", "ControllerRevision", R"({"data":{"a":1},"revision":2})",
       empty_meta + "\x12\x09\x0a\x07{\"a\":1}\x18\x02"s},
      {"list that is a message", "", "v1", "APIResourceList",
       R"({"groupVersion":"v1","resources":[{"name":"p","singularName":"","namespaced":true,"kind":"P","verbs":["get"]}]})",
       "\x0a\x02v1\x12\x17\x0a\x01p\x10\x01\x1a\x01P\x22\x05\x0a\x03get\x32\0\x42\0\x4a\0\x52\0"s},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    std::string bytes = encode(type_of(each.group, each.version, each.kind), each.in);
    if (!each.out.empty()) CHECK(bytes == each.out);
    if (std::string_view(each.name) == "int or string") {
      CHECK(bytes.find("\x22\x07\x08\x01\x10\0\x1a\x01x"s) != std::string::npos);
    }
  }
}

TEST_CASE("objects survive a round trip") {
  struct Case {
    const char* name;
    const Type& type;
    std::string text;
  };
  const Case cases[] = {
      {"a rich pod", type_of("", "v1", "Pod"), golden("pod.json")},
      {"an event with microseconds", type_of("events.k8s.io", "v1", "Event"),
       R"({"metadata":{"name":"e","creationTimestamp":null},"eventTime":"2026-01-02T03:04:05.000006Z","regarding":{},"deprecatedSource":{},"deprecatedFirstTimestamp":null,"deprecatedLastTimestamp":null})"},
      {"a map of lists", type_of("authentication.k8s.io", "v1", "TokenReview"),
       R"({"metadata":{"creationTimestamp":null},"spec":{},"status":{"user":{"extra":{"a":["1","2"],"b":[]}}}})"},
      {"managed fields", type_of("", "v1", "ConfigMap"),
       R"({"metadata":{"creationTimestamp":null,"managedFields":[{"manager":"m","operation":"Apply","fieldsType":"FieldsV1","fieldsV1":{"f:data":{}}}]},"immutable":false})"},
      {"negative numbers", type_of("", "v1", "Pod"),
       R"({"metadata":{"creationTimestamp":null},"spec":{"containers":[],"priority":-5},"status":{}})"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    Json json = parse_json(each.text).value();
    REQUIRE(canonicalize(each.type, json.root(), json.allocator(), nullptr).ok());
    auto back = decode_protobuf(each.type, encode_protobuf(each.type, json.root()));
    REQUIRE(back.ok());
    Value& root = json.root();
    remove(root, "kind"), remove(root, "apiVersion");  // these stand in the envelope
    if (Value* spec = find(root, "spec")) {
      // an empty list and none are the same in protobuf
      Value* containers = find(*spec, "containers");
      if (containers != nullptr && containers->Empty()) containers->SetNull();
    }
    CHECK(to_text(back.value().root()) == to_text(root));
  }
}

TEST_CASE("the golden pod is canonical") {
  std::string text = golden("pod.json");
  text.pop_back();  // line end
  Json json = parse_json(text).value();
  std::vector<std::string> unknown;
  REQUIRE(canonicalize(type_of("", "v1", "Pod"), json.root(), json.allocator(), &unknown).ok());
  CHECK(unknown.empty());
  CHECK(to_text(json.root()) == text);
}

TEST_CASE("envelope") {
  std::string sealed = seal_envelope("v1", "Namespace", "abc");
  CHECK(sealed ==
        "k8s\0\x0a\x0f\x0a\x02v1\x12\x09Namespace\x12\x03"
        "abc\x1a\0\x22\0"s);
  auto opened = open_envelope(sealed);
  REQUIRE(opened.ok());
  CHECK(opened.value().api_version == "v1");
  CHECK(opened.value().kind == "Namespace");
  CHECK(opened.value().raw == "abc");
  CHECK_FALSE(open_envelope("{}").ok());
  CHECK_FALSE(open_envelope("k8s\0\x0a\x7f"s).ok());
}

TEST_CASE("an object inside raw bytes") {
  std::string config_map = encode(type_of("", "v1", "ConfigMap"), R"({"data":{"a":"b"}})");
  std::string bytes;
  wire::put_bytes(bytes, 1, "ADDED");
  {
    wire::OpenMessage object(bytes, 2);
    wire::put_bytes(bytes, 1, seal_envelope("v1", "ConfigMap", config_map));
  }
  auto event = decode_protobuf(type_of("", "v1", "WatchEvent"), bytes);
  REQUIRE(event.ok());
  CHECK(
      to_text(event.value().root()) ==
      R"({"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"creationTimestamp":null},"data":{"a":"b"}}})");
}

TEST_CASE("hostile bytes are refused") {
  const Type& pod = type_of("", "v1", "Pod");
  const std::string cases[] = {
      "\x0a\x7f"s,                                          // longer than there is
      "\x0a"s,                                              // no length
      "\x08\x01"s,                                          // metadata as a number
      "\x00\x00"s,                                          // field 0
      "\x0b\x0c"s,                                          // groups
      "\x0a\x03\x0a\x01\xff"s,                              // not UTF-8
      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,      // huge length
      "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // varint too long
  };
  for (const std::string& bytes : cases) CHECK_FALSE(decode_protobuf(pod, bytes).ok());
  CHECK_FALSE(decode_protobuf(type_of("", "v1", "Table"), "").ok());
  CHECK(decode_protobuf(pod, "\xf8\x7f\x01"s).ok());  // unknown fields are skipped

  CHECK(decode_protobuf(type_of("", "v1", "ConfigMap"), "\x12\0"s).ok());  // an empty map entry

  // envelopes within envelopes
  std::string bytes;
  for (int i = 0; i < 2000; ++i) {
    std::string event, raw;
    wire::put_bytes(raw, 1, seal_envelope("v1", "WatchEvent", bytes));
    wire::put_bytes(event, 2, raw);
    bytes = event;
  }
  CHECK_FALSE(decode_protobuf(type_of("", "v1", "WatchEvent"), bytes).ok());
}
