// The end of a namespace: what its conditions say, and what it waits for.
#include "src/controllers/namespace.h"

#include "tests/unit/controllers/cluster.h"
#include "tests/unit/controllers/pod_objects.h"

using namespace kist;
using namespace kist::controllers;
using namespace kist::controllers::testing;

namespace {

constexpr std::string_view kSpace = "/api/v1/namespaces/n";

void make_space(const Cluster& cluster, const std::string& metadata = "") {
  REQUIRE(cluster
              .create(client::kNamespaces,
                      "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n'" + metadata +
                          "},'spec':{'finalizers':['kubernetes']},'status':{'phase':'Active'}}",
                      "")
              .ok());
}

void make(const Cluster& cluster, const client::ResourceId& resource, const std::string& name,
          const std::string& finalizer = "") {
  REQUIRE(cluster
              .create(resource, "{'metadata':{'name':'" + name + "','finalizers':[" +
                                    (finalizer.empty() ? "" : "'" + finalizer + "'") +
                                    "]},'spec':{}}")
              .ok());
}

struct Told {
  std::string status, reason, message;
};
Told told(const Value& status, std::string_view type) {
  const Value& condition = condition_of(status, type);
  return {std::string(api::text_of(condition, "status")),
          std::string(api::text_of(condition, "reason")),
          std::string(api::text_of(condition, "message"))};
}

}  // namespace

TEST_CASE("namespace: conditions tell what a pass found") {
  struct Case {
    const char* name;
    NamespaceContent content;
    const char *type, *status, *reason, *message;
  };
  const Case cases[] = {
      {"nothing left",
       {},
       "NamespaceContentRemaining",
       "False",
       "ContentRemoved",
       "All content successfully removed"},
      {"no finalizers",
       {},
       "NamespaceFinalizersRemaining",
       "False",
       "ContentHasNoFinalizers",
       "All content-preserving finalizers finished"},
      {"all could be deleted",
       {},
       "NamespaceDeletionContentFailure",
       "False",
       "ContentDeleted",
       "All content successfully deleted, may be waiting on finalization"},
      {"all was found",
       {},
       "NamespaceDeletionDiscoveryFailure",
       "False",
       "ResourcesDiscovered",
       "All resources successfully discovered"},
      {"versions are readable",
       {},
       "NamespaceDeletionGroupVersionParsingFailure",
       "False",
       "ParsedGroupVersions",
       "All legacy kube types successfully parsed"},
      {"some are left",
       {.remaining = {{"pods.", 2}, {"deployments.apps", 1}}},
       "NamespaceContentRemaining",
       "True",
       "SomeResourcesRemain",
       "Some resources are remaining: deployments.apps has 1 resource instances, pods. has 2 "
       "resource instances"},
      {"finalizers are left",
       {.finalizers = {{"b.io/x", 1}, {"a.io/x", 2}}},
       "NamespaceFinalizersRemaining",
       "True",
       "SomeFinalizersRemain",
       "Some content in the namespace has finalizers remaining: a.io/x in 2 resource instances, "
       "b.io/x in 1 resource instances"},
      {"two could not be deleted",
       {.deletion_errors = {"z failed", "a failed"}},
       "NamespaceDeletionContentFailure",
       "True",
       "ContentDeletionFailed",
       "Failed to delete all resource types, 2 remaining: a failed, z failed"},
      {"a version did not answer",
       {.discovery_error = "Discovery failed for some groups, 1 failing: no answer"},
       "NamespaceDeletionDiscoveryFailure",
       "True",
       "DiscoveryFailed",
       "Discovery failed for some groups, 1 failing: no answer"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Json status =
        namespace_status(json_of("{'status':{'phase':'Active'}}").root(), c.content, 9);
    CHECK(api::text_of(status.root(), "phase") == "Terminating");
    const Told found = told(status.root(), c.type);
    CHECK(found.status == c.status);
    CHECK(found.reason == c.reason);
    CHECK(found.message == c.message);
  }
}

TEST_CASE("namespace: a condition keeps its time until it turns") {
  const NamespaceContent two{.remaining = {{"pods.", 2}}}, one{.remaining = {{"pods.", 1}}};
  Json space = json_of("{}");
  const auto pass = [&](const NamespaceContent& content, int64_t now) {
    const Json status = namespace_status(space.root(), content, now);
    api::set(space.root(), "status", api::copy(status.root(), space.allocator()),
             space.allocator());
    return std::string(api::text_of(
        condition_of(status_of(space.root()), "NamespaceContentRemaining"), "lastTransitionTime"));
  };
  const std::string first = pass(two, 100);
  CHECK(pass(one, 200) == first);
  CHECK(pass({}, 300) != first);
  CHECK(elements(status_of(space.root()), "conditions").size() == 5);
}

TEST_CASE("namespace: says which finalizer holds it, and goes when that is gone") {
  Cluster cluster;
  make_space(cluster);
  make(cluster, client::kConfigMaps, "held", "example.com/hold");
  make(cluster, client::kConfigMaps, "free");
  REQUIRE(cluster.api_client.remove(client::kNamespaces, "", "n").ok());
  CHECK(cluster.eventually([&] {
    return cluster.says(kSpace,
                        "Some content in the namespace has finalizers remaining: "
                        "example.com/hold in 1 resource instances") &&
           cluster.says(kSpace,
                        "Some resources are remaining: configmaps. has 1 resource instances");
  }));
  CHECK(cluster.fake.list(std::string(kMapsOfN)) ==
        std::vector<std::string>{std::string(kMapsOfN) + "held"});
  REQUIRE(cluster.patch(std::string(kMapsOfN) + "held", "{'metadata':{'finalizers':[]}}").ok());
  CHECK(cluster.eventually([&] { return !cluster.there(kSpace); }));
}

TEST_CASE("namespace: pods go before what they use") {
  Cluster cluster;
  make_space(cluster);
  make(cluster, client::kPods, "p", "example.com/hold");
  make(cluster, client::kConfigMaps, "used");
  REQUIRE(cluster.api_client.remove(client::kNamespaces, "", "n").ok());
  CHECK(cluster.eventually([&] {
    return cluster.says(kSpace, "Some resources are remaining: pods. has 1 resource instances");
  }));
  CHECK(cluster.there(std::string(kMapsOfN) + "used"));
  REQUIRE(cluster.patch(std::string(kPodsOfN) + "p", "{'metadata':{'finalizers':[]}}").ok());
  CHECK(cluster.eventually([&] { return !cluster.there(kSpace); }));
  CHECK_FALSE(cluster.there(std::string(kMapsOfN) + "used"));
}

TEST_CASE("namespace: a version that does not answer holds the namespace, not its content") {
  Cluster cluster;
  make_space(cluster);
  make(cluster, client::kConfigMaps, "m");
  cluster.fake.refuse("/apis/apps/v1");
  REQUIRE(cluster.api_client.remove(client::kNamespaces, "", "n").ok());
  CHECK(cluster.eventually([&] {
    return cluster.says(kSpace,
                        "Discovery failed for some groups, 1 failing: unable to retrieve the "
                        "complete list of server APIs: apps/v1: no answer");
  }));
  CHECK(cluster.count(kMapsOfN) == 0);
  cluster.fake.refuse("");
  CHECK(cluster.eventually([&] { return !cluster.there(kSpace); }));
}

TEST_CASE("namespace: one that somebody else holds tells that nothing is left") {
  Cluster cluster;
  make_space(cluster, ",'finalizers':['example.com/hold']");
  make(cluster, client::kConfigMaps, "m");
  REQUIRE(cluster.api_client.remove(client::kNamespaces, "", "n").ok());
  CHECK(cluster.eventually([&] { return cluster.says(kSpace, "'finalizers':[]"); }));
  CHECK(cluster.says(kSpace, "All content successfully removed"));
  CHECK(cluster.says(kSpace, "'phase':'Terminating'"));
}
