// The file with which an admin's kubectl talks to the server.
#pragma once

#include <string>

#include "kist/net/pki.h"

namespace kist::roles {

struct KubeconfigContent {
  std::string server;  // "https://127.0.0.1:6443"
  std::string ca_certificate_pem;
  net::CertificatePair client;
};

// kubeconfig v1 as YAML: one cluster, user and context, all named "default", as k3s names them.
std::string kubeconfig_text(const KubeconfigContent& content);

}  // namespace kist::roles
