// The scheduler's one thread: takes what changed, decides pod by pod, and has many bindings and
// conditions under way at once. Snapshot and queue belong to it alone, so a decision and the events
// around it have one order and need no lock.
#include "kist/scheduler/scheduler.h"

#include <thread>

#include "kist/base/log.h"
#include "kist/base/worker_pool.h"
#include "kist/client/cache.h"
#include "kist/client/client.h"
#include "src/scheduler/decide.h"
#include "src/scheduler/inbox.h"
#include "src/scheduler/queue.h"
#include "src/scheduler/reporter.h"
#include "src/scheduler/snapshot.h"

namespace kist::scheduler {
namespace {

using client::ObjectPtr;

constexpr size_t kWritesMax = client::kInFlightMax;  // under way; below the server's own bound
constexpr int kDecisionsMax = 256;                   // then what changed meanwhile is looked at

std::string binding_body(const PodInfo& pod, const std::string& node) {
  api::Json json;
  api::Value& binding = json.root().SetObject();
  api::Allocator& pool = json.allocator();
  api::set(binding, "apiVersion", "v1", pool);
  api::set(binding, "kind", "Binding", pool);
  api::Value& metadata = api::child(binding, "metadata", pool);
  api::set(metadata, "namespace", pod.space, pool);
  api::set(metadata, "name", pod.name, pool);
  api::set(metadata, "uid", pod.uid, pool);
  api::Value& target = api::child(binding, "target", pool);
  api::set(target, "kind", "Node", pool);
  api::set(target, "name", node, pool);
  return api::to_text(binding);
}

// The condition is merged by its type, so that nobody else's is touched; the uid refuses a pod that
// took the name meanwhile.
std::string condition_body(const PodInfo& pod, std::string_view reason, const std::string& message,
                           const std::string& now) {
  api::Json json;
  api::Value& patch = json.root().SetObject();
  api::Allocator& pool = json.allocator();
  api::set(api::child(patch, "metadata", pool), "uid", pod.uid, pool);
  api::Value condition(rapidjson::kObjectType);
  api::set(condition, "type", "PodScheduled", pool);
  api::set(condition, "status", "False", pool);
  api::set(condition, "reason", reason, pool);
  api::set(condition, "message", message, pool);
  if (pod.condition_status != "False") api::set(condition, "lastTransitionTime", now, pool);
  api::Value conditions(rapidjson::kArrayType);
  conditions.PushBack(condition, pool);
  api::set(api::child(patch, "status", pool), "conditions", std::move(conditions), pool);
  return api::to_text(patch);
}

EventSet event_of(const NodeChange& change) {
  EventSet event = 0;
  if (change.added) event |= kNodeAdded;
  if (change.allocatable) event |= kNodeAllocatable;
  if (change.labels) event |= kNodeLabels;
  if (change.taints) event |= kNodeTaints;
  return event;
}

// The pod is no longer ours to place: somebody bound or deleted it. Its event tells or told.
bool settled(Code code) { return code == Code::kConflict || code == Code::kNotFound; }

class DefaultScheduler : public Scheduler {
 public:
  DefaultScheduler(net::Handler& handler, const Clock& clock, Options options)
      : options_(std::move(options)),
        clock_(clock),
        client_(handler, options_.identity),
        caches_(client_),
        pods_(caches_.of(client::kPods, project_pod)),
        nodes_(caches_.of(client::kNodes, project_node)),
        inbox_(std::make_shared<Inbox>()),
        reporter_(client_, clock, options_.name) {
    tell_of(pods_, Change::Kind::kPod);
    tell_of(nodes_, Change::Kind::kNode);
  }
  ~DefaultScheduler() override { stop(); }

  Result<> start() override {
    caches_.start();
    TRY(caches_.wait_synced());  // nobody decides on half of the world
    thread_ = std::jthread([this] {
      name_this_thread("scheduler");
      run();
    });
    return {};
  }

  void stop() override {
    inbox_->close();
    if (thread_.joinable()) thread_.join();
    caches_.stop();
  }

  bool idle() const override { return inbox_->idle(); }

 private:
  void tell_of(client::Cache& cache, Change::Kind kind) {
    cache.on_change([inbox = inbox_, kind](const ObjectPtr& old, const ObjectPtr& next) {
      const client::Object& object = next ? *next : *old;
      inbox->change({kind, std::string(object.space), std::string(object.name)});
    });
  }

  void run();
  void apply(const Change& change);
  void apply_node(const Change& change);
  void apply_pod(const Change& change);
  void apply(const WriteAnswer& answer);
  void bound(const WriteAnswer& answer);
  void tell_queue(const NodeEvent& event);
  void tell_of_room(const std::string& node);
  void schedule_some();
  void schedule(const PodPtr& pod);
  void bind(const PodPtr& pod, const std::string& node);
  void fail(const PodPtr& pod, std::string_view reason, const std::string& message);
  void send(client::Call call, WriteAnswer answer);

  const Options options_;
  const Clock& clock_;
  const client::Client client_;
  client::CacheSet caches_;
  client::Cache& pods_;
  client::Cache& nodes_;
  const std::shared_ptr<Inbox> inbox_;  // shared with answers that are still under way
  Reporter reporter_;

  // Of the thread only.
  Snapshot snapshot_;
  Queue queue_;
  Rotation rotation_;
  size_t writes_ = 0;  // under way

  std::jthread thread_;
};

void DefaultScheduler::run() {
  while (!inbox_->closed()) {
    const bool stuck = queue_.active() == 0 || writes_ >= kWritesMax;
    const Inbox::Content content =
        inbox_->take(stuck, queue_.next_due(), queue_.active() == 0 && writes_ == 0);
    for (const Change& change : content.changes) apply(change);
    for (const WriteAnswer& answer : content.answers) apply(answer);
    queue_.flush(clock_.steady());
    schedule_some();
  }
}

void DefaultScheduler::apply(const Change& change) {
  if (change.kind == Change::Kind::kNode)
    apply_node(change);
  else
    apply_pod(change);
}

void DefaultScheduler::apply_node(const Change& change) {
  const ObjectPtr object = nodes_.get("", change.name);
  if (!object) return snapshot_.remove_node(change.name);
  const NodeChange how = snapshot_.set_node(node_info(object));
  if (!how.any()) return;
  const NodeRow& row = *snapshot_.row(change.name);
  if (how.added) return tell_queue({.what = event_of(how), .row = row});
  NodeRow before = row;
  before.node = how.before;
  tell_queue({.what = event_of(how), .row = row, .before = &before});
}

void DefaultScheduler::apply_pod(const Change& change) {
  const std::string key = change.space + "/" + change.name;
  const ObjectPtr object = pods_.get(change.space, change.name);
  const PodPtr pod = object ? pod_info(object) : nullptr;
  const std::optional<std::string> left = pod ? snapshot_.set_pod(pod) : snapshot_.remove_pod(key);
  const bool ours =
      pod && pod->node.empty() && !pod->deleting && !pod->ended && pod->scheduler == options_.name;
  if (ours)
    queue_.set(pod, clock_.steady());
  else
    queue_.remove(key);
  if (left) tell_of_room(*left);
}

void DefaultScheduler::tell_queue(const NodeEvent& event) {
  queue_.move(
      [&](const PodInfo& pod, PluginSet rejected_by) {
        return helps({pod, snapshot_}, rejected_by, event);
      },
      clock_.steady());
}

void DefaultScheduler::tell_of_room(const std::string& node) {
  if (const NodeRow* row = snapshot_.row(node)) tell_queue({.what = kPodGone, .row = *row});
}

void DefaultScheduler::schedule_some() {
  for (int i = 0; i < kDecisionsMax && writes_ < kWritesMax; ++i) {
    const PodPtr pod = queue_.pop();
    if (!pod) return;
    schedule(pod);
  }
}

void DefaultScheduler::schedule(const PodPtr& pod) {
  const Decision decision = decide({*pod, snapshot_}, rotation_);
  if (!decision.node.empty()) return bind(pod, decision.node);
  queue_.park(*pod, decision.rejected_by, clock_.steady());
  fail(pod, "Unschedulable", decision.message);
}

void DefaultScheduler::send(client::Call call, WriteAnswer answer) {
  ++writes_;
  client_.send(std::move(call),
               [inbox = inbox_, answer = std::move(answer)](Result<Slice> body) mutable {
                 if (!body.ok()) answer.result = std::move(body).error();
                 inbox->answer(std::move(answer));
               });
}

void DefaultScheduler::bind(const PodPtr& pod, const std::string& node) {
  snapshot_.assume(pod, node);
  send({.method = "POST",
        .path = client::kPods.path(pod->space, pod->name) + "/binding",
        .body = binding_body(*pod, node)},
       {.kind = WriteAnswer::Kind::kBinding, .pod = pod, .node = node});
}

void DefaultScheduler::fail(const PodPtr& pod, std::string_view reason,
                            const std::string& message) {
  reporter_.report(*pod, {"Warning", "FailedScheduling", "Scheduling", message});
  if (pod->condition_status == "False" && pod->condition_reason == reason &&
      pod->condition_message == message)
    return;
  send({.method = "PATCH",
        .path = client::kPods.path(pod->space, pod->name) + "/status",
        .content_type = "application/strategic-merge-patch+json",
        .body = condition_body(*pod, reason, message, format_rfc3339(clock_.now()))},
       {.kind = WriteAnswer::Kind::kCondition, .pod = pod});
}

void DefaultScheduler::apply(const WriteAnswer& answer) {
  --writes_;
  if (answer.kind == WriteAnswer::Kind::kBinding) return bound(answer);
  if (answer.result.ok() || settled(answer.result.error().code)) return;
  log_warn("pod condition not written",
           {{"pod", answer.pod->key()}, {"error", answer.result.error().message}});
  queue_.unpark(*answer.pod, clock_.steady());  // so that the pod tells why it waits
}

void DefaultScheduler::bound(const WriteAnswer& answer) {
  const PodInfo& pod = *answer.pod;
  if (answer.result.ok()) {
    reporter_.report(pod, {"Normal", "Scheduled", "Binding",
                           "Successfully assigned " + pod.key() + " to " + answer.node});
    return;
  }
  const Error& error = answer.result.error();
  snapshot_.forget(pod);
  tell_of_room(answer.node);          // what it would have used is free again
  if (!queue_.contains(pod)) return;  // deleted, or bound after all
  queue_.retry(pod, clock_.steady());
  if (settled(error.code)) return;
  log_warn("pod not bound", {{"pod", pod.key()}, {"node", answer.node}, {"error", error.message}});
  fail(answer.pod, "SchedulerError", "running Bind plugin \"DefaultBinder\": " + error.message);
}

}  // namespace

std::unique_ptr<Scheduler> make_scheduler(net::Handler& handler, const Clock& clock,
                                          Options options) {
  return std::make_unique<DefaultScheduler>(handler, clock, std::move(options));
}

}  // namespace kist::scheduler
