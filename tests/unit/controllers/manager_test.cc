// All controllers against an API in memory: they converge, whichever write fails.
#include "tests/unit/controllers/cluster.h"

using namespace kist;

namespace {

constexpr std::string_view kDeployment = R"({"apiVersion":"apps/v1","kind":"Deployment",
  "metadata":{"name":"web","namespace":"n"},"spec":{"replicas":3,"progressDeadlineSeconds":600,
  "selector":{"matchLabels":{"app":"web"}},
  "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"}},
  "template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}})";

struct RolloutCluster : controllers::testing::Cluster {
  std::string deployment() const { return fake.get("/apis/apps/v1/namespaces/n/deployments/web"); }
  bool says(std::string_view text) const { return deployment().find(text) != std::string::npos; }
  size_t pods() const { return count("/api/v1/namespaces/n/pods/"); }
};

}  // namespace

TEST_CASE("controllers: a Deployment rolls out, updates and completes") {
  RolloutCluster cluster;
  REQUIRE(cluster.create(client::kDeployments, kDeployment).ok());
  REQUIRE(cluster.eventually([&] { return cluster.pods() == 3; }));
  cluster.make_ready();
  REQUIRE(cluster.eventually([&] { return cluster.says("NewReplicaSetAvailable"); }));
  CHECK(cluster.says(R"("deployment.kubernetes.io/revision":"1")"));
  REQUIRE(cluster.api_client
              .merge_patch(
                  client::kDeployments, "n", "web",
                  R"({"spec":{"template":{"spec":{"containers":[{"name":"c","image":"i:2"}]}}}})")
              .ok());
  REQUIRE(cluster.eventually([&] {
    cluster.make_ready();
    return cluster.says(R"("deployment.kubernetes.io/revision":"2")") && cluster.pods() == 3 &&
           cluster.says(R"("updatedReplicas":3)") && cluster.says(R"("availableReplicas":3)");
  }));
  CHECK(cluster.fake.list("/apis/apps/v1/namespaces/n/replicasets/").size() == 2);
}

TEST_CASE("controllers: converge whichever write fails, applied or not") {
  for (const bool applied : {false, true})
    for (int nth = 1;; ++nth) {
      INFO("failing write " << nth << (applied ? " after" : " before") << " it is done");
      REQUIRE(nth < 100);
      RolloutCluster cluster;
      cluster.fake.fail_write(nth, applied);
      REQUIRE(cluster.create(client::kDeployments, kDeployment).ok());
      REQUIRE(cluster.eventually([&] {
        cluster.make_ready();
        return cluster.pods() == 3 && cluster.says(R"("availableReplicas":3)");
      }));
      if (!cluster.fake.failed()) break;
    }
}

TEST_CASE("controllers: the three ways of deleting an owner") {
  struct Case {
    const char* policy;
    size_t pods_left;
  };
  for (const Case& c : {Case{"Background", 0}, Case{"Foreground", 0}, Case{"Orphan", 3}}) {
    INFO(c.policy);
    RolloutCluster cluster;
    REQUIRE(cluster.create(client::kDeployments, kDeployment).ok());
    REQUIRE(cluster.eventually([&] { return cluster.pods() == 3; }));
    const std::string set = cluster.fake.list("/apis/apps/v1/namespaces/n/replicasets/").at(0);
    REQUIRE(cluster.api_client
                .remove(client::kDeployments, "n", "web", {.propagation_policy = c.policy})
                .ok());
    REQUIRE(cluster.eventually(
        [&] { return cluster.deployment().empty() && cluster.pods() == c.pods_left; }));
    CHECK(cluster.fake.get(set).empty() == (c.pods_left == 0));
  }
}
