// Addresses and ports of Services, turned into those of pods by the kernel.
//
//   auto table = make_service_table({.service_cidrs = {...}});
//   TRY(table->start());                                      // takes over what is there
//   TRY(table->replace(services));                            // once, when all are known
//   TRY(table->apply({{{ip, Protocol::kTcp, 80}, Backends{...}}}));  // from then on
//
// One changed endpoint costs a few map elements however many Services there are. A change happens
// as a whole or not at all: no connection sees half of it.
//
// Threads: one at a time. Errors: kInvalid names the frontend; others are the kernel's, and nothing
// has changed then.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kist/base/result.h"
#include "kist/cni/address.h"
#include "kist/cni/pod_network.h"

namespace kist::cni {

// Where clients connect to. With the unspecified address (0.0.0.0 or ::) it is a node port: every
// address of the node but loopback.
struct Frontend {
  IpAddress address;
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;
  auto operator<=>(const Frontend&) const = default;

  bool is_node_port() const;
  std::string text() const;  // "10.43.0.10:53/UDP"
};

struct Endpoint {
  IpAddress address;  // of the frontend's family
  uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

struct Backends {
  std::vector<Endpoint> endpoints;   // none: connections are refused at once
  std::chrono::seconds affinity{0};  // how long a client stays with an endpoint; 0: it does not
  bool operator==(const Backends&) const = default;
};

using Services = std::map<Frontend, Backends>;
using ServiceChanges = std::map<Frontend, std::optional<Backends>>;  // none: goes away

struct ServiceTableOptions {
  // Connections to other addresses and ports of these are refused. Their families are served.
  std::vector<IpPrefix> service_cidrs;
  std::string table = "kist_services";  // ours alone
};

class ServiceTable {
 public:
  virtual ~ServiceTable() = default;
  // Prepares the tables and reads what an earlier process left in them, which stays in force. What
  // cannot be understood is removed.
  virtual Result<> start() = 0;
  // Exactly these from now on; only what differs is written.
  virtual Result<> replace(const Services& services) = 0;
  virtual Result<> apply(const ServiceChanges& changes) = 0;
  virtual const Services& current() const = 0;
  // Leaves no table behind. Only start() may follow; it need not have been called before.
  virtual Result<> remove_all() = 0;
};

// Works in the network namespace of the thread that calls start() or remove_all().
std::unique_ptr<ServiceTable> make_service_table(ServiceTableOptions options);

}  // namespace kist::cni
