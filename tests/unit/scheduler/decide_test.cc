// Filters, scores and words: every case is one pod against a few nodes.
#include "src/scheduler/decide.h"

#include "scheduler_objects.h"

using namespace kist;
using namespace kist::scheduler;
using kist::scheduler::testing::node_of;
using kist::scheduler::testing::NodeText;
using kist::scheduler::testing::pod_of;
using kist::scheduler::testing::pod_requesting;

namespace {

const std::string kNoPreemption =
    " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
const std::string kNoVictims =
    " preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";

std::string affinity(const std::string& required) {
  return "{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{"
         "'nodeSelectorTerms':[" +
         required + "]}}}}";
}

std::string expression(const std::string& op, const std::string& values = {}) {
  return affinity("{'matchExpressions':[{'key':'disk','operator':'" + op + "','values':[" + values +
                  "]}]}");
}

std::string tolerating(const std::string& toleration) {
  return "{'tolerations':[{" + toleration + "}]}";
}

const NodeText kTainted{.spec = "{'taints':[{'key':'k','value':'v','effect':'NoSchedule'}]}"};
const NodeText kSsd{.labels = "{'cores':'8','disk':'ssd'}"};

Decision decide_on(const Snapshot& snapshot, const PodInfo& pod) {
  Rotation rotation;
  return decide({pod, snapshot}, rotation);
}

}  // namespace

TEST_CASE("decide: one node, whether it will do and why not") {
  struct Case {
    const char* name;
    NodeText node;
    std::string spec;
    std::string reason;  // empty: the pod goes there
    bool evictions_may_help = false;
  };
  const std::string taint = "node(s) had untolerated taint {k: v}";
  const std::string choice = "node(s) didn't match Pod's node affinity/selector";
  const Case cases[] = {
      {"nothing asked", {}, "{}", ""},
      {"cordoned", {.spec = "{'unschedulable':true}"}, "{}", "node(s) were unschedulable"},
      {"cordoned, and the pod tolerates it",
       {.spec = "{'unschedulable':true}"},
       tolerating("'key':'node.kubernetes.io/unschedulable','operator':'Exists'"),
       ""},
      {"tainted", kTainted, "{}", taint},
      {"NoExecute keeps out too",
       {.spec = "{'taints':[{'key':'k','value':'v','effect':'NoExecute'}]}"},
       "{}",
       taint},
      {"PreferNoSchedule does not",
       {.spec = "{'taints':[{'key':'k','value':'v','effect':'PreferNoSchedule'}]}"},
       "{}",
       ""},
      {"tolerated by value", kTainted, tolerating("'key':'k','value':'v'"), ""},
      {"another value", kTainted, tolerating("'key':'k','value':'w'"), taint},
      {"tolerated whatever the value", kTainted, tolerating("'key':'k','operator':'Exists'"), ""},
      {"another effect", kTainted, tolerating("'key':'k','operator':'Exists','effect':'NoExecute'"),
       taint},
      {"tolerates everything", kTainted, tolerating("'operator':'Exists'"), ""},
      {"nodeSelector", kSsd, "{'nodeSelector':{'disk':'ssd'}}", ""},
      {"nodeSelector, another value", kSsd, "{'nodeSelector':{'disk':'hdd'}}", choice},
      {"nodeSelector, no label", {}, "{'nodeSelector':{'disk':'ssd'}}", choice},
      {"In", kSsd, expression("In", "'hdd','ssd'"), ""},
      {"not In", kSsd, expression("In", "'hdd'"), choice},
      {"In without the label", {}, expression("In", "'ssd'"), choice},
      {"NotIn", kSsd, expression("NotIn", "'ssd'"), choice},
      {"NotIn without the label", {}, expression("NotIn", "'ssd'"), ""},
      {"Exists", kSsd, expression("Exists"), ""},
      {"DoesNotExist", kSsd, expression("DoesNotExist"), choice},
      {"Gt", kSsd,
       affinity("{'matchExpressions':[{'key':'cores','operator':'Gt','values':['7']}]}"), ""},
      {"Lt", kSsd,
       affinity("{'matchExpressions':[{'key':'cores','operator':'Lt','values':['8']}]}"), choice},
      {"Gt of a text", kSsd, expression("Gt", "'7'"), choice},
      {"terms are alternatives", kSsd,
       affinity("{'matchExpressions':[{'key':'x','operator':'Exists'}]},"
                "{'matchExpressions':[{'key':'disk','operator':'Exists'}]}"),
       ""},
      {"an empty term matches nothing", kSsd, affinity("{}"), choice},
      {"a node by name",
       {},
       affinity("{'matchFields':[{'key':'metadata.name','operator':'In','values':['x']}]}"),
       ""},
      {"another node by name",
       {},
       affinity("{'matchFields':[{'key':'metadata.name','operator':'In','values':['y']}]}"),
       "node(s) didn't satisfy plugin(s) [NodeAffinity]"},
      {"room for no pod", {.allocatable = "'pods':'0'"}, "{}", "Too many pods", true},
      {"more than the node ever has",
       {},
       "{'containers':[{'resources':{'requests':{'cpu':'5','memory':'1Ti'}}}]}",
       "Insufficient cpu, 1 Insufficient memory"},
      {"an extended resource nobody has",
       {},
       "{'containers':[{'resources':{'requests':{'x.io/gpu':'1'}}}]}",
       "Insufficient x.io/gpu"},
      {"ephemeral storage",
       {},
       "{'containers':[{'resources':{'requests':{'ephemeral-storage':'1'}}}]}",
       "Insufficient ephemeral-storage"},
      {"all of the node", {}, "{'containers':[{'resources':{'requests':{'cpu':'4'}}}]}", ""},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Snapshot snapshot;
    snapshot.set_node(node_of("x", c.node));
    const Decision decision = decide_on(snapshot, *pod_of("a", c.spec));
    if (c.reason.empty()) {
      CHECK(decision.node == "x");
      continue;
    }
    CHECK(decision.node.empty());
    CHECK(decision.message == "0/1 nodes are available: 1 " + c.reason + "." +
                                  (c.evictions_may_help ? kNoVictims : kNoPreemption));
  }
}

TEST_CASE("decide: a node that is taken") {
  struct Case {
    const char* name;
    const char* there;
    const char* coming;
    const char* reason;
  };
  const char* kPorts = "node(s) didn't have free ports for the requested pod ports";
  const Case cases[] = {
      {"by requests", "{'resources':{'requests':{'cpu':'3'}}}",
       "{'resources':{'requests':{'cpu':'1001m'}}}", "Insufficient cpu"},
      {"with room", "{'resources':{'requests':{'cpu':'3'}}}",
       "{'resources':{'requests':{'cpu':'1'}}}", ""},
      {"by a host port", "{'ports':[{'hostPort':80}]}", "{'ports':[{'hostPort':80}]}", kPorts},
      {"another port", "{'ports':[{'hostPort':80}]}", "{'ports':[{'hostPort':81}]}", ""},
      {"another protocol", "{'ports':[{'hostPort':80}]}",
       "{'ports':[{'hostPort':80,'protocol':'UDP'}]}", ""},
      {"another address", "{'ports':[{'hostPort':80,'hostIP':'10.0.0.1'}]}",
       "{'ports':[{'hostPort':80,'hostIP':'10.0.0.2'}]}", ""},
      {"every address", "{'ports':[{'hostPort':80,'hostIP':'10.0.0.1'}]}",
       "{'ports':[{'hostPort':80}]}", kPorts},
      {"a port of the container only", "{'ports':[{'containerPort':80}]}",
       "{'ports':[{'containerPort':80}]}", ""},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Snapshot snapshot;
    snapshot.set_node(node_of("x"));
    const auto spec = [](const char* container) {
      return std::string("{'containers':[") + container + "]}";
    };
    snapshot.assume(pod_of("there", spec(c.there)), "x");
    const Decision decision = decide_on(snapshot, *pod_of("a", spec(c.coming)));
    if (*c.reason == 0)
      CHECK(decision.node == "x");
    else
      CHECK(decision.message ==
            std::string("0/1 nodes are available: 1 ") + c.reason + "." + kNoVictims);
  }
}

TEST_CASE("decide: the text counts nodes by reason") {
  Snapshot snapshot;
  CHECK(decide_on(snapshot, *pod_of("a")).message == "no nodes available to schedule pods");
  snapshot.set_node(node_of("x", kTainted));
  snapshot.set_node(node_of("y", kTainted));
  snapshot.set_node(node_of("z"));
  snapshot.assume(pod_requesting("there", "'cpu':'3'"), "z");
  const std::string reasons =
      "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}.";
  CHECK(decide_on(snapshot, *pod_requesting("a", "'cpu':'2'")).message ==
        reasons +
            " preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, "
            "2 Preemption is not helpful for scheduling.");
  CHECK(decide_on(snapshot, *pod_requesting("a", "'cpu':'2'", ",'preemptionPolicy':'Never'"))
            .message == reasons + " preemption: not eligible due to preemptionPolicy=Never.");
  const char* fields =
      "{'matchFields':[{'key':'metadata.name','operator':'In','values':['x']},"
      "{'key':'metadata.name','operator':'In','values':['y']}]}";
  CHECK(decide_on(snapshot, *pod_of("a", affinity(fields))).message ==
        "0/3 nodes are available: pod affinity terms conflict. preemption: 0/3 nodes are "
        "available: 3 Preemption is not helpful for scheduling.");
}

TEST_CASE("decide: of two nodes the better") {
  struct Case {
    const char* name;
    NodeText worse, better;
    std::string spec;
  };
  const NodeText big{.allocatable = "'cpu':'8','memory':'16Gi','pods':'110'"};
  const Case cases[] = {
      {"more is free", {}, big, "{'containers':[{'image':'i'}]}"},
      {"a taint it would rather not have",
       {.spec = "{'taints':[{'key':'k','effect':'PreferNoSchedule'}]}"},
       {},
       "{}"},
      {"a preferred label outweighs room", big, kSsd,
       "{'affinity':{'nodeAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':"
       "1,'preference':{'matchExpressions':[{'key':'disk','operator':'Exists'}]}}]}}}"},
      {"the image is there",
       {},
       {.images = "[{'names':['i:latest'],'sizeBytes':900000000}]"},
       "{'containers':[{'image':'i'}]}"},
      {"memory and CPU run out together",
       {.allocatable = "'cpu':'2','memory':'14Gi','pods':'110'"},
       {.allocatable = "'cpu':'4','memory':'4Gi','pods':'110'"},
       "{'containers':[{'resources':{'requests':{'cpu':'2','memory':'2Gi'}}}]}"},
  };
  for (const Case& c : cases)
    for (const char* better : {"x", "y"}) {  // whichever comes first
      INFO(c.name << ": " << better);
      Snapshot snapshot;
      snapshot.set_node(node_of("x", *better == 'x' ? c.better : c.worse));
      snapshot.set_node(node_of("y", *better == 'y' ? c.better : c.worse));
      CHECK(decide_on(snapshot, *pod_of("a", c.spec)).node == better);
    }
}

TEST_CASE("decide: equal nodes take turns") {
  Snapshot snapshot;
  for (const char* name : {"x", "y", "z"}) snapshot.set_node(node_of(name));
  Rotation rotation;
  std::string order;
  for (int i = 0; i < 6; ++i) order += decide({*pod_of("a"), snapshot}, rotation).node;
  CHECK(order == "xyzxyz");
}

TEST_CASE("decide: how many nodes are compared") {
  struct Case {
    int64_t nodes, enough;
  };
  for (const Case& c :
       {Case{10, 100}, Case{100, 100}, Case{1000, 420}, Case{5000, 500}, Case{10000, 500}}) {
    INFO(c.nodes);
    CHECK(enough_nodes(c.nodes) == c.enough);
  }
}

TEST_CASE("decide: which events help a parked pod") {
  struct Case {
    const char* name;
    NodeText before, after;
    EventSet event;
    const char* spec;
    bool helps;
  };
  const Case cases[] = {
      {"the taint went", kTainted, {}, kNodeTaints, "{}", true},
      {"another taint went", kTainted, kTainted, kNodeTaints, "{}", false},
      {"a label does not remove a taint", kTainted, {}, kNodeLabels, "{}", false},
      {"the label came", {}, kSsd, kNodeLabels, "{'nodeSelector':{'disk':'ssd'}}", true},
      {"uncordoned", {.spec = "{'unschedulable':true}"}, {}, kNodeTaints, "{}", true},
      {"room for pods", {.allocatable = "'pods':'0'"}, {}, kNodeAllocatable, "{}", true},
      {"a pod left where there was no room",
       {.allocatable = "'pods':'0'"},
       {},
       kPodGone,
       "{}",
       true},
      {"a pod left a tainted node", kTainted, kTainted, kPodGone, "{}", false},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Snapshot snapshot;
    snapshot.set_node(node_of("x", c.before));
    const PodPtr pod = pod_of("a", c.spec);
    const Decision decision = decide_on(snapshot, *pod);
    REQUIRE(decision.rejected_by != 0);
    const NodeRow before = *snapshot.row("x");
    snapshot.set_node(node_of("x", c.after));
    CHECK(helps({*pod, snapshot}, decision.rejected_by,
                {.what = c.event, .row = *snapshot.row("x"), .before = &before}) == c.helps);
  }
  Snapshot snapshot;
  snapshot.set_node(node_of("x", kTainted));
  CHECK(helps({*pod_of("a"), snapshot}, 0, {.what = kNodeAdded, .row = *snapshot.row("x")}));
  // Refused by a taint of another node: a cordon here, where no taint was, is no help.
  snapshot.set_node(node_of("y"));
  const PodPtr pod = pod_requesting("b", "'cpu':'5'");
  const PluginSet rejected_by = decide_on(snapshot, *pod).rejected_by;
  const NodeRow before = *snapshot.row("y");
  snapshot.set_node(node_of("y", {.spec = "{'unschedulable':true}"}));
  CHECK_FALSE(helps({*pod, snapshot}, rejected_by,
                    {.what = kNodeTaints, .row = *snapshot.row("y"), .before = &before}));
}
