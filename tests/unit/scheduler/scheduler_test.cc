// The whole scheduler: against an API in memory whose writes fail, and against the real pipeline.
#include "kist/scheduler/scheduler.h"

#include <catch2/catch.hpp>
#include <functional>
#include <thread>

#include "api_harness.h"
#include "fake_api.h"
#include "kist/client/client.h"

using namespace kist;
using namespace std::chrono_literals;

namespace {

// A bound on waiting, not a sleep for luck: the condition itself ends it.
bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

std::string node_text(const std::string& name, const std::string& spec = "{}") {
  return R"({"apiVersion":"v1","kind":"Node","metadata":{"name":")" + name + R"("},"spec":)" +
         spec + R"(,"status":{"allocatable":{"cpu":"2","memory":"4Gi","pods":"3"}}})";
}

std::string pod_text(const std::string& name, const std::string& more = {}) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
         R"("},"spec":{"schedulerName":"default-scheduler","containers":[{"name":"c","image":"i"}])" +
         more + "}}";
}

struct FakeCluster {
  testing::FakeApi fake;
  client::Client api_client{fake, {"test", {}}};
  std::unique_ptr<scheduler::Scheduler> scheduler =
      scheduler::make_scheduler(fake, system_clock(), {});

  void start() const { REQUIRE(scheduler->start().ok()); }
  ~FakeCluster() { scheduler->stop(); }

  void post(const std::string& path, const std::string& body) const {
    REQUIRE(api_client.call({.method = "POST", .path = path, .body = body}).ok());
  }
  std::string pod(const std::string& name) const {
    return fake.get("/api/v1/namespaces/n/pods/" + name);
  }
  bool pod_says(const std::string& name, const std::string& text) const {
    return pod(name).find(text) != std::string::npos;
  }
};

struct Cluster {
  test::ApiHarness api;
  std::unique_ptr<scheduler::Scheduler> scheduler =
      scheduler::make_scheduler(api.handler(), system_clock(), {});

  Cluster() {
    REQUIRE(api.started().ok());
    REQUIRE(scheduler->start().ok());
  }
  ~Cluster() { scheduler->stop(); }

  void post_node(const std::string& name, const std::string& spec = "{}") {
    const test::Answer answer = api.post("/api/v1/nodes", node_text(name, spec));
    INFO(answer.body);
    REQUIRE(answer.status == 201);
  }
  void post_pod(const std::string& name, const std::string& more = {}) {
    const test::Answer answer = api.post("/api/v1/namespaces/default/pods", pod_text(name, more));
    INFO(answer.body);
    REQUIRE(answer.status == 201);
  }
  test::Answer pod(const std::string& name) {
    return api.get("/api/v1/namespaces/default/pods/" + name);
  }
  std::string node_of(const std::string& name) { return pod(name).at("spec.nodeName"); }
  bool lands(const std::string& name, const std::string& node) {
    return eventually([&] { return node_of(name) == node; });
  }
  bool waits(const std::string& name, const std::string& reason, const std::string& message) {
    return eventually([&] {
      const test::Answer answer = pod(name);
      return answer.at("status.conditions.0.type") == "PodScheduled" &&
             answer.at("status.conditions.0.status") == "False" &&
             answer.at("status.conditions.0.reason") == reason &&
             answer.at("status.conditions.0.message") == message;
    });
  }
  bool event(const std::string& text) {
    return eventually([&] {
      return api.get("/api/v1/namespaces/default/events").body.find(text) != std::string::npos;
    });
  }
};

}  // namespace

TEST_CASE("scheduler: every pod gets its node whichever write fails, applied or not") {
  for (const bool applied : {false, true})
    for (int nth = 1;; ++nth) {
      INFO("failing write " << nth << (applied ? " after" : " before") << " it is done");
      REQUIRE(nth < 20);
      FakeCluster cluster;
      cluster.post("/api/v1/nodes", node_text("x"));
      for (const char* name : {"a", "b", "c", "d"})
        cluster.post("/api/v1/namespaces/n/pods", pod_text(name));
      cluster.fake.fail_write(nth, applied);  // all writes from here are the scheduler's
      cluster.start();
      // Three fit; the fourth says so once nothing fails any more.
      const auto bound = [&] {
        int count = 0;
        for (const char* name : {"a", "b", "c", "d"})
          count += cluster.pod_says(name, R"("nodeName":"x")");
        return count;
      };
      const auto told = [&] {
        int count = 0;
        for (const char* name : {"a", "b", "c", "d"})
          count += cluster.pod_says(name, "1 Too many pods.") &&
                   !cluster.pod_says(name, R"("nodeName":"x")");
        return count;
      };
      REQUIRE(eventually([&] { return bound() == 3 && told() == 1; }));
      if (!cluster.fake.failed()) break;
    }
}

TEST_CASE("scheduler: goes on after its watches were cut") {
  FakeCluster cluster;
  cluster.start();
  cluster.fake.cut_watches(true);
  cluster.post("/api/v1/nodes", node_text("x"));
  cluster.post("/api/v1/namespaces/n/pods", pod_text("a"));
  CHECK(eventually([&] { return cluster.pod_says("a", R"("nodeName":"x")"); }));
}

TEST_CASE("scheduler: through the pipeline, from no nodes to a bound pod") {
  Cluster cluster;
  cluster.post_pod("web-1");
  CHECK(cluster.waits("web-1", "Unschedulable", "no nodes available to schedule pods"));
  CHECK(cluster.event(R"("reason":"FailedScheduling")"));
  cluster.post_node("node-1");
  CHECK(cluster.lands("web-1", "node-1"));
  CHECK(cluster.event("Successfully assigned default/web-1 to node-1"));
  CHECK(cluster.event(R"("reportingComponent":"default-scheduler")"));
  CHECK(cluster.pod("web-1").at("status.conditions.0.status") == "True");
}

TEST_CASE("scheduler: through the pipeline, what helps a waiting pod") {
  Cluster cluster;
  const std::string preemption =
      " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
  SECTION("a taint that goes") {
    cluster.post_node("x", R"({"taints":[{"key":"k","value":"v","effect":"NoSchedule"}]})");
    cluster.post_pod("a");
    CHECK(cluster.waits(
        "a", "Unschedulable",
        "0/1 nodes are available: 1 node(s) had untolerated taint {k: v}." + preemption));
    CHECK(cluster.api.patch("/api/v1/nodes/x", R"({"spec":{"taints":null}})").status == 200);
    CHECK(cluster.lands("a", "x"));
  }
  SECTION("a label that comes") {
    cluster.post_node("x");
    cluster.post_pod("a", R"(,"nodeSelector":{"disk":"ssd"})");
    CHECK(cluster.waits(
        "a", "Unschedulable",
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector." +
            preemption));
    cluster.api.patch("/api/v1/nodes/x", R"({"metadata":{"labels":{"disk":"ssd"}}})");
    CHECK(cluster.lands("a", "x"));
  }
  SECTION("a pod that goes") {
    cluster.post_node("x");
    for (const char* name : {"a", "b", "c"}) {
      cluster.post_pod(name);
      CHECK(cluster.lands(name, "x"));
    }
    cluster.post_pod("d");
    CHECK(cluster.waits("d", "Unschedulable",
                        "0/1 nodes are available: 1 Too many pods. preemption: 0/1 nodes are "
                        "available: 1 No preemption victims found for incoming pod."));
    cluster.api.remove("/api/v1/namespaces/default/pods/a", R"({"gracePeriodSeconds":0})");
    CHECK(cluster.lands("d", "x"));
  }
  SECTION("gates that open") {
    cluster.post_node("x");
    cluster.post_pod("a", R"(,"schedulingGates":[{"name":"x.io/wait"}])");
    cluster.post_pod("b");
    CHECK(cluster.lands("b", "x"));
    CHECK(cluster.waits("a", "SchedulingGated",
                        "Scheduling is blocked due to non-empty scheduling gates"));
    CHECK(cluster.api
              .patch("/api/v1/namespaces/default/pods/a", R"({"spec":{"schedulingGates":null}})")
              .status == 200);
    CHECK(cluster.lands("a", "x"));
  }
}

TEST_CASE("scheduler: leaves pods of other schedulers alone") {
  Cluster cluster;
  cluster.post_node("x");
  test::Answer made = cluster.api.post(
      "/api/v1/namespaces/default/pods",
      R"({"metadata":{"name":"a"},"spec":{"schedulerName":"x","containers":[{"name":"c","image":"i"}]}})");
  REQUIRE(made.status == 201);
  cluster.post_pod("b");
  CHECK(cluster.lands("b", "x"));
  CHECK(eventually([&] { return cluster.scheduler->idle(); }));
  CHECK(cluster.pod("a").at("metadata.resourceVersion") == made.at("metadata.resourceVersion"));
}
