// The generated views.
#include <catch2/catch.hpp>

#include "kist_api_views.h"

using namespace kist::api;

TEST_CASE("a pod reads like the domain") {
  Json json = parse_json(R"({
    "metadata":{"name":"x","labels":{"a":"1","b":"2"},"ownerReferences":[{"uid":"u","controller":true}]},
    "spec":{"containers":[{"name":"c","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1"}}},
                          {"name":"d","args":["p","q"],"livenessProbe":{"httpGet":{"port":"web"}}}],
            "priority":0},
    "status":{"podIPs":[{"ip":"10.0.0.1"}],"hostIP":"h"}})")
                  .value();
  core_v1::Pod pod(json.root());

  CHECK(pod.metadata().name() == "x");
  CHECK(pod.metadata().namespace_().empty());
  CHECK(pod.metadata().labels()["b"] == "2");
  CHECK_FALSE(pod.metadata().labels().has("c"));
  CHECK(pod.metadata().owner_references()[0].controller() == true);
  CHECK(pod.metadata().owner_references()[0].block_owner_deletion() == std::nullopt);
  CHECK(pod.metadata().deletion_grace_period_seconds() == std::nullopt);
  CHECK(pod.spec().priority() == 0);
  CHECK(pod.status().pod_ips()[0].ip() == "10.0.0.1");
  CHECK(pod.status().host_ip() == "h");

  std::string names;
  for (core_v1::Container container : pod.spec().containers()) names += container.name();
  CHECK(names == "cd");
  CHECK(pod.spec().containers()[0].ports()[0].container_port() == 80);
  CHECK(pod.spec().containers()[0].resources().limits()["cpu"] == "1");
  CHECK(pod.spec().containers()[1].args().size() == 2);
  CHECK(view::text(pod.spec().containers()[1].liveness_probe().http_get().port()) == "web");

  std::string entries;
  for (auto [key, value] : pod.metadata().labels())
    entries += std::string(key) + std::string(value);
  CHECK(entries == "a1b2");
}

TEST_CASE("what is missing reads as empty") {
  core_v1::Pod nothing;
  CHECK_FALSE(nothing);
  CHECK_FALSE(nothing.spec().affinity().pod_affinity());
  CHECK(nothing.spec().containers().empty());
  for (core_v1::Container container : nothing.spec().containers()) FAIL(container.name());
  for (auto [key, value] : nothing.metadata().labels()) FAIL(key << value);
  CHECK(nothing.metadata().labels()["a"].empty());
  CHECK(nothing.metadata().generation() == 0);

  Json wrong = parse_json(R"({"metadata":[],"spec":{"containers":{},"priority":"x"}})").value();
  core_v1::Pod pod(wrong.root());
  CHECK(pod.metadata().name().empty());
  CHECK(pod.spec().containers().empty());
  CHECK(pod.spec().priority() == std::nullopt);
}
