// The controllers that make objects real: Deployments, ReplicaSets, Endpoints, EndpointSlices, what
// every namespace has, the end of namespaces, and the garbage collector.
//
//   auto manager = controllers::make_controller_manager(api_server, system_clock(), {});
//   TRY(manager->start());
//
// It is a client of the API like any other: `handler` is the API server's net::Handler, which must
// be started before and outlive it.
#pragma once

#include <memory>
#include <string>

#include "kist/base/clock.h"
#include "kist/base/component.h"
#include "kist/net/handler.h"

namespace kist::controllers {

struct Options {
  int threads = 4;                 // shared by all controllers
  std::string ca_certificate_pem;  // what kube-root-ca.crt ConfigMaps hold; empty: left alone
  net::PeerIdentity identity = {"system:kube-controller-manager", {"system:masters"}};
};

class ControllerManager : public Component {
 public:
  const char* name() const override { return "controllers"; }
  // Every cache is filled and every controller runs, nothing is due: for tests and measurements.
  virtual bool idle() const = 0;
};

std::unique_ptr<ControllerManager> make_controller_manager(net::Handler& handler,
                                                           const Clock& clock, Options options);

}  // namespace kist::controllers
