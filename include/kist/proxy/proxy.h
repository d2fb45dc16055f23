// The Service proxy of a node: watches Services and EndpointSlices and keeps the rules of a
// cni::ServiceTable to match.
//
//   auto proxy = proxy::make_proxy(api_server, system_clock(), *table, {.node = "n1"});
//   TRY(proxy->start());
//
// Its rules stay in force when it stops: connections go on while it is replaced.
#pragma once

#include <memory>
#include <string>

#include "kist/base/clock.h"
#include "kist/base/component.h"
#include "kist/cni/service_table.h"
#include "kist/net/handler.h"

namespace kist::proxy {

struct Options {
  std::string node;                // whose endpoints are local: for the traffic policies "Local"
  bool ipv4 = true, ipv6 = false;  // families that the table serves; others are left out
  net::PeerIdentity identity = {"system:kube-proxy", {"system:masters"}};
};

// `handler`, `clock` and `table` outlive it; nobody else uses the table while it runs. start() fails
// where the table does, and returns when the rules are those of all Services there are.
std::unique_ptr<Component> make_proxy(net::Handler& handler, const Clock& clock,
                                      cni::ServiceTable& table, Options options);

}  // namespace kist::proxy
