#include "roles/kubeconfig.h"

#include "kist/base/base64.h"

namespace kist::roles {

std::string kubeconfig_text(const KubeconfigContent& content) {
  return "apiVersion: v1\n"
         "kind: Config\n"
         "clusters:\n"
         "- name: default\n"
         "  cluster:\n"
         "    server: " +
         content.server +
         "\n"
         "    certificate-authority-data: " +
         encode_base64(content.ca_certificate_pem) +
         "\n"
         "users:\n"
         "- name: default\n"
         "  user:\n"
         "    client-certificate-data: " +
         encode_base64(content.client.certificate_pem) +
         "\n"
         "    client-key-data: " +
         encode_base64(content.client.key_pem) +
         "\n"
         "contexts:\n"
         "- name: default\n"
         "  context:\n"
         "    cluster: default\n"
         "    user: default\n"
         "current-context: default\n";
}

}  // namespace kist::roles
