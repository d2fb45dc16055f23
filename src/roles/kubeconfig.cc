#include "roles/kubeconfig.h"

#include <cstdint>

namespace kist::roles {

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      text += j <= count ? kDigits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return text;
}

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
         base64(content.ca_certificate_pem) +
         "\n"
         "users:\n"
         "- name: default\n"
         "  user:\n"
         "    client-certificate-data: " +
         base64(content.client.certificate_pem) +
         "\n"
         "    client-key-data: " +
         base64(content.client.key_pem) +
         "\n"
         "contexts:\n"
         "- name: default\n"
         "  context:\n"
         "    cluster: default\n"
         "    user: default\n"
         "current-context: default\n";
}

}  // namespace kist::roles
