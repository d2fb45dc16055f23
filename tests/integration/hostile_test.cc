// What no client should send: each is told so precisely, and nothing has changed afterwards.
#include <fstream>
#include <thread>

#include "cluster.h"

namespace kist::integration {
namespace {

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

struct Case {
  const char* name;
  const char* method;
  std::string path;
  std::string type;  // of the body
  std::string body;
  int status;
  const char* message;  // part of the Status' message
};

std::vector<Case> bodies() {
  const std::string json = "application/json", yaml = "application/yaml",
                    protobuf = "application/vnd.kubernetes.protobuf", path = kConfigMaps;
  const std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [" + repeat("*a,", 9) +
                           "*a]\nc: &c [" + repeat("*b,", 9) + "*b]\nd: &d [" + repeat("*c,", 9) +
                           "*c]\ne: &e [" + repeat("*d,", 9) + "*d]\nf: [" + repeat("*e,", 9) +
                           "*e]\n";
  return {
      {"no JSON", "POST", path, json, "{\"metadata\":", 400, "no JSON value"},
      {"no body", "POST", path, json, "", 400, ""},
      {"bytes behind it", "POST", path, json, config_map("x") + "}", 400, "bytes after the value"},
      {"invalid UTF-8", "POST", path, json, "{\"metadata\":{\"name\":\"\xff\xfe\"}}", 400, "UTF-8"},
      {"wrong type", "POST", path, json, R"({"metadata":{"name":5}})", 400, "cannot unmarshal"},
      {"deep nesting", "POST", path, json, repeat("[", 100'000), 400, ""},
      {"deep objects", "POST", path, json, repeat("{\"a\":", 100'000), 400, ""},
      {"4 MB", "POST", path, json, std::string(4'000'000, ' '), 413, "too large"},
      {"duplicate keys", "POST", path + "?fieldValidation=Strict", json,
       R"({"metadata":{"name":"d"},"data":{"a":"1"},"data":{"b":"1"}})", 400, "duplicate field"},
      {"another kind", "POST", path, json,
       R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"x"}})", 400, ""},
      {"alias bomb", "POST", path, yaml, bomb, 400, ""},
      {"no YAML", "POST", path, yaml, "a: [1\nb: {", 400, "invalid YAML at line 2"},
      {"no protobuf", "POST", path, protobuf, "hello", 400, ""},
      {"cut protobuf", "POST", path, protobuf, std::string("k8s\0\x0a\x7f", 6), 400, ""},
      {"unknown media type", "POST", path, "text/html", "<x>", 415, ""},
      {"a patch that is none", "PATCH", path + "/kube-root-ca.crt", "application/json-patch+json",
       "{}", 400, ""},
      {"a patch of nothing there", "PATCH", path + "/kube-root-ca.crt",
       "application/json-patch+json", R"([{"op":"remove","path":"/no/where"}])", 422, ""},
      {"data beyond the bound", "POST", path, json,
       R"({"metadata":{"name":"big"},"data":{"k":")" + std::string(1'100'000, 'x') + "\"}}", 422,
       "Too long"},
  };
}

std::vector<Case> targets() {
  const std::string path = kConfigMaps;
  return {
      {"absurd selector", "GET", path + "?labelSelector=" + repeat("a%20in%20(", 500), "", "", 400,
       ""},
      {"field selector", "GET", path + "?fieldSelector=spec.x%3D1", "", "", 400, "field label"},
      {"forged continue", "GET", path + "?limit=1&continue=Zm9yZ2Vk", "", "", 400, "continue"},
      {"continue no base64", "GET", path + "?limit=1&continue=%21%21", "", "", 400, "continue"},
      {"limit no number", "GET", path + "?limit=x", "", "", 400, ""},
      {"version no number", "GET", path + "?resourceVersion=x", "", "", 400, ""},
      {"version of the future", "GET",
       path + "?resourceVersion=9000000000000000000&resourceVersionMatch=Exact", "", "", 504, ""},
      {"match without version", "GET", path + "?resourceVersionMatch=Exact", "", "", 422, ""},
      {"no resource", "GET", "/api/v1/namespaces/default/nothings", "", "", 404, "could not find"},
      {"dots", "GET", "/api/v1/namespaces/../../secrets", "", "", 404, ""},
      {"encoded slash", "GET", "/api/v1/namespaces/default%2Fconfigmaps", "", "", 404, ""},
      {"long path", "GET", "/" + repeat("a/", 10'000), "", "", 400, ""},
      {"method", "PUT", path, "application/json", config_map("x"), 405, ""},
      {"dry run of nobody's", "DELETE", path + "/kube-root-ca.crt?dryRun=Some", "", "", 422, ""},
      {"name with a slash", "DELETE", path + "/a%2Fb", "", "", 404, ""},
  };
}

// Sanitizers keep what was freed, and shadows of all of it.
#if defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

size_t resident_kib() {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    size_t kib = 0;
    if (word == "VmRSS:" && file >> kib) return kib;
  }
  return 0;
}

TEST_CASE("hostile: bodies and targets") {
  Cluster cluster;
  HttpClient client = cluster.client();
  const std::string before = must(client, 200, "GET", "/api/v1/configmaps");
  std::vector<Case> cases = bodies();
  for (Case& c : targets()) cases.push_back(std::move(c));
  for (const Case& c : cases) {
    testing::HttpHeaders headers;
    if (!c.type.empty()) headers.emplace_back("Content-Type", c.type);
    const HttpReply reply = client.request(c.method, c.path, c.body, headers);
    INFO(c.name << ": " << reply.error << reply.body.substr(0, 500));
    CHECK(reply.status == c.status);
    CHECK(at(reply.body, "kind") == "Status");
    CHECK(at(reply.body, "code") == std::to_string(c.status));
    CHECK(at(reply.body, "message").find(c.message) != std::string::npos);
  }
  const std::string after = must(client, 200, "GET", "/api/v1/configmaps");
  CHECK(after.substr(after.find("\"items\"")) == before.substr(before.find("\"items\"")));
}

TEST_CASE("hostile: memory is bounded") {
  Cluster cluster;
  HttpClient client = cluster.client();
  const std::vector<Case> cases = bodies();
  const auto all = [&] {
    for (const Case& c : cases) client.request("POST", c.path, c.body, {{"Content-Type", c.type}});
  };
  all();
  const size_t before = resident_kib();
  for (int i = 0; i < 10; ++i) all();
  CHECK((kSanitized || resident_kib() < before + 64 * 1024));
}

TEST_CASE("hostile: below HTTP") {
  Cluster cluster;
  const std::string head = "POST " + std::string(kConfigMaps) + " HTTP/1.1\r\nHost: a\r\n";
  struct Raw {
    const char* name;
    std::string bytes;
    const char* begins;
  };
  const Raw cases[] = {
      {"Content-Length against Transfer-Encoding",
       head + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 400 "},
      {"two lengths", head + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
       "HTTP/1.1 400 "},
      {"header flood", head + repeat("X: y\r\n", 20'000) + "\r\n", "HTTP/1.1 431 "},
      {"long header", head + "X: " + std::string(1'000'000, 'y') + "\r\n\r\n", "HTTP/1.1 431 "},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 "},
      {"no HTTP", "\x16\x03\x01\x02\r\n\r\n", "HTTP/1.1 400 "},
  };
  for (const Raw& c : cases) {
    INFO(c.name);
    HttpClient client = cluster.client();
    REQUIRE(client.send_raw(c.bytes));
    CHECK(client.read_until_close().starts_with(c.begins));
  }
  HttpClient half = cluster.client();
  REQUIRE(half.send_raw("GET /version HTTP/1.1\r\nHost: a\r\n\r\n"));
  half.shutdown_write();
  CHECK(half.read_reply().status == 200);

  std::vector<HttpClient> slow;  // heads and bodies that never end
  for (int i = 0; i < 100; ++i) {
    slow.push_back(cluster.client());
    REQUIRE(slow.back().send_raw(i % 2 ? head : head + "Content-Length: 100\r\n\r\n{"));
  }
  HttpClient client = cluster.client();
  must(client, 200, "GET", "/readyz");
  slow.clear();  // all go in the middle of what they had to say
  must(client, 200, "GET", "/readyz");
  while (cluster.stats().open > 1) std::this_thread::yield();
}

}  // namespace
}  // namespace kist::integration
