// The verbs, through the whole pipeline on a memory store.
#include <catch2/catch.hpp>

#include "api_harness.h"

namespace kist {
namespace {

using test::Answer;
using test::ApiHarness;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

std::string config_map(const std::string& name, const std::string& value) {
  return R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":")" + name +
         R"("},"data":{"k":")" + value + R"("}})";
}

TEST_CASE("api: start makes what every cluster has") {
  ApiHarness api;
  INFO((api.started().ok() ? "" : api.started().error().message));
  REQUIRE(api.started().ok());
  for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
    INFO(name);
    CHECK(api.get(std::string("/api/v1/namespaces/") + name).status == 200);
    std::string base = std::string("/api/v1/namespaces/") + name;
    CHECK(api.get(base + "/serviceaccounts/default").status == 200);
    CHECK(api.get(base + "/configmaps/kube-root-ca.crt").status == 200);
  }
  Answer service = api.get("/api/v1/namespaces/default/services/kubernetes");
  CHECK(service.at("spec.clusterIP") == "10.43.0.1");
  CHECK(api.get("/api/v1/namespaces/default/endpoints/kubernetes").status == 200);
  CHECK(api.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes").status ==
        200);
}

TEST_CASE("api: an object's life") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  Answer created = api.post(kMaps, config_map("a", "1"));
  INFO(created.body);
  REQUIRE(created.status == 201);
  CHECK(created.at("metadata.namespace") == "default");
  CHECK(created.at("metadata.uid").size() == 36);
  std::string revision = created.at("metadata.resourceVersion");
  CHECK(std::stoll(revision) > 0);

  Answer got = api.get(std::string(kMaps) + "/a");
  CHECK(got.status == 200);
  CHECK(got.body == created.body);

  Answer again = api.post(kMaps, config_map("a", "1"));
  CHECK(again.status == 409);
  CHECK(again.at("reason") == "AlreadyExists");
  CHECK(again.at("message") == "configmaps \"a\" already exists");

  Answer same = api.put(std::string(kMaps) + "/a", config_map("a", "1"));
  CHECK(same.status == 200);
  CHECK(same.at("metadata.resourceVersion") == revision);  // nothing to write

  Answer changed = api.put(std::string(kMaps) + "/a", config_map("a", "2"));
  CHECK(changed.status == 200);
  CHECK(changed.at("metadata.resourceVersion") != revision);
  CHECK(changed.at("metadata.uid") == created.at("metadata.uid"));

  Answer stale = api.put(std::string(kMaps) + "/a",
                         R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a",)"
                         R"("resourceVersion":")" +
                             revision + R"("}})");
  CHECK(stale.status == 409);
  CHECK(stale.at("message") ==
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please "
        "apply your changes to the latest version and try again");

  Answer removed = api.remove(std::string(kMaps) + "/a");
  CHECK(removed.status == 200);
  CHECK(removed.at("status") == "Success");
  CHECK(removed.at("details.name") == "a");
  CHECK(removed.at("details.kind") == "configmaps");

  Answer gone = api.get(std::string(kMaps) + "/a");
  CHECK(gone.status == 404);
  CHECK(gone.at("message") == "configmaps \"a\" not found");
  CHECK(gone.at("details.kind") == "configmaps");
  CHECK(gone.at("code") == "404");
}

TEST_CASE("api: lists and pages") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    REQUIRE(api.post(kMaps, config_map(name, "1")).status == 201);
  }
  Answer all = api.get(std::string(kMaps) + "?fieldSelector=metadata.name!=kube-root-ca.crt");
  CHECK(all.at("kind") == "ConfigMapList");
  CHECK(all.at("items.4.metadata.name") == "e");
  CHECK(all.at("items.5") == "<absent>");

  Answer first = api.get(std::string(kMaps) + "?limit=2");
  CHECK(first.at("items.1.metadata.name") == "b");
  CHECK(first.at("items.2") == "<absent>");
  CHECK(first.at("metadata.remainingItemCount") == "4");
  // What is written between the pages is not seen by them.
  REQUIRE(api.remove(std::string(kMaps) + "/c").status == 200);
  REQUIRE(api.post(kMaps, config_map("bb", "1")).status == 201);
  Answer second =
      api.get(std::string(kMaps) + "?limit=2&continue=" + first.at("metadata.continue"));
  CHECK(second.at("items.0.metadata.name") == "c");
  CHECK(second.at("items.1.metadata.name") == "d");
  CHECK(second.at("metadata.resourceVersion") == first.at("metadata.resourceVersion"));
  Answer third =
      api.get(std::string(kMaps) + "?limit=2&continue=" + second.at("metadata.continue"));
  CHECK(third.at("items.0.metadata.name") == "e");
  CHECK(third.at("metadata.continue") == "<absent>");

  Answer exact = api.get(std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=" +
                         first.at("metadata.resourceVersion"));
  CHECK(exact.at("items.2.metadata.name") == "c");
}

TEST_CASE("api: a watch tells what happens") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  auto watch = api.start({"GET", std::string(kMaps) + "?watch=1&labelSelector=x%3Dy"});
  REQUIRE(watch->wait_begun());
  CHECK(watch->status() == 200);
  REQUIRE(api.post(kMaps, config_map("other", "1")).status == 201);
  std::string labelled = R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","labels":)"
                         R"({"x":"y"}}})";
  REQUIRE(api.post(kMaps, labelled).status == 201);
  REQUIRE(api.put(std::string(kMaps) + "/a", config_map("a", "left the selection")).status == 200);
  REQUIRE(watch->wait_chunks(2));
  CHECK(watch->chunks()[0].starts_with(R"({"type":"ADDED","object":{"kind":"ConfigMap")"));
  CHECK(watch->chunks()[1].starts_with(R"({"type":"DELETED","object":{"kind":"ConfigMap")"));
  watch->hang_up();
}

TEST_CASE("api: a new namespace is usable at once") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  Answer created = api.post("/api/v1/namespaces",
                            R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":"n"}})");
  INFO(created.body);
  REQUIRE(created.status == 201);
  CHECK(api.get("/api/v1/namespaces/n/serviceaccounts/default").status == 200);
  CHECK(api.get("/api/v1/namespaces/n/configmaps/kube-root-ca.crt").status == 200);
  Answer removed = api.remove("/api/v1/namespaces/n");
  CHECK(removed.status == 200);
  CHECK(removed.at("status.phase") == "Terminating");
}

}  // namespace
}  // namespace kist
