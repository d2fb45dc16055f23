#include "roles/server_setup.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <filesystem>

#include "kist/base/log.h"
#include "kist/datastore/admin.h"
#include "roles/files.h"
#include "roles/process.h"
#include "roles/version.h"

namespace kist::roles {
namespace {

constexpr size_t kTokenFileBytesMax = 1 << 20;
constexpr size_t kStoreWindowEvents = 64;

bool any_address(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

std::string host_name() {
  char name[256] = "";
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

// The first address behind the network's own: 10.43.0.1 of 10.43.0.0/16. Empty if it is no CIDR;
// the API server says so.
std::string first_service_address(const std::string& cidr) {
  in_addr address{};
  if (::inet_pton(AF_INET, cidr.substr(0, cidr.find('/')).c_str(), &address) != 1) return {};
  address.s_addr = htonl(ntohl(address.s_addr) + 1);
  char text[INET_ADDRSTRLEN] = "";
  return ::inet_ntop(AF_INET, &address, text, sizeof text) != nullptr ? text : "";
}

// A failure of the server's own, before any handler: a Status all the same, since clients parse it.
net::Response status_response(int status, std::string message) {
  std::string quoted;
  for (const char c : message) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) quoted += c;
  }
  const char* reason = status == 413   ? "RequestEntityTooLarge"
                       : status >= 500 ? "InternalError"
                                       : "BadRequest";
  return {status,
          {{"Content-Type", "application/json"}},
          {Slice::of("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
                     "\"Failure\",\"message\":\"" +
                     quoted + "\",\"reason\":\"" + reason +
                     "\",\"code\":" + std::to_string(status) + "}\n")}};
}

}  // namespace

Error advise(Error error, const std::string& advice) {
  error.message += ": " + advice;
  return error;
}

ServerOptions complete(ServerOptions options) {
  if (options.advertise_address.empty()) {
    options.advertise_address =
        any_address(options.bind_address) ? primary_address() : options.bind_address;
  }
  return options;
}

std::string local_url(const ServerOptions& options) {
  const std::string& bound = options.bind_address;
  std::string host = any_address(bound) ? "127.0.0.1" : bound;
  if (host.find(':') != host.npos) host = "[" + host + "]";
  return "https://" + host + ":" + std::to_string(options.port);
}

Result<> prepare_data_dir(const ServerOptions& options) {
  if (options.ephemeral) return {};
  std::error_code error;
  std::filesystem::create_directories(options.data_dir, error);
  if (!error && ::access(options.data_dir.c_str(), W_OK | X_OK) == 0) return {};
  return advise(error ? errno_error("create " + options.data_dir, error.value())
                      : errno_error("data directory " + options.data_dir),
                "choose one that this user may write with --data-dir, or --ephemeral");
}

TrustOptions trust_options(const ServerOptions& options) {
  TrustOptions trust;
  if (!options.ephemeral) trust.directory = options.data_dir + "/server/tls";
  trust.names = {"localhost",
                 "127.0.0.1",
                 "::1",
                 "kubernetes",
                 "kubernetes.default",
                 "kubernetes.default.svc",
                 "kubernetes.default.svc.cluster.local"};
  for (const std::string& name :
       {host_name(), options.advertise_address, first_service_address(options.service_cidr)}) {
    if (!name.empty()) trust.names.push_back(name);
  }
  if (!any_address(options.bind_address)) trust.names.push_back(options.bind_address);
  trust.names.insert(trust.names.end(), options.tls_san.begin(), options.tls_san.end());
  return trust;
}

Result<std::unique_ptr<datastore::Store>> open_store(const ServerOptions& options) {
  if (options.ephemeral) return datastore::open_memory_store();
  datastore::SqliteOptions sqlite;
  sqlite.path = datastore::database_path(options.data_dir);
  // The API server's cache is the one watcher and remembers events itself, for all its clients.
  sqlite.window_events_max = kStoreWindowEvents;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(sqlite.path).parent_path(), error);
  if (error) return errno_error("create the directory of " + sqlite.path, error.value());
  Result<std::unique_ptr<datastore::Store>> store = datastore::open_sqlite_store(sqlite);
  if (store.ok()) return store;
  const Code code = store.error().code;
  if (code == Code::kConflict) {
    return advise(std::move(store).error(), "another kist server uses " + options.data_dir +
                                                ", stop it or choose another --data-dir");
  }
  if (code == Code::kInternal) {
    return advise(std::move(store).error(), "see kist db check and kist db restore");
  }
  return store;
}

Result<apiserver::Options> api_options(const ServerOptions& options, const Trust& trust) {
  apiserver::Options api;
  api.advertise_address = options.advertise_address;
  api.advertise_port = options.port;
  api.service_cidr = options.service_cidr;
  api.node_port_first = options.node_port_first;
  api.node_port_last = options.node_port_last;
  if (!options.token_auth_file.empty()) {
    api.token_csv =
        TRY(read_file(options.token_auth_file, kTokenFileBytesMax).context("--token-auth-file"));
  }
  api.ca_certificate_pem = trust.ca.certificate_pem;
  api.service_account_key_pem = trust.service_account_key_pem;
  api.version = build_version();
  return api;
}

net::ServerOptions net_options(const ServerOptions& options, const Trust& trust) {
  net::ServerOptions net;
  net.bind_address = options.bind_address;
  net.port = static_cast<uint16_t>(options.port);
  net.tls = trust.tls();
  net.error_response = status_response;
  return net;
}

Error explain_start(Error error, const ServerOptions& options) {
  if (error.code != Code::kAlreadyExists) return error;
  return advise(std::move(error), "another program listens on port " +
                                      std::to_string(options.port) +
                                      ", stop it or choose another --https-listen-port");
}

void log_ready(const ServerOptions& options, std::chrono::steady_clock::duration took) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  log_info("ready", {{"url", local_url(options)},
                     {"kubeconfig", options.kubeconfig},
                     {"data", options.ephemeral ? "in memory" : options.data_dir},
                     {"ms", std::to_string(ms)}});
  if (options.agent) {
    log_info("no node agent in this build: pods are kept but not run (--disable-agent)");
  }
}

}  // namespace kist::roles
