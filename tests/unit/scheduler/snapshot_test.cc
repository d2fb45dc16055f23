// The snapshot counts every pod once, assumed or seen, and forgets what is gone.
#include "src/scheduler/snapshot.h"

#include "scheduler_objects.h"

using namespace kist::scheduler;
using kist::scheduler::testing::node_of;
using kist::scheduler::testing::pod_of;
using kist::scheduler::testing::pod_requesting;

namespace {

int64_t cpu(const Snapshot& snapshot, const char* node) {
  const NodeRow* row = snapshot.row(node);
  return row == nullptr ? -1 : row->used.cpu_milli;
}

PodPtr on(const char* node, const char* cpu, const char* status = "{}") {
  return pod_of("a",
                std::string("{'nodeName':'") + node +
                    "','containers':[{'ports':[{'hostPort':80}],'resources':{'requests':{'cpu':'" +
                    cpu + "'}}}]}",
                status);
}

}  // namespace

TEST_CASE("snapshot: a pod from its binding to its end") {
  Snapshot snapshot;
  CHECK(snapshot.set_node(node_of("x")).added);
  const PodPtr waiting = pod_requesting("a", "'cpu':'1'");
  snapshot.assume(waiting, "x");
  CHECK(cpu(snapshot, "x") == 1000);
  snapshot.set_pod(waiting);  // an event from before the binding
  CHECK(cpu(snapshot, "x") == 1000);
  CHECK_FALSE(snapshot.set_pod(on("x", "1")));
  CHECK(cpu(snapshot, "x") == 1000);
  CHECK(snapshot.row("x")->pods == 1);
  snapshot.forget(*waiting);  // the answer failed, but the pod was seen there
  CHECK(cpu(snapshot, "x") == 1000);
  CHECK(snapshot.set_pod(on("x", "500m")) == "x");  // resized
  CHECK(cpu(snapshot, "x") == 500);
  CHECK(snapshot.row("x")->ports.size() == 1);
  CHECK(snapshot.set_pod(on("x", "500m", "{'phase':'Succeeded'}")) == "x");
  CHECK(cpu(snapshot, "x") == 0);
  CHECK(snapshot.row("x")->ports.empty());
  CHECK_FALSE(snapshot.remove_pod("n/a"));
}

TEST_CASE("snapshot: a failed binding gives back what it assumed") {
  Snapshot snapshot;
  snapshot.set_node(node_of("x"));
  const PodPtr pod = pod_requesting("a", "'cpu':'1'");
  snapshot.assume(pod, "x");
  snapshot.forget(*pod_of("a", "{}", "{}", "another uid"));
  CHECK(cpu(snapshot, "x") == 1000);
  snapshot.forget(*pod);
  CHECK(cpu(snapshot, "x") == 0);
}

TEST_CASE("snapshot: pods may come before their node and outlive it") {
  Snapshot snapshot;
  snapshot.set_pod(on("x", "1"));
  CHECK(snapshot.row("x") == nullptr);
  CHECK(snapshot.nodes() == 0);
  snapshot.set_node(node_of("y"));
  snapshot.set_node(node_of("x"));
  CHECK(cpu(snapshot, "x") == 1000);
  snapshot.remove_node("x");
  CHECK(snapshot.nodes() == 1);
  CHECK(snapshot.row("x") == nullptr);
  snapshot.remove_pod("n/a");
  CHECK(snapshot.rows().size() == 1);
  CHECK(cpu(snapshot, "y") == 0);
}

TEST_CASE("snapshot: what of a node changed") {
  struct Case {
    const char* name;
    kist::scheduler::testing::NodeText next;
    bool allocatable, labels, taints;
  };
  const Case cases[] = {
      {"a heartbeat", {}, false, false, false},
      {"less CPU", {.allocatable = "'cpu':'1','memory':'8Gi','pods':'110'"}, true, false, false},
      {"fewer pods", {.allocatable = "'cpu':'4','memory':'8Gi','pods':'1'"}, true, false, false},
      {"a label", {.labels = "{'a':'b'}"}, false, true, false},
      {"a taint", {.spec = "{'taints':[{'key':'k','effect':'NoSchedule'}]}"}, false, false, true},
      {"a cordon", {.spec = "{'unschedulable':true}"}, false, false, true},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Snapshot snapshot;
    snapshot.set_node(node_of("x"));
    const NodeChange change = snapshot.set_node(node_of("x", c.next));
    CHECK_FALSE(change.added);
    CHECK(change.allocatable == c.allocatable);
    CHECK(change.labels == c.labels);
    CHECK(change.taints == c.taints);
  }
}

TEST_CASE("snapshot: nodes by image") {
  Snapshot snapshot;
  const char* images = "[{'names':['i:1','j:1'],'sizeBytes':10}]";
  snapshot.set_node(node_of("x", {.images = images}));
  snapshot.set_node(node_of("y", {.images = images}));
  CHECK(snapshot.nodes_with_image("j:1") == 2);
  snapshot.set_node(node_of("y"));
  snapshot.remove_node("x");
  CHECK(snapshot.nodes_with_image("j:1") == 0);
}
