// Whichever write of a controller fails, applied or not, the cluster becomes what it should be.
//
// Method: the nth write fails, for every n, until a run needs fewer writes than that.
#include <vector>

#include "tests/unit/controllers/cluster.h"

using namespace kist;
using controllers::testing::Cluster;

namespace {

constexpr std::string_view kWeb =
    "{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'web'},'spec':{'replicas':2,"
    "'selector':{'matchLabels':{'app':'web'}},"
    "'template':{'metadata':{'labels':{'app':'web'}},'spec':{'containers':[{'name':'c'}]}}}}";
constexpr std::string_view kWebPath = "/apis/apps/v1/namespaces/n/replicasets/web";
constexpr std::string_view kEndpointsPath = "/api/v1/namespaces/n/endpoints/web";
constexpr std::string_view kSlices = "/apis/discovery.k8s.io/v1/namespaces/n/endpointslices/";

std::string pod(const std::string& name, const std::string& ip = "") {
  return "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'" + name +
         "','labels':{'app':'web'}},'spec':{'containers':[{'name':'c'}]},'status':{" +
         (ip.empty() ? ""
                     : "'phase':'Running','podIP':'" + ip + "','podIPs':[{'ip':'" + ip +
                           "'}],'conditions':[{'type':'Ready','status':'True'}]") +
         "}}";
}

std::string map(const std::string& name, const std::string& owner = "") {
  return "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'" + name + "','uid':'" + name +
         "'" +
         (owner.empty() ? ""
                        : ",'ownerReferences':[{'apiVersion':'v1','kind':'ConfigMap','name':'" +
                              owner + "','uid':'" + owner + "','blockOwnerDeletion':true}]") +
         "}}";
}

void make(const Cluster& cluster, const client::ResourceId& resource, const std::string& text) {
  REQUIRE(cluster.create(resource, text).ok());
}

struct Step {
  void (*act)(const Cluster&);
  bool (*done)(const Cluster&);
};
struct Scenario {
  const char* name;
  size_t writes_min;  // fewer: the scenario does not do what it says
  std::vector<Step> steps;
};

const Step kDeleteNamespace = {
    [](const Cluster& c) {
      REQUIRE(c.create(client::kNamespaces,
                       "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n'},"
                       "'spec':{'finalizers':['kubernetes']},'status':{'phase':'Active'}}",
                       "")
                  .ok());
      for (const char* name : {"a", "b"}) {
        make(c, client::kPods, pod(name));
        make(c, client::kConfigMaps, map(name));
      }
      REQUIRE(c.api_client.remove(client::kNamespaces, "", "n").ok());
    },
    [](const Cluster& c) {
      return !c.there("/api/v1/namespaces/n") && c.count("/api/v1/namespaces/n/pods/") == 0 &&
             c.count("/api/v1/namespaces/n/configmaps/") == 0;
    }};

template <int kPolicy>
const Step kDeleteChain = {
    [](const Cluster& c) {
      make(c, client::kConfigMaps, map("a"));
      make(c, client::kConfigMaps, map("b", "a"));
      make(c, client::kConfigMaps, map("c", "b"));
      make(c, client::kConfigMaps, map("d", "b"));
      constexpr const char* kPolicies[] = {"Background", "Foreground"};
      REQUIRE(c.api_client
                  .remove(client::kConfigMaps, "n", "a", {.propagation_policy = kPolicies[kPolicy]})
                  .ok());
    },
    [](const Cluster& c) { return c.count("/api/v1/namespaces/n/configmaps/") == 0; }};

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kAll = {
      {"replicaset: adopts one, makes one, loses one",
       5,
       {{[](const Cluster& c) {
           make(c, client::kPods, pod("orphan"));
           make(c, client::kReplicaSets, std::string(kWeb));
         },
         [](const Cluster& c) {
           return c.count("/api/v1/namespaces/n/pods/") == 2 &&
                  c.says(kWebPath, "'replicas':2,'") &&
                  c.says("/api/v1/namespaces/n/pods/orphan", "'name':'web'");
         }},
        {[](const Cluster& c) { REQUIRE(c.patch(kWebPath, "{'spec':{'replicas':1}}").ok()); },
         [](const Cluster& c) {
           return c.count("/api/v1/namespaces/n/pods/") == 1 &&
                  c.says(kWebPath, "'status':{'replicas':1");
         }}}},
      {"namespace", 3, {kDeleteNamespace}},
      {"garbage collector: background", 3, {kDeleteChain<0>}},
      {"garbage collector: foreground", 5, {kDeleteChain<1>}},
      {"endpoints and endpoint slices",
       4,
       {{[](const Cluster& c) {
           make(c, client::kPods, pod("a", "10.0.0.1"));
           make(c, client::kPods, pod("b", "10.0.0.2"));
           make(c, client::kServices,
                "{'apiVersion':'v1','kind':'Service','metadata':{'name':'web'},'spec':{"
                "'selector':{'app':'web'},'ports':[{'port':80,'protocol':'TCP'}]}}");
         },
         [](const Cluster& c) {
           const auto slices = c.fake.list(std::string(kSlices));
           return slices.size() == 1 && c.says(slices[0], "10.0.0.1") &&
                  c.says(slices[0], "10.0.0.2") && c.says(kEndpointsPath, "10.0.0.1") &&
                  c.says(kEndpointsPath, "10.0.0.2");
         }},
        {[](const Cluster& c) { REQUIRE(c.api_client.remove(client::kPods, "n", "a").ok()); },
         [](const Cluster& c) {
           const auto slices = c.fake.list(std::string(kSlices));
           return slices.size() == 1 && !c.says(slices[0], "10.0.0.1") &&
                  c.says(slices[0], "10.0.0.2") && !c.says(kEndpointsPath, "10.0.0.1") &&
                  c.says(kEndpointsPath, "10.0.0.2");
         }},
        {[](const Cluster& c) { REQUIRE(c.api_client.remove(client::kServices, "n", "web").ok()); },
         [](const Cluster& c) {
           return c.fake.list(std::string(kSlices)).empty() && !c.there(kEndpointsPath);
         }}}},
  };
  return kAll;
}

// Runs it with the nth write failing. False: there was no nth write.
bool run(const Scenario& scenario, int nth, bool applied) {
  Cluster cluster;
  cluster.fake.fail_write(nth, applied);
  for (size_t i = 0; i < scenario.steps.size(); ++i) {
    INFO("step " << i);
    scenario.steps[i].act(cluster);
    REQUIRE(cluster.eventually([&] { return scenario.steps[i].done(cluster); }));
  }
  // It stays so: nothing that was still under way undoes it.
  REQUIRE(cluster.settled());
  CHECK(scenario.steps.back().done(cluster));
  return cluster.fake.failed();
}

}  // namespace

TEST_CASE("faults: each controller converges whichever write fails, applied or not") {
  for (const Scenario& scenario : scenarios())
    for (const bool applied : {false, true}) {
      int nth = 1;
      for (;; ++nth) {
        INFO(scenario.name << ": failing write " << nth << (applied ? " after" : " before")
                           << " it is done");
        REQUIRE(nth < 100);
        if (!run(scenario, nth, applied)) break;
      }
      CHECK(nth > static_cast<int>(scenario.writes_min));
    }
}
