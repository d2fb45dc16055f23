// What controllers ask of Pods, read once per event by the Pod cache.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kist/client/cache.h"
#include "src/controllers/values.h"

namespace kist::controllers {

struct PodPort {
  std::string_view name, protocol;
  int32_t number = 0;
};

// Its texts live as long as the object whose view it is.
struct PodView {
  std::string_view phase, node, ip, hostname, subdomain;
  std::vector<std::string_view> ips;
  std::vector<PodPort> ports;  // of all containers that go on, sidecars last
  bool ready = false;
  int64_t ready_changed_seconds = 0;  // when the Ready condition last changed; 0: unknown
  int64_t deletion_cost = 0;
  int64_t restarts = 0;  // of the container with the most

  bool terminal() const { return phase == "Succeeded" || phase == "Failed"; }
  bool available(int64_t min_ready_seconds, int64_t now) const {
    if (!ready) return false;
    return min_ready_seconds == 0 ||
           (ready_changed_seconds != 0 && ready_changed_seconds + min_ready_seconds <= now);
  }
};

std::shared_ptr<const void> project_pod(const Value& pod, client::Texts& texts);  // a Projection
inline const PodView& pod_view(const client::Object& pod) { return pod.as<PodView>(); }
// Counts as a replica: neither on its way out nor at its end.
inline bool pod_active(const client::Object& pod) {
  return !pod.deleting && !pod_view(pod).terminal();
}

}  // namespace kist::controllers
