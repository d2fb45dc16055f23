// Pods and PodTemplates: what a Pod is doing, in a word.
#include <algorithm>
#include <optional>

#include "src/apiserver/registry/printers/cells.h"
#include "src/apiserver/registry/printers/printers.h"

namespace kist::apiserver {
namespace {

constexpr Column kPodColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Ready", "string", "", 0, "The containers that are ready of all that should be."},
    {"Status", "string", "", 0, "What the Pod is doing: its phase, or why it is not running."},
    {"Restarts", "string", "", 0, "How often containers of this Pod were restarted."},
    {"Age", "string", "", 0, "Time since the object was created."},
    {"IP", "string", "", 1, "The address of the Pod."},
    {"Node", "string", "", 1, "The node on which the Pod runs."},
    {"Nominated Node", "string", "", 1, "The node where room is being made for the Pod."},
    {"Readiness Gates", "string", "", 1, "The readiness gates that are passed, of all."},
};

bool is_sidecar(const Value& spec, std::string_view name) {
  bool found = false;
  each(spec, "initContainers", [&](const Value& container, size_t) {
    found = found || (api::text_of(container, "name") == name &&
                      api::text_of(container, "restartPolicy") == "Always");
  });
  return found;
}

// What is gathered while walking over the statuses.
struct Summary {
  std::string reason;
  int64_t restarts = 0, sidecar_restarts = 0;
  int64_t last_restart = -1, last_sidecar_restart = -1;
  int64_t ready = 0, total = 0;
  bool initializing = false;
};

int64_t last_finished(const Value& status) {
  return parse_time(api::text_of(at(status, "lastState", "terminated"), "finishedAt"));
}

std::string ended(const Value& terminated) {
  if (std::string_view reason = api::text_of(terminated, "reason"); !reason.empty()) {
    return std::string(reason);
  }
  int64_t signal = api::int_of(terminated, "signal");
  if (signal != 0) return "Signal:" + std::to_string(signal);
  return "ExitCode:" + std::to_string(api::int_of(terminated, "exitCode"));
}

// The word for an init container that is not done; empty when it is.
std::string init_reason(const Value& status, bool sidecar, size_t index, size_t total) {
  const Value& state = at(status, "state");
  if (has(state, "terminated")) {
    const Value& terminated = at(state, "terminated");
    if (api::int_of(terminated, "exitCode") == 0) return "";
    return "Init:" + ended(terminated);
  }
  if (sidecar && api::bool_of(status, "started")) return "";
  std::string_view waiting = api::text_of(at(state, "waiting"), "reason");
  if (!waiting.empty() && waiting != "PodInitializing") return "Init:" + std::string(waiting);
  return "Init:" + std::to_string(index) + "/" + std::to_string(total);
}

void sum_init(const Value& pod, Summary& sum) {
  const Value& spec = at(pod, "spec");
  size_t total = size_of(spec, "initContainers");
  each(at(pod, "status"), "initContainerStatuses", [&](const Value& status, size_t index) {
    if (sum.initializing) return;
    bool sidecar = is_sidecar(spec, api::text_of(status, "name"));
    sum.restarts += api::int_of(status, "restartCount");
    sum.last_restart = std::max(sum.last_restart, last_finished(status));
    if (sidecar) {
      sum.sidecar_restarts += api::int_of(status, "restartCount");
      sum.last_sidecar_restart = std::max(sum.last_sidecar_restart, last_finished(status));
      if (api::bool_of(status, "started") && api::bool_of(status, "ready")) ++sum.ready;
    }
    std::string reason = init_reason(status, sidecar, index, total);
    if (reason.empty()) return;
    sum.reason = std::move(reason);
    sum.initializing = true;
  });
}

bool condition_is(const Value& pod, std::string_view type, std::string_view status) {
  bool found = false;
  each(at(pod, "status"), "conditions", [&](const Value& condition, size_t) {
    found = found || (api::text_of(condition, "type") == type &&
                      api::text_of(condition, "status") == status);
  });
  return found;
}

void sum_containers(const Value& pod, Summary& sum) {
  // Only now is it known that init containers are through: theirs no longer count.
  sum.restarts = sum.sidecar_restarts;
  sum.last_restart = sum.last_sidecar_restart;
  bool running = false;
  const Value& statuses = at(pod, "status", "containerStatuses");
  for (size_t i = size_of(at(pod, "status"), "containerStatuses"); i-- > 0;) {
    const Value& status = statuses[static_cast<rapidjson::SizeType>(i)];
    sum.restarts += api::int_of(status, "restartCount");
    sum.last_restart = std::max(sum.last_restart, last_finished(status));
    const Value& state = at(status, "state");
    std::string_view waiting = api::text_of(at(state, "waiting"), "reason");
    if (!waiting.empty()) {
      sum.reason = waiting;
    } else if (has(state, "terminated")) {
      sum.reason = ended(at(state, "terminated"));
    } else if (api::bool_of(status, "ready") && has(state, "running")) {
      running = true;
      ++sum.ready;
    }
  }
  if (sum.reason == "Completed" && running) {
    sum.reason = condition_is(pod, "Ready", "True") ? "Running" : "NotReady";
  }
}

Summary summarize(const Value& pod) {
  Summary sum;
  const Value& status = at(pod, "status");
  std::string_view phase = api::text_of(status, "phase");
  std::string_view reason = api::text_of(status, "reason");
  sum.reason = reason.empty() ? phase : reason;
  each(status, "conditions", [&](const Value& condition, size_t) {
    if (api::text_of(condition, "type") == "PodScheduled" &&
        api::text_of(condition, "reason") == "SchedulingGated") {
      sum.reason = "SchedulingGated";
    }
  });
  sum.total = static_cast<int64_t>(size_of(at(pod, "spec"), "containers"));
  each(at(pod, "spec"), "initContainers", [&](const Value& container, size_t) {
    if (api::text_of(container, "restartPolicy") == "Always") ++sum.total;
  });
  sum_init(pod, sum);
  if (!sum.initializing || condition_is(pod, "Initialized", "True")) sum_containers(pod, sum);
  if (has(at(pod, "metadata"), "deletionTimestamp")) {
    if (reason == "NodeLost") {
      sum.reason = "Unknown";
    } else if (phase != "Succeeded" && phase != "Failed") {
      sum.reason = "Terminating";
    }
  }
  return sum;
}

std::string readiness_gates(const Value& pod) {
  const Value& spec = at(pod, "spec");
  size_t total = size_of(spec, "readinessGates"), passed = 0;
  if (total == 0) return "<none>";
  each(spec, "readinessGates", [&](const Value& gate, size_t) {
    if (condition_is(pod, api::text_of(gate, "conditionType"), "True")) ++passed;
  });
  return std::to_string(passed) + "/" + std::to_string(total);
}

void print_pod(const Value& pod, int64_t now, Value& cells, Allocator& allocator) {
  Summary sum = summarize(pod);
  std::string restarts = std::to_string(sum.restarts);
  if (sum.restarts != 0 && sum.last_restart >= 0) {
    restarts += " (" + human_duration(now - sum.last_restart) + " ago)";
  }
  const Value& status = at(pod, "status");
  std::string_view ip;
  if (const Value& ips = at(status, "podIPs"); ips.IsArray() && !ips.Empty()) {
    ip = api::text_of(ips[0], "ip");
  }
  add_cell(cells, api::text_of(at(pod, "metadata"), "name"), allocator);
  add_cell(cells, std::to_string(sum.ready) + "/" + std::to_string(sum.total), allocator);
  add_cell(cells, sum.reason, allocator);
  add_cell(cells, restarts, allocator);
  add_cell(cells, created(pod, now), allocator);
  add_cell(cells, or_none(ip), allocator);
  add_cell(cells, or_none(api::text_of(at(pod, "spec"), "nodeName")), allocator);
  add_cell(cells, or_none(api::text_of(status, "nominatedNodeName")), allocator);
  add_cell(cells, readiness_gates(pod), allocator);
}

// kubectl hides rows whose condition Completed is True where it is told to.
void pod_conditions(const Value& pod, Value& out, Allocator& allocator) {
  std::string_view phase = api::text_of(at(pod, "status"), "phase");
  if (phase != "Succeeded" && phase != "Failed") return;
  Value condition(rapidjson::kObjectType);
  api::set(condition, "type", std::string_view("Completed"), allocator);
  api::set(condition, "status", std::string_view("True"), allocator);
  api::set(condition, "reason", phase, allocator);
  api::set(condition, "message",
           std::string_view(phase == "Succeeded" ? "The pod has completed successfully."
                                                 : "The pod failed."),
           allocator);
  out.PushBack(condition, allocator);
}

constexpr Column kPodTemplateColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Containers", "string", "", 0, "Names of the containers in the template."},
    {"Images", "string", "", 0, "Images of the containers in the template."},
    {"Pod Labels", "string", "", 0, "Labels of the Pods made from the template."},
};

void print_pod_template(const Value& object, int64_t, Value& cells, Allocator& allocator) {
  const Value& pod_template = at(object, "template");
  const Value& containers = at(pod_template, "spec", "containers");
  add_cell(cells, api::text_of(at(object, "metadata"), "name"), allocator);
  add_cell(cells, join(containers, "name"), allocator);
  add_cell(cells, join(containers, "image"), allocator);
  add_cell(cells, join_labels(at(pod_template, "metadata", "labels")), allocator);
}

}  // namespace

const Printer kPodPrinter = {kPodColumns, print_pod, pod_conditions};
const Printer kPodTemplatePrinter = {kPodTemplateColumns, print_pod_template};

}  // namespace kist::apiserver
