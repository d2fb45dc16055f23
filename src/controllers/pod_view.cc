// See pod_view.h.
#include "src/controllers/pod_view.h"

#include <algorithm>
#include <charconv>

#include "kist/client/times.h"

namespace kist::controllers {
namespace {

void read_ports(const Value& spec, PodView& view, client::Texts& texts) {
  const auto add = [&](const Value& container) {
    for (const Value& port : elements(container, "ports")) {
      const std::string_view name = texts.keep(api::text_of(port, "name"));
      const std::string_view protocol = texts.keep(api::text_of(port, "protocol"));
      view.ports.push_back({name, protocol.empty() ? "TCP" : protocol,
                            static_cast<int32_t>(api::int_of(port, "containerPort"))});
    }
  };
  for (const Value& container : elements(spec, "containers")) add(container);
  for (const Value& container : elements(spec, "initContainers"))
    if (api::text_of(container, "restartPolicy") == "Always") add(container);  // a sidecar
}

}  // namespace

std::shared_ptr<const void> project_pod(const Value& pod, client::Texts& texts) {
  auto view = std::make_shared<PodView>();
  const auto text = [&texts](const Value& object, std::string_view member) {
    return texts.keep(api::text_of(object, member));
  };
  const Value& spec = spec_of(pod);
  const Value& status = status_of(pod);
  view->phase = text(status, "phase");
  view->node = text(spec, "nodeName");
  view->hostname = text(spec, "hostname");
  view->subdomain = text(spec, "subdomain");
  view->ip = text(status, "podIP");
  for (const Value& ip : elements(status, "podIPs")) view->ips.push_back(text(ip, "ip"));
  view->ips.shrink_to_fit();
  if (view->ips.empty() && !view->ip.empty()) view->ips.push_back(view->ip);
  read_ports(spec, *view, texts);
  view->ports.shrink_to_fit();
  const Value& ready = condition_of(status, "Ready");
  view->ready = api::text_of(ready, "status") == "True";
  view->ready_changed_seconds = client::unix_seconds(api::text_of(ready, "lastTransitionTime"));
  const std::string_view cost = annotation(pod, "controller.kubernetes.io/pod-deletion-cost");
  std::from_chars(cost.data(), cost.data() + cost.size(), view->deletion_cost);
  for (const Value& container : elements(status, "containerStatuses"))
    view->restarts = std::max(view->restarts, api::int_of(container, "restartCount"));
  return view;
}

}  // namespace kist::controllers
