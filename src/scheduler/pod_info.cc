// See pod_info.h.
#include "src/scheduler/pod_info.h"

#include "kist_api_views.h"

namespace kist::scheduler {
namespace {

namespace core = api::core_v1;

constexpr std::string_view kAnyAddress = "0.0.0.0";

void read_ports(const core::Container& container, std::vector<HostPort>& ports) {
  for (const core::ContainerPort port : container.ports()) {
    if (port.host_port() <= 0) continue;
    HostPort& next = ports.emplace_back();
    next.ip = port.host_ip().empty() ? kAnyAddress : port.host_ip();
    next.protocol = port.protocol().empty() ? "TCP" : port.protocol();
    next.port = port.host_port();
  }
}

// Nodes list images with their tag, and "latest" is what a name without one means.
std::string image_name(std::string_view image) {
  std::string name(image);
  if (name.rfind(':') == std::string::npos || name.rfind(':') < name.rfind('/') + 1)
    if (name.find('@') == std::string::npos) name += ":latest";
  return name;
}

void read_containers(const core::PodSpec& spec, PodInfo& info) {
  for (const core::Container container : spec.init_containers()) {
    info.images.push_back(image_name(container.image()));
    if (container.restart_policy() == "Always") read_ports(container, info.wants.ports);
  }
  for (const core::Container container : spec.containers()) {
    info.images.push_back(image_name(container.image()));
    read_ports(container, info.wants.ports);
  }
}

void read_wants(const api::Value& pod, PodInfo& info) {
  const core::PodSpec spec = core::Pod(pod).spec();
  PodWants& wants = info.wants;
  wants.requests = pod_requests(pod, Missing::kZero);
  const Amounts guessed = pod_requests(pod, Missing::kGuessed);
  info.guessed_cpu_milli = guessed.cpu_milli;
  info.guessed_memory = guessed.memory;
  for (const core::Toleration item : spec.tolerations())
    wants.tolerations.push_back({std::string(item.key()), std::string(item.operator_()),
                                 std::string(item.value_()), std::string(item.effect())});
  wants.nodes = node_choice(pod);
  wants.gated = !spec.scheduling_gates().empty();
  for (const auto& [key, value] : core::Pod(pod).metadata().labels())
    wants.labels.emplace_back(key, value);
}

void read_condition(const core::PodStatus& status, PodInfo& info) {
  for (const core::PodCondition condition : status.conditions()) {
    if (condition.type() != "PodScheduled") continue;
    info.condition_status = condition.status();
    info.condition_reason = condition.reason();
    info.condition_message = condition.message();
  }
}

}  // namespace

bool HostPort::conflicts(const HostPort& other) const {
  if (port != other.port || protocol != other.protocol) return false;
  return ip == other.ip || ip == kAnyAddress || other.ip == kAnyAddress;
}

bool Toleration::tolerates(const Taint& taint) const {
  if (!effect.empty() && effect != taint.effect) return false;
  if (!key.empty() && key != taint.key) return false;
  if (op == "Exists") return true;
  return (op.empty() || op == "Equal") && value == taint.value;
}

PodPtr read_pod(const api::Value& value) {
  const core::Pod pod(value);
  auto info = std::make_shared<PodInfo>();
  info->space = pod.metadata().namespace_();
  info->name = pod.metadata().name();
  info->uid = pod.metadata().uid();
  info->resource_version = pod.metadata().resource_version();
  info->deleting = !pod.metadata().deletion_timestamp().empty();
  info->node = pod.spec().node_name();
  info->scheduler = pod.spec().scheduler_name();
  info->priority = pod.spec().priority().value_or(0);
  info->preempts = pod.spec().preemption_policy() != "Never";
  info->ended = pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
  read_containers(pod.spec(), *info);
  read_wants(value, *info);
  read_condition(pod.status(), *info);
  return info;
}

std::shared_ptr<const void> project_pod(const api::Value& pod, client::Texts&) {
  return read_pod(pod);
}

PodPtr pod_info(const client::ObjectPtr& pod) {
  return std::static_pointer_cast<const PodInfo>(pod->view);
}

}  // namespace kist::scheduler
