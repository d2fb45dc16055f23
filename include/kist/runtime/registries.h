// Where images come from: registries.yaml in the form of k3s and rke2, made JSON by the caller.
//
//   mirrors: {docker.io: {endpoint: ["https://mirror:5000"], rewrite: {"^library/(.*)": "hub/$1"}}}
//   configs: {"mirror:5000": {auth: {username: u, password: p}, tls: {ca_file: /etc/ca.pem}}}
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kist/base/result.h"

namespace kist::runtime::images {

struct RegistryMirror {
  std::vector<std::string> endpoints;  // URLs, tried in order before the registry itself
  // Patterns (POSIX extended) on the repository, and what takes their place; the first that fits.
  std::vector<std::pair<std::string, std::string>> rewrites;
};

struct RegistryAccess {
  std::string username, password;
  std::string identity_token;
  std::string ca_file, cert_file, key_file;
  bool insecure_skip_verify = false;
};

struct Registries {
  std::map<std::string, RegistryMirror> mirrors;  // by registry; "*" for all others
  std::map<std::string, RegistryAccess> configs;  // by host, as in an endpoint's URL
};

// kInvalid with the field's path; unknown fields are refused.
Result<Registries> parse_registries(std::string_view json);

// One place to ask for a repository.
struct RegistryEndpoint {
  std::string url;         // "https://registry-1.docker.io/v2", without a slash at the end
  std::string host;        // key of RegistryAccess
  std::string repository;  // after the rewrites
  std::string ns;          // the registry meant, where the host is a mirror of it; else empty
};
// In the order in which they are tried. Loopback hosts are spoken to in plain HTTP, as docker does.
Result<std::vector<RegistryEndpoint>> endpoints_of(const Registries& registries,
                                                   std::string_view registry,
                                                   std::string_view repository);

}  // namespace kist::runtime::images
