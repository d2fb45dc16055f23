// See node_info.h.
#include "src/scheduler/node_info.h"

#include <algorithm>

#include "kist_api_views.h"

namespace kist::scheduler {

namespace core = api::core_v1;

NodePtr read_node(const api::Value& value) {
  const core::Node node(value);
  auto info = std::make_shared<NodeInfo>();
  info->name = node.metadata().name();
  for (const auto& [key, text] : node.metadata().labels()) info->labels.emplace_back(key, text);
  std::sort(info->labels.begin(), info->labels.end());
  info->unschedulable = node.spec().unschedulable();
  for (const core::Taint taint : node.spec().taints())
    info->taints.push_back(
        {std::string(taint.key()), std::string(taint.value_()), std::string(taint.effect())});
  for (const auto& [resource, quantity] : node.status().allocatable()) {
    if (resource != "pods") {
      info->allocatable.set(resource, quantity);
      continue;
    }
    Amounts pods;  // a count like any extended resource
    pods.set("pods", quantity);
    info->pods_max = pods.of("pods");
  }
  for (const core::ContainerImage image : node.status().images())
    for (std::string_view name : image.names()) info->images.emplace_back(name, image.size_bytes());
  return info;
}

std::shared_ptr<const void> project_node(const api::Value& node, client::Texts&) {
  return read_node(node);
}

NodePtr node_info(const client::ObjectPtr& node) {
  return std::static_pointer_cast<const NodeInfo>(node->view);
}

}  // namespace kist::scheduler
