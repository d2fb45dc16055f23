// Which pods a ReplicaSet makes and deletes, and what it says of them.
#include "src/controllers/replicaset.h"

#include "tests/unit/controllers/pod_objects.h"

using namespace kist;
using namespace kist::controllers;
using namespace kist::controllers::testing;

namespace {

constexpr int64_t kNow = 1'800'000'000;

const std::string kReady =
    "{'phase':'Running','conditions':[{'type':'Ready','status':'True','lastTransitionTime':"
    "'2026-01-01T00:00:00Z'}]}";

std::vector<std::string> names(const client::ObjectList& pods) {
  std::vector<std::string> all;
  for (const client::ObjectPtr& pod : pods) all.emplace_back(pod->name);
  return all;
}

}  // namespace

TEST_CASE("replicaset: how many") {
  const client::ObjectPtr a = pod_of({"a", "{}", kReady});
  const client::ObjectPtr going = pod_of({"b", "{}", kReady}, true);
  const client::ObjectPtr failed = pod_of({"c", "{}", "{'phase':'Failed'}"});
  struct Case {
    const char* name;
    int64_t wanted;
    client::ObjectList owned;
    int64_t create;
    std::vector<std::string> remove;
  };
  const Case cases[] = {
      {"none yet", 3, {}, 3, {}},
      {"enough", 1, {a}, 0, {}},
      {"one that goes counts for nothing", 1, {going}, 1, {}},
      {"one that failed counts for nothing", 1, {failed}, 1, {}},
      {"to nothing", 0, {a}, 0, {"a"}},
      {"a burst is bounded", 9000, {}, kReplicaBurstMax, {}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const ReplicaPlan plan = plan_replicas(c.wanted, c.owned, c.owned, kNow);
    CHECK(plan.create == c.create);
    CHECK(names(plan.remove) == c.remove);
  }
}

TEST_CASE("replicaset: who goes first") {
  const std::string node = "{'nodeName':'n1'}", other = "{'nodeName':'n2'}";
  const std::string cheap = "{'annotations':{'controller.kubernetes.io/pod-deletion-cost':'-5'}}";
  const std::string restarted =
      kReady.substr(0, kReady.size() - 1) + ",'containerStatuses':[{'restartCount':4}]}";
  struct Case {
    const char* name;
    client::ObjectPtr goes, stays;
  };
  const Case cases[] = {
      {"without a node", pod_of({"z", "{}", kReady}), pod_of({"a", node, "{'phase':'Pending'}"})},
      {"pending", pod_of({"z", node, "{'phase':'Pending'}"}), pod_of({"a", node, kReady})},
      {"not ready", pod_of({"z", node, "{'phase':'Running'}"}), pod_of({"a", node, kReady})},
      {"cheap", pod_of({"z", node, kReady, cheap}), pod_of({"a", node, kReady})},
      {"restarted often", pod_of({"z", node, restarted}), pod_of({"a", node, kReady})},
      {"young", pod_of({"z", node, kReady}, false, kNow - 1), pod_of({"a", node, kReady})},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(names(plan_replicas(1, {c.stays, c.goes}, {}, kNow).remove) ==
          std::vector<std::string>{std::string(c.goes->name)});
  }
  // Of three alike, one of the two on the same node.
  const client::ObjectList pods = {pod_of({"a", other, kReady}), pod_of({"b", node, kReady}),
                                   pod_of({"c", node, kReady})};
  CHECK(names(plan_replicas(2, pods, pods, kNow).remove) == std::vector<std::string>{"b"});
}

TEST_CASE("replicaset: status") {
  const Json set = json_of(
      "{'metadata':{'generation':3},'spec':{'minReadySeconds':10,'template':{'metadata':{'labels':"
      "{'app':'web','tier':'x'}}}},'status':{'replicas':9}}");
  std::string fresh = kReady;
  fresh.replace(fresh.find("2026"), 4, "2027");  // 2027-01-15 is `kNow`
  const client::ObjectList pods = {pod_of({"a", "{}", kReady}), pod_of({"b", "{}", "{}"}),
                                   pod_of({"c", "{}", kReady}, true)};
  CHECK(api::to_text(replica_status(set.root(), pods, nullptr, kNow).root()) ==
        R"({"replicas":2,"readyReplicas":1,"availableReplicas":1,"observedGeneration":3})");
  CHECK(
      api::to_text(replica_status(set.root(), {pod_of({"a", "{}", fresh})}, nullptr, 1'798'761'605)
                       .root()) == R"({"replicas":1,"readyReplicas":1,"observedGeneration":3})");
  const ReplicaFailure failure{"FailedCreate", "no"}, none;
  const Json failed = replica_status(set.root(), {}, &failure, kNow);
  const Value& condition = condition_of(failed.root(), "ReplicaFailure");
  CHECK(api::text_of(condition, "reason") == "FailedCreate");
  CHECK(api::text_of(condition, "message") == "no");
  Json after = copy_of(set.root());
  api::set(after.root(), "status", api::copy(failed.root(), after.allocator()), after.allocator());
  CHECK(elements(replica_status(after.root(), {}, nullptr, kNow).root(), "conditions").size() == 1);
  CHECK(elements(replica_status(after.root(), {}, &none, kNow).root(), "conditions").empty());
}
