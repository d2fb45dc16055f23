#include "roles/role.h"

#include "kist/base/log.h"

namespace kist::roles {

Result<> Role::start() {
  for (Component* component : components_) {
    Result<> started = component->start();
    if (!started.ok()) {
      stop();
      return std::move(started).context(component->name());
    }
    ++started_;
    log_debug("component started", {{"component", component->name()}});
  }
  return {};
}

void Role::stop() {
  while (started_ > 0) {
    --started_;
    components_[started_]->stop();
    log_debug("component stopped", {{"component", components_[started_]->name()}});
  }
}

}  // namespace kist::roles
