// Who asks and in which form: authentication, authorization, media types, tables, protobuf.
#include <catch2/catch.hpp>

#include "api_harness.h"
#include "kist/api/codec.h"

namespace kist {
namespace {

using test::Answer;
using test::ApiHarness;
using test::Ask;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kOne = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt";

std::vector<net::Header> accept(const std::string& types) { return {{"Accept", types}}; }

TEST_CASE("who may come in") {
  apiserver::Options options = ApiHarness::default_options();
  options.token_csv =
      "# token,user,uid,groups\n"
      "secret1,root,1,\"system:masters,others\"\n"
      "secret2,ann,2\n";
  ApiHarness api(options);
  REQUIRE(api.started().ok());
  const struct {
    const char* name;
    std::string token, path;
    int status;
    std::string message;
  } rows[] = {
      {"nobody, version", "", "/version", 200, ""},
      {"nobody, health", "", "/readyz", 200, ""},
      {"nobody, objects", "", kMaps, 403,
       "configmaps is forbidden: User \"system:anonymous\" cannot list resource \"configmaps\" in "
       "API group \"\" in the namespace \"default\""},
      {"nobody, metrics", "", "/metrics", 403,
       "forbidden: User \"system:anonymous\" cannot get path \"/metrics\""},
      {"nobody, discovery", "", "/apis", 403,
       "forbidden: User \"system:anonymous\" cannot get path \"/apis\""},
      {"a wrong token", "nope", kMaps, 401, "Unauthorized"},
      {"a wrong token, even for the version", "nope", "/version", 401, "Unauthorized"},
      {"a master", "secret1", kMaps, 200, ""},
      {"a user, discovery", "secret2", "/apis", 200, ""},
      {"a user, cluster scope", "secret2", "/api/v1/nodes", 403,
       "nodes is forbidden: User \"ann\" cannot list resource \"nodes\" in API group \"\" at the "
       "cluster scope"},
      {"a user, one deployment", "secret2", "/apis/apps/v1/namespaces/x/deployments/d", 403,
       "deployments.apps \"d\" is forbidden: User \"ann\" cannot get resource \"deployments\" in "
       "API group \"apps\" in the namespace \"x\""},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    Ask ask{"GET", row.path, "", {}, false};
    if (!row.token.empty()) ask.headers.push_back({"Authorization", "Bearer " + row.token});
    Answer answer = api.ask(ask);
    CHECK(answer.status == row.status);
    if (row.message.empty()) continue;
    CHECK(answer.at("message") == row.message);
    CHECK(answer.at("reason") == (row.status == 401 ? "Unauthorized" : "Forbidden"));
  }
  Answer mine = api.ask({"POST",
                         "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                         R"({"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}})",
                         {{"Authorization", "Bearer secret2"}},
                         false});
  CHECK(mine.status == 201);
  CHECK(mine.at("status.allowed") == "false");
}

TEST_CASE("openapi: the forms there are") {
  constexpr const char* kV2 = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  constexpr const char* kV3 = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf";
  const struct {
    const char* name;
    std::string path, accept;
    int status;
    std::string type;  // how the answer's begins
  } rows[] = {
      {"version 2, anything", "/openapi/v2", "*/*", 200, "application/json"},
      {"version 2, nothing said", "/openapi/v2", "", 200, "application/json"},
      {"version 2, protobuf", "/openapi/v2", kV2, 200,
       "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"},
      {"version 2, YAML", "/openapi/v2", "application/yaml", 406, "application/json"},
      {"version 3, JSON", "/openapi/v3/api/v1", "application/json", 200, "application/json"},
      {"version 3, protobuf rather than JSON", "/openapi/v3/api/v1",
       std::string(kV3) + ", application/json", 200, "application/json"},
      {"version 3, protobuf alone", "/openapi/v3/api/v1", kV3, 406, "application/json"},
      {"version 3, what there is", "/openapi/v3", "application/json, */*", 200, "application/json"},
  };
  ApiHarness api;
  REQUIRE(api.started().ok());
  for (const auto& row : rows) {
    INFO(row.name);
    Ask ask{"GET", row.path};
    if (!row.accept.empty()) ask.headers = accept(row.accept);
    Answer answer = api.ask(ask);
    CHECK(answer.status == row.status);
    CHECK(answer.header("Content-Type").starts_with(row.type));
  }
}

TEST_CASE("a token file that is wrong is refused at start") {
  apiserver::Options options = ApiHarness::default_options();
  options.token_csv = "good,a,1\nbad line\n";
  ApiHarness api(options);
  REQUIRE_FALSE(api.started().ok());
  CHECK(api.started().error().message.find("line 2") != std::string::npos);
}

TEST_CASE("what Accept chooses") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  const std::string table = ";as=Table;v=v1;g=meta.k8s.io";
  const struct {
    const char* name;
    std::string accept, kind, version, type;
  } rows[] = {
      {"nothing", "", "ConfigMap", "v1", "application/json"},
      {"anything", "*/*", "ConfigMap", "v1", "application/json"},
      {"a table", "application/json" + table, "Table", "meta.k8s.io/v1", "application/json"},
      {"kubectl's list",
       "application/json" + table +
           ",application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
           "application/json",
       "Table", "meta.k8s.io/v1", "application/json"},
      {"an old table", "application/json;as=Table;v=v1beta1;g=meta.k8s.io", "Table",
       "meta.k8s.io/v1beta1", "application/json"},
      {"a table nobody makes, then an object",
       "application/json;as=Table;v=v7;g=meta.k8s.io,application/json", "ConfigMap", "v1",
       "application/json"},
      {"metadata", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
       "PartialObjectMetadata", "meta.k8s.io/v1", "application/json"},
      {"quality decides", "application/json;q=0.5,application/json" + table + ";q=0.9", "Table",
       "meta.k8s.io/v1", "application/json"},
      {"unknown before known", "text/html,application/json;q=0.1", "ConfigMap", "v1",
       "application/json"},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    Answer answer = api.ask({"GET", kOne, "", accept(row.accept)});
    CHECK(answer.status == 200);
    CHECK(answer.at("kind") == row.kind);
    CHECK(answer.at("apiVersion") == row.version);
    CHECK(answer.header("Content-Type") == row.type);
  }
  Answer list = api.ask({"GET", kMaps, "", accept("application/json" + table)});
  CHECK(list.at("rows.0.cells.0") == "kube-root-ca.crt");
  CHECK(list.at("rows.0.object.kind") == "PartialObjectMetadata");
  CHECK(list.at("columnDefinitions.0.name") == "Name");
  Answer none = api.ask(
      {"GET", std::string(kMaps) + "?includeObject=None", "", accept("application/json" + table)});
  CHECK(none.at("rows.0.object") == "null");
  Answer partial =
      api.ask({"GET", kMaps, "",
               accept("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")});
  CHECK(partial.at("kind") == "PartialObjectMetadataList");
  CHECK(partial.at("items.0.kind") == "PartialObjectMetadata");
  Answer yaml = api.ask({"GET", kOne, "", accept("application/yaml")});
  CHECK(yaml.header("Content-Type") == "application/yaml");
  Result<api::Json> reread = api::parse_yaml(yaml.body);
  REQUIRE(reread.ok());
  CHECK(api::to_text(reread.value().root()) + "\n" == api.get(kOne).body);
}

TEST_CASE("protobuf both ways") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  const api::Type& type = *api::find_kind("", "v1", "ConfigMap")->type;
  Result<api::Json> object =
      api::parse_json(R"({"metadata":{"name":"pb","labels":{"a":"b"}},"data":{"k":"v"}})");
  REQUIRE(object.ok());
  std::string body =
      api::seal_envelope("v1", "ConfigMap", api::encode_protobuf(type, object.value().root()));
  Answer created = api.ask({"POST",
                            kMaps,
                            body,
                            {{"Content-Type", "application/vnd.kubernetes.protobuf"},
                             {"Accept", "application/vnd.kubernetes.protobuf"}}});
  REQUIRE(created.status == 201);
  CHECK(created.header("Content-Type") == "application/vnd.kubernetes.protobuf");
  Result<api::Envelope> envelope = api::open_envelope(created.body);
  REQUIRE(envelope.ok());
  CHECK(envelope.value().kind == "ConfigMap");
  Result<api::Json> decoded = api::decode_protobuf(type, envelope.value().raw);
  REQUIRE(decoded.ok());
  CHECK(api::text_of(*api::find(decoded.value().root(), "data"), "k") == "v");
  CHECK(api.get(std::string(kMaps) + "/pb").at("data.k") == "v");

  Answer list = api.ask({"GET", kMaps, "", accept("application/vnd.kubernetes.protobuf")});
  REQUIRE(api::open_envelope(list.body).ok());
  CHECK(api::open_envelope(list.body).value().kind == "ConfigMapList");
  const api::Type& list_type = *api::find_kind("", "v1", "ConfigMapList")->type;
  Result<api::Json> items =
      api::decode_protobuf(list_type, api::open_envelope(list.body).value().raw);
  REQUIRE(items.ok());
  CHECK(api::find(items.value().root(), "items")->Size() == 2);

  Answer missing = api.ask(
      {"GET", std::string(kMaps) + "/no", "", accept("application/vnd.kubernetes.protobuf")});
  CHECK(missing.status == 404);
  CHECK(api::open_envelope(missing.body).value().kind == "Status");

  for (const std::string& bad :
       {std::string("k8s"), std::string("k8s\0", 4), body.substr(0, body.size() - 3), "nope" + body,
        std::string(100, '\xff')}) {
    Answer refused =
        api.ask({"POST", kMaps, bad, {{"Content-Type", "application/vnd.kubernetes.protobuf"}}});
    CHECK(refused.status >= 400);
    CHECK(refused.status < 500);
  }
}

TEST_CASE("other routes") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  CHECK(api.get("/version").at("gitVersion") == "v1.33.4+kist");
  CHECK(api.get("/version").at("minor") == "33");
  CHECK(api.get("/healthz").body == "ok");
  CHECK(api.get("/livez").body == "ok");
  CHECK(api.get("/readyz/ping").body == "ok");
  std::string verbose = api.get("/readyz?verbose").body;
  CHECK(verbose.starts_with("[+]ping ok\n"));
  CHECK(verbose.ends_with("readyz check passed\n"));
  std::string metrics = api.get("/metrics").body;
  for (const char* name : {"apiserver_request_total{", "apiserver_request_duration_seconds_bucket{",
                           "apiserver_current_inflight_requests{",
                           "apiserver_storage_objects{resource=\"configmaps\"} 4",
                           "process_resident_memory_bytes ", "process_cpu_seconds_total "}) {
    INFO(name);
    CHECK(metrics.find(name) != std::string::npos);
  }
  CHECK(api.get("/").body.find("\"/apis/apps/v1\"") != std::string::npos);
  CHECK(api.get("/api").at("versions.0") == "v1");
}

TEST_CASE("long lists are compressed for those who ask") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  std::string big(60'000, 'x');
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(api.post(kMaps, std::string(R"({"metadata":{"name":")") + name + R"("},"data":{"k":")" +
                                big + R"("}})")
                .status == 201);
  }
  Answer packed = api.ask({"GET", kMaps, "", {{"Accept-Encoding", "gzip"}}});
  CHECK(packed.header("Content-Encoding") == "gzip");
  CHECK(packed.body.size() < 10'000);
  CHECK(api.get(kMaps).header("Content-Encoding").empty());
}

TEST_CASE("events are one store with two faces") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  Answer created = api.post(
      "/apis/events.k8s.io/v1/namespaces/default/events",
      R"({"metadata":{"name":"e"},"eventTime":"2026-01-01T00:00:00.000000Z","action":"A",)"
      R"("reason":"R","type":"Normal","note":"hello","reportingController":"c/d",)"
      R"("reportingInstance":"i","regarding":{"kind":"Pod","namespace":"default","name":"p"}})");
  INFO(created.body);
  REQUIRE(created.status == 201);
  CHECK(created.at("apiVersion") == "events.k8s.io/v1");
  CHECK(created.at("note") == "hello");
  Answer core = api.get("/api/v1/namespaces/default/events/e");
  CHECK(core.at("message") == "hello");
  CHECK(core.at("involvedObject.name") == "p");
  Answer old_face =
      api.get("/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dp");
  CHECK(old_face.at("items.0.metadata.name") == "e");
  Answer new_face = api.get("/apis/events.k8s.io/v1/events?fieldSelector=regarding.name%3Dp");
  CHECK(new_face.at("items.0.note") == "hello");
}

}  // namespace
}  // namespace kist
