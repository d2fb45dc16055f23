// Reading requests: paths, queries, media types, continue tokens' alphabet; wording Status.
#include <catch2/catch.hpp>

#include "src/apiserver/encode.h"
#include "src/apiserver/negotiation.h"
#include "src/apiserver/request_info.h"
#include "src/apiserver/status.h"

namespace kist::apiserver {
namespace {

TEST_CASE("request info: verb, resource and names of a path") {
  const struct {
    const char *method, *path, *query;
    const char *verb, *group, *version, *resource, *subresource, *namespace_name, *name;
  } rows[] = {
      {"GET", "/api/v1/pods", "", "list", "", "v1", "pods", "", "", ""},
      {"GET", "/api/v1/pods", "watch=true", "watch", "", "v1", "pods", "", "", ""},
      {"GET", "/api/v1/pods", "watch=0", "list", "", "v1", "pods", "", "", ""},
      {"GET", "/api/v1/watch/pods", "", "watch", "", "v1", "pods", "", "", ""},
      {"GET", "/api/v1/namespaces", "", "list", "", "v1", "namespaces", "", "", ""},
      {"GET", "/api/v1/namespaces/n", "", "get", "", "v1", "namespaces", "", "n", "n"},
      {"PUT", "/api/v1/namespaces/n/finalize", "", "update", "", "v1", "namespaces", "finalize",
       "n", "n"},
      {"GET", "/api/v1/namespaces/n/pods", "", "list", "", "v1", "pods", "", "n", ""},
      {"GET", "/api/v1/namespaces/n/status", "", "get", "", "v1", "namespaces", "status", "n", "n"},
      {"POST", "/apis/apps/v1/namespaces/n/deployments", "", "create", "apps", "v1", "deployments",
       "", "n", ""},
      {"PATCH", "/apis/apps/v1/namespaces/n/deployments/d/scale", "", "patch", "apps", "v1",
       "deployments", "scale", "n", "d"},
      {"DELETE", "/api/v1/namespaces/n/pods", "", "deletecollection", "", "v1", "pods", "", "n",
       ""},
      {"DELETE", "/api/v1/nodes/x", "", "delete", "", "v1", "nodes", "", "", "x"},
      {"GET", "/api/v1/nodes/a%20b/", "", "get", "", "v1", "nodes", "", "", "a b"},
  };
  for (const auto& row : rows) {
    INFO(row.method << " " << row.path << "?" << row.query);
    net::Request request;
    request.method = row.method;
    request.path = row.path;
    Result<Query> query = Query::parse(row.query);
    REQUIRE(query.ok());
    Result<RequestInfo> info = parse_request(request, query.value());
    REQUIRE(info.ok());
    CHECK(info.value().is_resource);
    CHECK(info.value().verb == row.verb);
    CHECK(info.value().group == row.group);
    CHECK(info.value().version == row.version);
    CHECK(info.value().resource == row.resource);
    CHECK(info.value().subresource == row.subresource);
    CHECK(info.value().namespace_name == row.namespace_name);
    CHECK(info.value().name == row.name);
  }
  for (const char* path : {"/", "/version", "/api", "/apis/apps", "/apis/apps/v1", "/api/v1/"}) {
    INFO(path);
    net::Request request;
    request.method = "GET";
    request.path = path;
    Result<RequestInfo> info = parse_request(request, Query());
    REQUIRE(info.ok());
    CHECK_FALSE(info.value().is_resource);
  }
}

TEST_CASE("query: decoded, first wins, bounded") {
  Result<Query> query = Query::parse("a=1&b=x%3Dy+z&a=2&c&&d=");
  REQUIRE(query.ok());
  CHECK(query.value().get("a") == "1");
  CHECK(query.value().all("a").size() == 2);
  CHECK(query.value().get("b") == "x=y z");
  CHECK(query.value().has("c"));
  CHECK(query.value().flag("c"));
  CHECK_FALSE(query.value().flag("e"));
  CHECK_FALSE(Query::parse("a=%").ok());
  CHECK_FALSE(Query::parse("a=%0").ok());
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "a&";
  CHECK_FALSE(Query::parse(many).ok());
}

TEST_CASE("media types: order of quality, then as written") {
  auto types = parse_media_types("a/b;q=0.2, C/D;q=1;x=\"y\" ,e/f;q=0,,g/h");
  REQUIRE(types.size() == 3);
  CHECK(types[0].type == "c/d");
  CHECK(types[0].parameter("x") == "y");
  CHECK(types[1].type == "g/h");
  CHECK(types[2].type == "a/b");
  CHECK(accepts_gzip("deflate, gzip;q=1.0"));
  CHECK_FALSE(accepts_gzip("gzip;q=0"));
  CHECK_FALSE(accepts_gzip("br"));
}

TEST_CASE("status: codes, reasons and whom a message is about") {
  CHECK(failure_text(not_found("deployments", "apps", "x"), {}) ==
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":)"
        R"("deployments.apps \"x\" not found","reason":"NotFound","details":{"name":"x",)"
        R"("group":"apps","kind":"deployments"},"code":404})");
  CHECK(failure_text({Code::kUnauthorized, "Unauthorized"}, {"a", "b", "c", "", 0}) ==
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":)"
        R"("Unauthorized","reason":"Unauthorized","code":401})");
  CHECK(success_text({"x", "apps", "deployments", "u", 0}) ==
        R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":)"
        R"({"name":"x","group":"apps","kind":"deployments","uid":"u"}})");
  CHECK(http_status(Code::kInvalid) == 422);
  CHECK(http_status(Code::kExpired) == 410);
  CHECK(http_status(Code::kTooManyRequests) == 429);
}

TEST_CASE("raw member: the text of a member at the top, whatever is inside others") {
  constexpr std::string_view kText =
      R"({"a":"metadata","b":{"metadata":1},"c":["x,}","\"metadata\":"],"metadata":{"n":"}"},"z":0})";
  CHECK(raw_member(kText, "metadata") == R"({"n":"}"})");
  CHECK(raw_member(kText, "z") == "0");
  CHECK(raw_member(kText, "a") == "\"metadata\"");
  CHECK(raw_member(kText, "nope").empty());
  CHECK(raw_member("{", "a").empty());
  CHECK(raw_member("{}", "a").empty());
}

}  // namespace
}  // namespace kist::apiserver
