// Adoption and release, of pods by ReplicaSets and of ReplicaSets by Deployments.
#include "tests/unit/controllers/cluster.h"

using namespace kist;
using namespace kist::controllers::testing;

namespace {

std::string replica_set(const std::string& name, const std::string& metadata = "") {
  return "{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'" + name + "','uid':'" +
         name + "-uid','labels':{'app':'web'}" + metadata +
         "},'spec':{'replicas':1,'selector':{'matchLabels':{'app':'web'}},"
         "'template':{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c'}]}}}}";
}

const std::string kPodPath = std::string(kPodsOfN) + "p";

std::string pod(const std::string& metadata, const std::string& phase = "Running") {
  return "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'p'" + metadata +
         "},'spec':{'containers':[{'name':'c'}]},'status':{'phase':'" + phase + "'}}";
}

}  // namespace

TEST_CASE("adoption: which pods a ReplicaSet takes") {
  struct Case {
    const char *name, *metadata, *phase;
    bool deleted;  // the pod is on its way out
    bool adopted;
  };
  const Case cases[] = {
      {"an orphan that matches", ",'labels':{'app':'web'}", "Running", false, true},
      {"other labels", ",'labels':{'app':'db'}", "Running", false, false},
      {"another's",
       ",'labels':{'app':'web'},'ownerReferences':[{'apiVersion':'batch/v1','kind':'Job',"
       "'name':'j','uid':'j','controller':true}]",
       "Running", false, false},
      {"owned, controlled by nobody",
       ",'labels':{'app':'web'},'ownerReferences':[{'apiVersion':'batch/v1','kind':'Job',"
       "'name':'j','uid':'j'}]",
       "Running", false, true},
      {"at its end", ",'labels':{'app':'web'}", "Succeeded", false, false},
      {"on its way out", ",'labels':{'app':'web'},'finalizers':['example.com/hold']", "Running",
       true, false},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Cluster cluster;
    REQUIRE(cluster.create(client::kPods, pod(c.metadata, c.phase)).ok());
    if (c.deleted) REQUIRE(cluster.api_client.remove(client::kPods, "n", "p").ok());
    REQUIRE(cluster.create(client::kReplicaSets, replica_set("web")).ok());
    REQUIRE(cluster.settled());
    CHECK(cluster.says(kPodPath, "'uid':'web-uid'") == c.adopted);
    CHECK(cluster.count(kPodsOfN) == (c.adopted ? 1u : 2u));
  }
}

TEST_CASE("adoption: a ReplicaSet that goes takes nothing on and lets nothing off") {
  Cluster cluster;
  REQUIRE(
      cluster.create(client::kReplicaSets, replica_set("web", ",'finalizers':['example.com/hold']"))
          .ok());
  REQUIRE(cluster.settled());
  REQUIRE(cluster.count(kPodsOfN) == 1);
  const std::string own = cluster.fake.list(std::string(kPodsOfN)).at(0);
  REQUIRE(cluster.api_client.remove(client::kReplicaSets, "n", "web").ok());
  REQUIRE(cluster.create(client::kPods, pod(",'labels':{'app':'web'}")).ok());
  REQUIRE(cluster.patch(own, "{'metadata':{'labels':{'app':'db'}}}").ok());
  REQUIRE(cluster.settled());
  CHECK_FALSE(cluster.says(kPodPath, "web-uid"));
  CHECK(cluster.says(own, "web-uid"));
}

TEST_CASE("adoption: a pod that no longer matches is released, and replaced") {
  Cluster cluster;
  REQUIRE(cluster.create(client::kReplicaSets, replica_set("web")).ok());
  REQUIRE(cluster.settled());
  const std::string first = cluster.fake.list(std::string(kPodsOfN)).at(0);
  REQUIRE(cluster.patch(first, "{'metadata':{'labels':{'app':'debug'}}}").ok());
  CHECK(cluster.eventually([&] { return cluster.count(kPodsOfN) == 2; }));
  REQUIRE(cluster.settled());
  CHECK(cluster.says(first, "'ownerReferences':[]"));
  // It matches again: there is one too many now, and one goes.
  REQUIRE(cluster.patch(first, "{'metadata':{'labels':{'app':'web'}}}").ok());
  CHECK(cluster.eventually([&] { return cluster.count(kPodsOfN) == 1; }));
}

TEST_CASE("adoption: a Deployment takes the ReplicaSet of its template, and lets it off") {
  Cluster cluster;
  const std::string set = std::string(kSetsOfN) + "old";
  REQUIRE(cluster.create(client::kReplicaSets, replica_set("old")).ok());
  REQUIRE(cluster
              .create(client::kDeployments,
                      "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web','uid':"
                      "'d'},'spec':{'replicas':1,'selector':{'matchLabels':{'app':'web'}},"
                      "'strategy':{'type':'Recreate'},'template':{'metadata':{'labels':{'app':'web'"
                      "}},'spec':{'containers':[{'name':'c'}]}}}}")
              .ok());
  REQUIRE(cluster.eventually([&] { return cluster.says(set, "'uid':'d'"); }));
  REQUIRE(cluster.settled());
  CHECK(cluster.count(kSetsOfN) == 1);
  REQUIRE(cluster.patch(set, "{'metadata':{'labels':{'app':'db'}}}").ok());
  CHECK(cluster.eventually([&] { return cluster.says(set, "'ownerReferences':[]"); }));
  CHECK(cluster.eventually([&] { return cluster.count(kSetsOfN) == 2; }));
}
