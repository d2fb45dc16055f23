// The scheduler: gives every pod that has none a node, or says in the pod's condition and events
// why it cannot.
//
//   auto scheduler = scheduler::make_scheduler(api_server, system_clock(), {});
//   TRY(scheduler->start());
//
// It is a client of the API like any other: `handler` is the API server's net::Handler, which must
// be started before and outlive it.
#pragma once

#include <memory>
#include <string>

#include "kist/base/clock.h"
#include "kist/base/component.h"
#include "kist/net/handler.h"

namespace kist::scheduler {

struct Options {
  // Pods that name another one in spec.schedulerName are left alone.
  std::string name = "default-scheduler";
  // Until there are roles to read, only system:masters may write.
  net::PeerIdentity identity = {"system:kube-scheduler", {"system:masters"}};
};

class Scheduler : public Component {
 public:
  const char* name() const override { return "scheduler"; }
  // Everything seen was acted on, nothing is due, no answer is awaited: for tests and measurements.
  virtual bool idle() const = 0;
};

std::unique_ptr<Scheduler> make_scheduler(net::Handler& handler, const Clock& clock,
                                          Options options);

}  // namespace kist::scheduler
