// The queue on a clock of the test's own: who is next, and why the others wait.
#include "src/scheduler/queue.h"

#include "scheduler_objects.h"

using namespace kist::scheduler;
using namespace std::chrono_literals;
using kist::scheduler::testing::pod_of;

namespace {

const Queue::Time kStart{};
constexpr PluginSet kSome = 4;

std::string next(Queue& queue) {
  const PodPtr pod = queue.pop();
  return pod ? pod->name : "";
}

Queue::Helps helping(PluginSet wanted) {
  return [wanted](const PodInfo&, PluginSet rejected_by) { return rejected_by == wanted; };
}

}  // namespace

TEST_CASE("queue: priority, then who came first") {
  Queue queue;
  queue.set(pod_of("first"), kStart);
  queue.set(pod_of("second"), kStart);
  queue.set(pod_of("urgent", "{'priority':1000}"), kStart + 1s);
  queue.set(pod_of("last", "{'priority':-1}"), kStart);
  for (const char* name : {"urgent", "first", "second", "last", ""}) CHECK(next(queue) == name);
}

TEST_CASE("queue: backoff doubles from 1 s to 10 s") {
  Queue queue;
  const PodPtr pod = pod_of("a");
  Queue::Time now = kStart;
  queue.set(pod, now);
  for (const auto wait : {1s, 2s, 4s, 8s, 10s, 10s}) {
    REQUIRE(next(queue) == "a");
    queue.retry(*pod, now);
    CHECK(queue.next_due() == now + wait);
    queue.flush(now + wait - 1ms);
    CHECK(queue.active() == 0);
    now += wait;
    queue.flush(now);
    CHECK(queue.active() == 1);
  }
}

TEST_CASE("queue: a parked pod waits for what helps, and for its backoff") {
  struct Case {
    const char* name;
    PluginSet event;
    std::chrono::milliseconds after;
    bool active_at_once;
    std::chrono::milliseconds due;  // since it was parked
  };
  const Case cases[] = {
      {"an event that does not help", 2, 500ms, false, 5min},
      {"one that helps within its backoff", kSome, 500ms, false, 1s},
      {"one that helps later", kSome, 3s, true, 0ms},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Queue queue;
    const PodPtr pod = pod_of("a");
    queue.set(pod, kStart);
    queue.pop();
    queue.park(*pod, kSome, kStart);
    CHECK(queue.active() == 0);
    queue.move(helping(c.event), kStart + c.after);
    CHECK((queue.active() == 1) == c.active_at_once);
    if (c.active_at_once) continue;
    CHECK(queue.next_due() == kStart + c.due);
    queue.flush(kStart + c.due);
    CHECK(queue.active() == 1);
  }
}

TEST_CASE("queue: updates") {
  const char* kGated = "{'schedulingGates':[{'name':'x'}]}";
  const char* kTolerant = "{'tolerations':[{'operator':'Exists'}]}";
  Queue queue;
  SECTION("a gated pod waits until its gates are open") {
    queue.set(pod_of("a", kGated), kStart);
    CHECK(queue.active() == 0);
    CHECK_FALSE(queue.next_due());
    queue.set(pod_of("a"), kStart);
    CHECK(next(queue) == "a");
  }
  SECTION("of a parked pod: other wants try it again, another status does not") {
    queue.set(pod_of("a"), kStart);
    queue.park(*queue.pop(), kSome, kStart);
    queue.set(pod_of("a", "{}", "{'conditions':[]}"), kStart + 10s);
    CHECK(queue.active() == 0);
    queue.set(pod_of("a", kTolerant), kStart + 10s);
    CHECK(queue.active() == 1);
  }
  SECTION("of a taken pod: it is not parked on what it no longer wants") {
    queue.set(pod_of("a"), kStart);
    const PodPtr taken = queue.pop();
    queue.set(pod_of("a", kTolerant), kStart);
    CHECK(queue.active() == 0);
    queue.park(*taken, kSome, kStart);
    CHECK(queue.next_due() == kStart + 1s);
  }
  SECTION("of an active pod: its new priority counts") {
    queue.set(pod_of("a"), kStart);
    queue.set(pod_of("b"), kStart);
    queue.set(pod_of("b", "{'priority':1}"), kStart);
    CHECK(next(queue) == "b");
    CHECK(next(queue) == "a");
    CHECK(next(queue).empty());
  }
  SECTION("a pod of the same name is another pod") {
    const PodPtr old = pod_of("a");
    queue.set(old, kStart);
    queue.pop();
    queue.set(pod_of("a", "{}", "{}", "new"), kStart);
    queue.park(*old, kSome, kStart);
    CHECK_FALSE(queue.contains(*old));
    CHECK(queue.active() == 1);
    CHECK(queue.size() == 1);
  }
  SECTION("a pod that is gone is nowhere") {
    queue.set(pod_of("a"), kStart);
    queue.park(*queue.pop(), kSome, kStart);
    queue.remove("n/a");
    CHECK(queue.size() == 0);
    CHECK_FALSE(queue.next_due());
  }
  SECTION("a late failure of the last attempt does not touch a taken pod") {
    queue.set(pod_of("a"), kStart);
    const PodPtr pod = queue.pop();
    queue.unpark(*pod, kStart + 20s);
    CHECK(queue.active() == 0);
    queue.park(*pod, kSome, kStart + 20s);
    queue.unpark(*pod, kStart + 40s);
    CHECK(queue.active() == 1);
  }
}
