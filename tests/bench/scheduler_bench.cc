// What scheduling costs: deciding alone, and pods through the whole pipeline (API server on a memory
// store, bindings, events), as CPU time of the process per pod.
//
//   build/tests/bench/scheduler_bench [PODS [NODES]]     1000 pods on 100 nodes
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "kist/apiserver/server.h"
#include "kist/client/client.h"
#include "kist/datastore/store.h"
#include "kist/scheduler/scheduler.h"
#include "src/scheduler/decide.h"

namespace {

using namespace kist;

constexpr auto kWaitMax = std::chrono::minutes(2);

double cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

std::string node_text(int number) {
  return R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"node-)" + std::to_string(number) +
         R"("},"status":{"allocatable":{"cpu":"16","memory":"64Gi","pods":"110"}}})";
}

std::string pod_text(int number) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"default","name":"pod-)" +
         std::to_string(number) +
         R"("},"spec":{"containers":[{"name":"c","image":"nginx:1","resources":{"requests":)"
         R"({"cpu":"100m","memory":"64Mi"}}}]}})";
}

void must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "scheduler_bench: %s\n", what);
  std::exit(1);
}

void bench_deciding(int pods, int nodes) {
  scheduler::Snapshot snapshot;
  for (int i = 0; i < nodes; ++i)
    snapshot.set_node(scheduler::read_node(api::parse_json(node_text(i)).value().root()));
  std::vector<scheduler::PodPtr> waiting;
  for (int i = 0; i < pods; ++i)
    waiting.push_back(scheduler::read_pod(api::parse_json(pod_text(i)).value().root()));
  scheduler::Rotation rotation;
  const double before = cpu_us();
  for (const scheduler::PodPtr& pod : waiting) {
    const scheduler::Decision decision = scheduler::decide({*pod, snapshot}, rotation);
    must(!decision.node.empty(), decision.message.c_str());
    snapshot.assume(pod, decision.node);
  }
  std::printf("deciding:  %8.1f us CPU a pod, %d pods on %d nodes\n", (cpu_us() - before) / pods,
              pods, nodes);
}

void bench_pipeline(int pods, int nodes) {
  const auto store = datastore::open_memory_store();
  apiserver::Options options;
  options.advertise_address = "192.0.2.1";
  const auto api = apiserver::ApiServer::create(*store, system_clock(), options);
  must(api->start().ok(), "the API server does not start");
  const client::Client client(*api, {"bench", {"system:masters"}});
  std::vector<client::Call> calls;
  for (int i = 0; i < nodes; ++i)
    calls.push_back({.method = "POST", .path = "/api/v1/nodes", .body = node_text(i)});
  for (int i = 0; i < pods; ++i)
    calls.push_back(
        {.method = "POST", .path = "/api/v1/namespaces/default/pods", .body = pod_text(i)});
  for (const auto& answer : client.call_all(std::move(calls)))
    must(answer.ok(), answer.ok() ? "" : answer.error().message.c_str());

  const auto scheduler = scheduler::make_scheduler(*api, system_clock(), {});
  const double before = cpu_us();
  const auto begun = std::chrono::steady_clock::now();
  must(scheduler->start().ok(), "the scheduler does not start");
  while (!scheduler->idle()) {
    must(std::chrono::steady_clock::now() - begun < kWaitMax, "the scheduler does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::printf("pipeline:  %8.1f us CPU a pod, %.0f pods/s, with their bindings and events\n",
              (cpu_us() - before) / pods, pods / seconds);
  for (int i = 0; i < pods; ++i) {
    const auto pod = client.get(client::kPods, "default", "pod-" + std::to_string(i));
    must(pod.ok() && api::find_path(pod.value().root(), {"spec", "nodeName"}) != nullptr,
         "a pod has no node");
  }
  scheduler->stop();
  api->stop();
}

}  // namespace

int main(int argc, char** argv) {
  const int pods = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int nodes = argc > 2 ? std::atoi(argv[2]) : 100;
  must(pods > 0 && nodes > 0, "usage: scheduler_bench [PODS [NODES]]");
  bench_deciding(pods, nodes);
  bench_pipeline(pods, nodes);
  return 0;
}
