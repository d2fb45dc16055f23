// `kist server`: the API server, its store and its controllers in one process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "kist/base/clock.h"
#include "kist/base/result.h"

namespace kist::roles {

struct ServerOptions {
  std::string data_dir;                  // unused when ephemeral
  std::string bind_address = "0.0.0.0";  // an IP; "::" takes both families
  std::string advertise_address;         // empty: bind_address, or the one with the default route
  int port = 6443;
  std::vector<std::string> tls_san;  // further names in the server's certificate
  std::string kubeconfig;            // where the admin's kubeconfig is written
  mode_t kubeconfig_mode = 0600;
  std::string token_auth_file;  // empty: none
  std::string service_cidr = "10.43.0.0/16";
  int node_port_first = 30000;
  int node_port_last = 32767;
  bool agent = true;  // wanted; this build has none and says so
  bool ephemeral = false;
};

// Runs until SIGTERM or SIGINT. An error, with what to do about it, if it cannot start.
Result<> run_server(const ServerOptions& options, const Clock& clock);

}  // namespace kist::roles
