// The Deployment controller's decisions, a row each.
#include "src/controllers/deployment_plan.h"

#include <catch2/catch.hpp>

#include "src/controllers/deployment_revision.h"
#include "tests/unit/controllers/pod_objects.h"

using namespace kist;
using namespace kist::controllers;
using namespace kist::controllers::testing;

namespace {

constexpr int64_t kNow = 1'800'000'000;

Json deployment_of(const std::string& spec, const std::string& status = "{}") {
  return json_of(
      "{'apiVersion':'apps/v1','kind':'Deployment','metadata':{'name':'web','namespace':"
      "'n','uid':'u','generation':2},'spec':" +
      spec + ",'status':" + status + "}");
}

SetView set(const char* name, int64_t replicas, int64_t available, int64_t created = 0) {
  SetView view;
  view.name = name;
  view.replicas = view.actual = replicas;
  view.ready = view.available = available;
  view.created_seconds = created;
  return view;
}

DeploymentView rolling(int64_t replicas, int64_t surge, int64_t unavailable) {
  DeploymentView view;
  view.name = "web";
  view.replicas = replicas;
  view.max_surge = surge;
  view.max_unavailable = unavailable;
  return view;
}

}  // namespace

TEST_CASE("deployment: what percentages come to") {
  struct Case {
    const char *name, *spec;
    int64_t surge, unavailable;
  };
  const Case cases[] = {
      {"surge up, unavailable down",
       "{'replicas':10,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'25%',"
       "'maxUnavailable':'25%'}}}",
       3, 2},
      {"numbers as they are",
       "{'replicas':10,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':4,"
       "'maxUnavailable':1}}}",
       4, 1},
      {"both nothing: one may be unavailable, else no rollout moves",
       "{'replicas':3,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':0,"
       "'maxUnavailable':'10%'}}}",
       0, 1},
      {"not more than there are",
       "{'replicas':2,'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':1,"
       "'maxUnavailable':5}}}",
       1, 2},
      {"Recreate has none", "{'replicas':2,'strategy':{'type':'Recreate'}}", 0, 0},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Json json = deployment_of(c.spec);
    const DeploymentView view = view_deployment(json.root());
    CHECK(view.max_surge == c.surge);
    CHECK(view.max_unavailable == c.unavailable);
  }
}

TEST_CASE("deployment: one step of a rolling update") {
  struct Case {
    const char* name;
    DeploymentView deployment;
    std::vector<SetView> sets;
    int new_set;
    Sizes wanted;
  };
  const Case cases[] = {
      {"the new set grows by the surge",
       rolling(10, 3, 2),
       {set("old", 10, 10), set("new", 0, 0)},
       1,
       {10, 3}},
      {"old ones shrink to what must be available",
       rolling(10, 3, 2),
       {set("old", 10, 10), set("new", 3, 0)},
       1,
       {8, 3}},
      {"what is not ready goes first",
       rolling(10, 3, 2),
       {set("sick", 4, 0, 1), set("old", 6, 6, 2), set("new", 3, 0, 3)},
       2,
       {2, 6, 3}},
      {"the oldest set shrinks before younger ones",
       rolling(4, 1, 0),
       {set("older", 2, 2, 1), set("younger", 2, 2, 2), set("new", 1, 1, 3)},
       2,
       {1, 2, 1}},
      {"nothing moves while the new pods are not available",
       rolling(2, 1, 0),
       {set("old", 2, 2), set("new", 1, 0)},
       1,
       {2, 1}},
      {"the last old one goes", rolling(2, 1, 0), {set("old", 1, 1), set("new", 2, 2)}, 1, {0, 2}},
      {"a new set that is too big shrinks", rolling(2, 1, 0), {set("new", 5, 5)}, 0, {2}},
      {"done", rolling(2, 1, 0), {set("old", 0, 0), set("new", 2, 2)}, 1, {0, 2}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(plan_rolling(c.deployment, c.sets, c.new_set) == c.wanted);
  }
}

TEST_CASE("deployment: scaling in the middle of a rollout is proportional") {
  struct Case {
    const char* name;
    int64_t replicas, before;
    std::vector<int64_t> sizes;
    Sizes wanted;
  };
  const Case cases[] = {
      // What upstream's documentation tells: 10 + 3 surge, 8 old and 5 new, to 15.
      {"up by five", 15, 10, {8, 5}, {11, 7}},
      {"down by half", 5, 10, {8, 5}, {5, 3}},
      {"to nothing", 0, 10, {8, 5}, {0, 0}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Json json = deployment_of("{}");
    DeploymentView deployment = rolling(c.replicas, 3, 2);
    deployment.object = &json.root();
    std::vector<SetView> sets = {set("old", c.sizes[0], c.sizes[0], 1),
                                 set("new", c.sizes[1], 0, 2)};
    for (SetView& one : sets) {
      one.desired = c.before;
      one.max_replicas = c.before + 3;
    }
    CHECK(needs_scaling(deployment, sets));
    CHECK(plan_scale(deployment, sets, 1) == c.wanted);
  }
}

TEST_CASE("deployment: one active set simply follows") {
  const Json json = deployment_of("{}");
  DeploymentView deployment = rolling(7, 1, 1);
  deployment.object = &json.root();
  std::vector<SetView> sets = {set("old", 0, 0, 1), set("new", 3, 3, 2)};
  sets[1].desired = 3;
  CHECK(plan_scale(deployment, sets, 1) == Sizes{0, 7});
  sets[1].desired = 7;
  CHECK_FALSE(needs_scaling(deployment, sets));
}

TEST_CASE("deployment: history") {
  DeploymentView deployment = rolling(1, 1, 0);
  std::vector<SetView> sets = {set("r3", 0, 0), set("r1", 0, 0), set("r2", 0, 0), set("busy", 1, 1),
                               set("new", 1, 1)};
  for (const auto& [at, revision] : {std::pair{0, 3}, {1, 1}, {2, 2}, {3, 0}, {4, 4}})
    sets[static_cast<size_t>(at)].revision = revision;
  CHECK(plan_cleanup(deployment, sets, 4).empty());  // no limit
  deployment.history_limit = 10;
  CHECK(plan_cleanup(deployment, sets, 4).empty());
  deployment.history_limit = 2;
  CHECK(plan_cleanup(deployment, sets, 4) == std::vector<size_t>{1});  // "busy" is skipped
  deployment.history_limit = 0;
  CHECK(plan_cleanup(deployment, sets, 4) == std::vector<size_t>{1, 2, 0});
  sets[1].deleting = true;
  sets[2].observed = false;
  CHECK(plan_cleanup(deployment, sets, 4) == std::vector<size_t>{0});
}

TEST_CASE("deployment: the hash tells templates and collisions apart") {
  const Json a = json_of("{'metadata':{'labels':{'a':'b','c':'d'}}}");
  const Json same = json_of("{'metadata':{'labels':{'c':'d','a':'b'}}}");
  const Json other = json_of("{'metadata':{'labels':{'a':'b','c':'e'}}}");
  CHECK(template_hash(a.root(), 0) == template_hash(same.root(), 0));
  CHECK(template_hash(a.root(), 0) != template_hash(other.root(), 0));
  CHECK(template_hash(a.root(), 0) != template_hash(a.root(), 1));
  const Json hashed = json_of("{'metadata':{'labels':{'a':'b','c':'d','pod-template-hash':'x'}}}");
  CHECK(same_template(a.root(), hashed.root()));
  CHECK_FALSE(same_template(a.root(), other.root()));
}

TEST_CASE("deployment: revisions") {
  const Json deployment = deployment_of(
      "{'replicas':3,'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'"
      "}}}}");
  Json made = make_replica_set(deployment.root(), 4, 2);
  CHECK(annotation(made.root(), kRevision) == "4");
  CHECK(annotation(made.root(), kDesiredReplicas) == "3");
  CHECK(api::text_of(metadata_of(made.root()), "name").starts_with("web-"));
  CHECK_FALSE(carry_annotations(deployment.root(), 4, made));
  CHECK(carry_annotations(deployment.root(), 6, made));  // rolled back to
  CHECK(annotation(made.root(), kRevision) == "6");
  CHECK(annotation(made.root(), kRevisionHistory) == "4");
  CHECK(carry_annotations(deployment.root(), 9, made));
  CHECK(annotation(made.root(), kRevisionHistory) == "4,6");
  SetView old = set("a", 0, 0), next = set("b", 0, 0);
  old.revision = 3;
  next.revision = 7;
  CHECK(next_revision({old, next}, 1) == 4);
  CHECK(next_revision({old, next}, -1) == 8);
}

TEST_CASE("deployment: conditions of a rollout") {
  struct Case {
    const char *name, *status;
    std::vector<SetView> sets;
    const char *type, *state, *reason, *message;
  };
  const std::string since =
      "'lastUpdateTime':'2026-01-01T00:00:00Z','lastTransitionTime':"
      "'2026-01-01T00:00:00Z'";
  const std::string stuck =
      "{'conditions':[{'type':'Progressing','status':'True','reason':"
      "'ReplicaSetUpdated'," +
      since + "}],'updatedReplicas':1,'replicas':1}";
  const Case cases[] = {
      {"complete",
       "{}",
       {set("web-1", 2, 2)},
       "Progressing",
       "True",
       "NewReplicaSetAvailable",
       "ReplicaSet \"web-1\" has successfully progressed."},
      {"available",
       "{}",
       {set("web-1", 2, 2)},
       "Available",
       "True",
       "MinimumReplicasAvailable",
       "Deployment has minimum availability."},
      {"moves",
       "{}",
       {set("web-1", 2, 1)},
       "Progressing",
       "True",
       "ReplicaSetUpdated",
       "ReplicaSet \"web-1\" is progressing."},
      {"not available",
       "{}",
       {set("web-1", 2, 0)},
       "Available",
       "False",
       "MinimumReplicasUnavailable",
       "Deployment does not have minimum availability."},
      {"deadline",
       stuck.c_str(),
       {set("web-1", 1, 0)},
       "Progressing",
       "False",
       "ProgressDeadlineExceeded",
       "ReplicaSet \"web-1\" has timed out progressing."},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Json json = deployment_of(
        "{'replicas':2,'progressDeadlineSeconds':600,'strategy':{'type':'RollingUpdate',"
        "'rollingUpdate':{'maxSurge':1,'maxUnavailable':0}}}",
        c.status);
    const DeploymentView view = view_deployment(json.root());
    std::vector<SetView> sets = c.sets;
    const Json object = json_of("{}");
    for (SetView& one : sets) one.object = &object.root();
    Json status = deployment_status(view, sets, 0, kNow);
    judge_progress(view, sets, 0, status, kNow);
    const Value& condition = condition_of(status.root(), c.type);
    CHECK(api::text_of(condition, "status") == c.state);
    CHECK(api::text_of(condition, "reason") == c.reason);
    CHECK(api::text_of(condition, "message") == c.message);
  }
}
