// The Kubernetes API: HTTP requests in, objects of a datastore::Store out.
//
// It is a net::Handler, so a net::Server can put it on a socket and client::InProcess can hand it
// to controllers of the same process: one pipeline for both. Who asks is Request.peer (the subject
// of a client certificate, or the name under which a controller runs; until RBAC exists it needs
// the organization "system:masters") or a bearer token.
//
//   auto server = apiserver::ApiServer::create(store, system_clock(), options);
//   TRY(server->start());                       // loads the cache, makes the bootstrap objects
//   net_server.serve(*server);                  // any thread may call handle() from here on
//
// Threads: handle() from any thread; it never blocks. Watch events leave from the store's thread.
// Ownership: the Store and the Clock must outlive the server; open exchanges keep what they need.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kist/base/clock.h"
#include "kist/base/component.h"
#include "kist/base/result.h"
#include "kist/datastore/store.h"
#include "kist/net/handler.h"

namespace kist::apiserver {

// What /version tells.
struct Version {
  std::string major = "1";
  std::string minor = "33";
  std::string git_version = "v1.33.4+kist";
  std::string git_commit = "unknown";
  std::string build_date = "1970-01-01T00:00:00Z";
};

struct Options {
  // Where clients of the cluster reach us: the `kubernetes` Service's endpoint. On loopback the
  // Service gets none, since pods could not use it.
  std::string advertise_address = "127.0.0.1";
  int advertise_port = 6443;

  std::string service_cidr = "10.43.0.0/16";  // its first address is the `kubernetes` Service's
  int node_port_first = 30000;
  int node_port_last = 32767;

  // Bearer tokens as CSV text, one a line: token,user,uid[,"group1,group2"] (kube-apiserver's
  // --token-auth-file). Empty: none.
  std::string token_csv;

  std::string ca_certificate_pem;  // what kube-root-ca.crt ConfigMaps hold

  // EC P-256 private key (PEM) that signs service account tokens. Empty: TokenRequests are refused.
  std::string service_account_key_pem;
  std::string issuer = "https://kubernetes.default.svc.cluster.local";

  Version version;
  int workers = 4;               // threads for writes and long answers
  int reads_inflight_max = 400;  // requests at a time, without watches; more are answered 429
  int writes_inflight_max = 200;
  int watches_max = 20'000;
};

// A named condition of /readyz: nothing while all is well.
struct ReadyCheck {
  std::string name;  // "etcd", "poststarthook/start-controllers"
  std::function<Result<>()> check;
};

class ApiServer : public net::Handler, public Component {
 public:
  static std::unique_ptr<ApiServer> create(datastore::Store& store, const Clock& clock,
                                           Options options);

  const char* name() const override { return "apiserver"; }

  // Reads everything stored into the cache and makes what every cluster has: the namespaces
  // default, kube-system, kube-public, kube-node-lease, and the `kubernetes` Service. kUnavailable:
  // the store does not answer. kInvalid: an option is wrong.
  Result<> start() override = 0;

  // Ends watches, answers what is queued, joins the threads. handle() answers 503 from here on.
  void stop() override = 0;

  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override = 0;

  // Adds to /readyz and /livez. Before start().
  virtual void add_ready_check(ReadyCheck check) = 0;

  // Finds the kubelet's API of a node by the node's name; null: not reachable. Logs, exec, attach
  // and port-forward of a node's pods are handed to it, with the client's own exchange, as requests
  // of the kubelet ("/exec/<namespace>/<pod>/<container>?command=..."; kist/net/streams.h answers
  // them). Called on any thread; what it finds must outlive the server. Before start().
  using FindNode = std::function<net::Handler*(std::string_view node)>;
  virtual void set_nodes(FindNode find) = 0;
};

}  // namespace kist::apiserver
