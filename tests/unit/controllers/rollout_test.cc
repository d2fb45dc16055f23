// Deployments that are paused or whose ReplicaSet's name is taken, and the names of pods behind a
// headless Service: through whole passes.
#include "tests/unit/controllers/cluster.h"

using namespace kist;
using namespace kist::controllers::testing;

namespace {

constexpr std::string_view kWeb = "/apis/apps/v1/namespaces/n/deployments/web";

std::string deployment(const std::string& spec = "") {
  return "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web'},'spec':{"
         "'replicas':2,'progressDeadlineSeconds':600" +
         spec +
         ",'selector':{'matchLabels':{'app':'web'}},'strategy':{'type':'RollingUpdate',"
         "'rollingUpdate':{'maxSurge':1,'maxUnavailable':0}},'template':{'metadata':{"
         "'labels':{'app':'web'}},'spec':{'containers':[{'name':'c','image':'i:1'}]}}}}";
}

constexpr std::string_view kNextImage =
    "{'spec':{'template':{'spec':{'containers':[{'name':'c','image':'i:2'}]}}}}";

bool rolled_out(const Cluster& cluster) {
  cluster.make_ready();
  return cluster.says(kWeb, "NewReplicaSetAvailable");
}

}  // namespace

TEST_CASE("rollout: a Deployment that begins paused makes nothing until it is resumed") {
  Cluster cluster;
  REQUIRE(cluster.create(client::kDeployments, deployment(",'paused':true")).ok());
  CHECK(cluster.eventually([&] { return cluster.says(kWeb, "'reason':'DeploymentPaused'"); }));
  REQUIRE(cluster.settled());
  CHECK(cluster.count(kSetsOfN) == 0);
  REQUIRE(cluster.patch(kWeb, "{'spec':{'paused':null}}").ok());
  CHECK(cluster.eventually([&] { return rolled_out(cluster); }));
  CHECK(cluster.count(kPodsOfN) == 2);
}

TEST_CASE("rollout: paused, a new template waits and a new size does not") {
  Cluster cluster;
  REQUIRE(cluster.create(client::kDeployments, deployment()).ok());
  REQUIRE(cluster.eventually([&] { return rolled_out(cluster); }));
  REQUIRE(cluster.patch(kWeb, "{'spec':{'paused':true}}").ok());
  REQUIRE(cluster.patch(kWeb, kNextImage).ok());
  REQUIRE(cluster.patch(kWeb, "{'spec':{'replicas':3}}").ok());
  CHECK(cluster.eventually([&] { return cluster.count(kPodsOfN) == 3; }));
  REQUIRE(cluster.settled());
  CHECK(cluster.count(kSetsOfN) == 1);
  CHECK(cluster.says(kWeb, "'message':'Deployment is paused'"));
  REQUIRE(cluster.patch(kWeb, "{'spec':{'paused':null}}").ok());
  CHECK(cluster.eventually([&] {
    cluster.make_ready();
    return cluster.count(kSetsOfN) == 2 && cluster.says(kWeb, "'updatedReplicas':3") &&
           cluster.says(kWeb, "'availableReplicas':3") && cluster.count(kPodsOfN) == 3;
  }));
}

TEST_CASE("rollout: another's ReplicaSet has the name") {
  std::string taken;  // the name that this template gets
  {
    Cluster cluster;
    REQUIRE(cluster.create(client::kDeployments, deployment()).ok());
    REQUIRE(cluster.eventually([&] { return cluster.count(kSetsOfN) == 1; }));
    taken = cluster.fake.list(std::string(kSetsOfN)).at(0);
  }
  Cluster cluster;
  REQUIRE(cluster
              .create(client::kReplicaSets,
                      "{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'" +
                          taken.substr(kSetsOfN.size()) +
                          "','labels':{'app':'db'}},'spec':{'replicas':0,'selector':{'matchLabels':"
                          "{'app':'db'}},'template':{'metadata':{'labels':{'app':'db'}},"
                          "'spec':{}}}}")
              .ok());
  REQUIRE(cluster.create(client::kDeployments, deployment()).ok());
  CHECK(cluster.eventually([&] { return rolled_out(cluster); }));
  CHECK(cluster.says(kWeb, "'collisionCount':1"));
  CHECK(cluster.count(kSetsOfN) == 2);
  CHECK(cluster.says(taken, "'app':'db'"));
  CHECK_FALSE(cluster.says(taken, "ownerReferences"));
}

TEST_CASE("headless services: pods have their hostnames in Endpoints and slices") {
  struct Case {
    const char *name, *cluster_ip, *subdomain;
    bool named, headless;
  };
  const Case cases[] = {
      {"headless", "None", "web", true, true},
      {"another subdomain", "None", "db", false, true},
      {"with an address of its own", "10.43.0.9", "web", true, false},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Cluster cluster;
    REQUIRE(cluster
                .create(client::kPods,
                        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p','labels':{'app':"
                        "'web'}},'spec':{'hostname':'first','subdomain':'" +
                            std::string(c.subdomain) + "'}}")
                .ok());
    cluster.make_ready();
    REQUIRE(cluster
                .create(client::kServices,
                        "{'apiVersion':'v1','kind':'Service','metadata':{'name':'web'},'spec':{"
                        "'clusterIP':'" +
                            std::string(c.cluster_ip) +
                            "','selector':{'app':'web'},'ports':[{'port':80,'protocol':'TCP'}]}}")
                .ok());
    const std::string endpoints = "/api/v1/namespaces/n/endpoints/web";
    const std::string slices = "/apis/discovery.k8s.io/v1/namespaces/n/endpointslices/";
    REQUIRE(cluster.eventually(
        [&] { return cluster.says(endpoints, "10.42.0.1") && cluster.count(slices) == 1; }));
    for (const std::string& path : {endpoints, cluster.fake.list(slices).at(0)}) {
      CHECK(cluster.says(path, "'hostname':'first'") == c.named);
      CHECK(cluster.says(path, "service.kubernetes.io/headless") == c.headless);
    }
  }
}
