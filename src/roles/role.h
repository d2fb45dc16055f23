// A list of components: started in order, stopped in reverse.
#pragma once

#include <vector>

#include "kist/base/component.h"

namespace kist::roles {

class Role {
 public:
  ~Role() { stop(); }

  // The component, owned by the caller, must outlive the Role.
  void add(Component& component) { components_.push_back(&component); }

  // Each in its turn, once the one before it serves. On failure those that run are stopped.
  Result<> start();
  void stop();

 private:
  std::vector<Component*> components_;
  size_t started_ = 0;
};

}  // namespace kist::roles
