// A part of a role: started in order, waited for, stopped in reverse.
#pragma once

#include "kist/base/result.h"

namespace kist {

class Component {
 public:
  virtual ~Component() = default;
  virtual const char* name() const = 0;
  // Returns once the component serves; an error ends the start of the whole role.
  virtual Result<> start() = 0;
  // Returns once its threads are joined. Called once, only after a start() that succeeded.
  virtual void stop() = 0;
};

}  // namespace kist
