// The server of src/roles in the test's own process: store, API server, controllers and the network
// with TLS on a free port. Clients are real ones, with the admin's certificate.
//
// Without a directory everything is in memory. restart() stops it and starts it again on the same
// files, as a new process would find them; the port changes.
#pragma once

#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "api_harness.h"
#include "http_client.h"
#include "kist/controllers/manager.h"
#include "roles/role.h"
#include "roles/server_setup.h"

namespace kist::integration {

using testing::HttpClient;
using testing::HttpReply;

inline constexpr const char* kConfigMaps = "/api/v1/namespaces/default/configmaps";

class TempDir {
 public:
  TempDir() {
    std::string name =
        (std::filesystem::temp_directory_path() / "kist-integration.XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Cluster {
 public:
  explicit Cluster(std::string directory = {}) {
    options_.data_dir = directory;
    options_.ephemeral = directory.empty();
    options_.bind_address = "127.0.0.1";
    options_.agent = false;
    start();
  }
  ~Cluster() { stop(); }

  void restart() {
    stop();
    start();
  }

  testing::HttpClientOptions client_options() const {
    return {.port = net_->port(),
            .ca_pem = trust_.ca.certificate_pem,
            .certificate_pem = trust_.admin.certificate_pem,
            .key_pem = trust_.admin.key_pem,
            .timeout = std::chrono::milliseconds(20'000)};
  }
  HttpClient client() const { return HttpClient(client_options()); }
  net::ServerStats stats() const { return net_->stats(); }

 private:
  void start() {
    const roles::ServerOptions options = roles::complete(options_);
    REQUIRE(roles::prepare_data_dir(options).ok());
    trust_ = roles::prepare_trust(roles::trust_options(options), system_clock()).value();
    store_ = roles::open_store(options).value();
    api_ = apiserver::ApiServer::create(*store_, system_clock(),
                                        roles::api_options(options, trust_).value());
    net::ServerOptions net = roles::net_options(options, trust_);
    net.port = 0;
    net_ = std::make_unique<net::Server>(std::move(net), *api_);
    controllers_ = controllers::make_controller_manager(
        *api_, system_clock(), {.ca_certificate_pem = trust_.ca.certificate_pem});
    role_ = std::make_unique<roles::Role>();
    role_->add(*api_);
    role_->add(*net_);
    role_->add(*controllers_);
    REQUIRE(role_->start().ok());
  }
  void stop() {
    role_.reset();
    controllers_.reset();
    net_.reset();
    api_.reset();
    store_.reset();
  }

  roles::ServerOptions options_;
  roles::Trust trust_;
  std::unique_ptr<datastore::Store> store_;
  std::unique_ptr<apiserver::ApiServer> api_;
  std::unique_ptr<net::Server> net_;
  std::unique_ptr<controllers::ControllerManager> controllers_;
  std::unique_ptr<roles::Role> role_;
};

// What is at a dotted path of a JSON text ("metadata.name").
inline std::string at(const std::string& body, std::string_view path) {
  return test::Answer{0, {}, body}.at(path);
}

inline testing::HttpHeaders json() { return {{"Content-Type", "application/json"}}; }

inline std::string config_map(const std::string& name, const std::string& more = "") {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + "\"" + more +
         "}}";
}

// The answer's body; the status is checked.
inline std::string must(HttpClient& client, int status, std::string_view method,
                        const std::string& path, const std::string& body = {},
                        const testing::HttpHeaders& headers = json()) {
  const HttpReply reply = client.request(method, path, body, headers);
  INFO(method << " " << path << ": " << reply.error << " " << reply.body.substr(0, 600));
  REQUIRE(reply.status == status);
  return reply.body;
}

}  // namespace kist::integration
