// The tables: that lookups find what is there, and that what others rely on is in them.
#include "kist/api/schema.h"

#include <catch2/catch.hpp>
#include <string>

using namespace kist::api;

TEST_CASE("every type and kind is found by its name") {
  CHECK(all_types().size() > 250);
  for (const Type* type : all_types()) {
    INFO(type->name);
    CHECK(find_type(type->name) == type);
    for (const Field* member : type->members) CHECK(type->find(member->name) == member);
    for (const Field& field : type->fields) {
      if (field.number != 0) CHECK(type->find_number(field.number) == &field);
    }
  }
  for (const Kind& kind : all_kinds()) {
    CHECK(find_kind(kind.group, kind.version, kind.kind) == &kind);
  }
  CHECK(find_type("io.k8s.api.core.v1.Nothing") == nullptr);
  CHECK(find_kind("", "v1", "Nothing") == nullptr);
}

TEST_CASE("kinds that issue 2 serves") {
  const char* rows[][3] = {{"", "v1", "Pod"},
                           {"", "v1", "PodTemplate"},
                           {"apps", "v1", "ReplicaSet"},
                           {"apps", "v1", "Deployment"},
                           {"apps", "v1", "ControllerRevision"},
                           {"", "v1", "Service"},
                           {"", "v1", "Endpoints"},
                           {"discovery.k8s.io", "v1", "EndpointSlice"},
                           {"", "v1", "ConfigMap"},
                           {"", "v1", "Secret"},
                           {"", "v1", "Namespace"},
                           {"", "v1", "Node"},
                           {"", "v1", "Event"},
                           {"events.k8s.io", "v1", "Event"},
                           {"", "v1", "ServiceAccount"},
                           {"coordination.k8s.io", "v1", "Lease"}};
  for (auto& [group, version, name] : rows) {
    INFO(group << "/" << name);
    const Kind* kind = find_kind(group, version, name);
    REQUIRE(kind != nullptr);
    REQUIRE(kind->list != nullptr);
    CHECK(kind->list->kind == std::string(name) + "List");
    CHECK(kind->type->find("metadata") != nullptr);
  }
  for (auto* name : {"Status", "DeleteOptions", "Table", "PartialObjectMetadata", "APIGroupList"}) {
    CHECK(find_kind("", "v1", name) != nullptr);
    CHECK(find_kind("meta.k8s.io", "v1", name) != nullptr);
  }
  CHECK(find_kind("autoscaling", "v1", "Scale") != nullptr);
  CHECK(find_kind("policy", "v1", "Eviction") != nullptr);
  CHECK(find_kind("authentication.k8s.io", "v1", "TokenRequest") != nullptr);
  CHECK(find_kind("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList") != nullptr);
}

TEST_CASE("what patches, defaults and decoders need of a field") {
  const Type* spec = find_type("io.k8s.api.core.v1.PodSpec");
  REQUIRE(spec != nullptr);
  CHECK(spec->go_name == "v1.PodSpec");
  CHECK(spec->find("hostnameOverride") == nullptr);  // 1.34

  const Field* containers = spec->find("containers");
  REQUIRE(containers != nullptr);
  CHECK(containers->shape == Shape::kList);
  CHECK(containers->list_type == ListType::kMap);
  CHECK(containers->merge_key == "name");
  CHECK(containers->has(kPatchMerge));
  CHECK(containers->has(kRequired));
  CHECK(containers->go_type == "[]v1.Container");
  CHECK(spec->find("restartPolicy")->default_json == "\"Always\"");
  CHECK(spec->find("overhead")->shape == Shape::kMap);
  CHECK(spec->find("overhead")->scalar == Scalar::kQuantity);

  const Field* ports = containers->type->find("ports");
  REQUIRE(ports->map_keys.size() == 2);
  CHECK(ports->map_keys[0] == "containerPort");

  // inline structs are one field in protobuf and many in JSON
  const Type* probe = find_type("io.k8s.api.core.v1.Probe");
  CHECK(probe->find("httpGet") != nullptr);
  CHECK(probe->find_number(1)->has(kInline));
  CHECK(probe->members[0]->name == "exec");
  CHECK(find_type("io.k8s.apimachinery.pkg.apis.meta.v1.APIResource")
            ->find("verbs")
            ->has(kListMessage));
}
