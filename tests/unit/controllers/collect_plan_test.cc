// What the garbage collector does with an object, by the states of its owners.
#include <catch2/catch.hpp>

#include "src/controllers/garbage_collector.h"

using namespace kist;
using namespace kist::controllers;

TEST_CASE("garbage collector: plan") {
  constexpr OwnerState kSolid = OwnerState::kSolid, kWaiting = OwnerState::kWaiting,
                       kGone = OwnerState::kGone;
  struct Case {
    const char* name;
    std::vector<OwnerState> owners;
    bool has_dependents;
    CollectStep step;
    std::vector<std::string_view> forget;
  };
  const Case cases[] = {
      {"nobody's", {}, false, CollectStep::kKeep, {}},
      {"owned", {kSolid}, false, CollectStep::kKeep, {}},
      {"its owner is gone", {kGone}, false, CollectStep::kDelete, {}},
      {"all its owners are gone", {kGone, kGone}, true, CollectStep::kDelete, {}},
      {"one of two is gone", {kSolid, kGone}, false, CollectStep::kForgetOwners, {"u1"}},
      {"one waits, one is solid", {kWaiting, kSolid}, true, CollectStep::kForgetOwners, {"u0"}},
      {"its owner waits for it", {kWaiting}, false, CollectStep::kDelete, {}},
      {"its owner waits and others wait for it",
       {kWaiting},
       true,
       CollectStep::kDeleteForeground,
       {}},
      {"gone and waiting", {kGone, kWaiting}, true, CollectStep::kDeleteForeground, {}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    client::Object object;
    for (size_t i = 0; i < c.owners.size(); ++i)
      object.owners.push_back({"v1", "ConfigMap", "o", object.texts.keep("u" + std::to_string(i))});
    const CollectPlan plan = plan_collect(object, c.owners, c.has_dependents);
    CHECK(plan.step == c.step);
    CHECK(plan.forget == c.forget);
  }
}

TEST_CASE("garbage collector: finalizers choose the policy") {
  client::Object object;
  CHECK(deletion_policy(object) == "Background");
  object.finalizers = {"foregroundDeletion"};
  CHECK(deletion_policy(object) == "Foreground");
  object.finalizers = {"foregroundDeletion", "orphan"};
  CHECK(deletion_policy(object) == "Orphan");
}
