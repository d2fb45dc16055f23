#include "roles/trust.h"

namespace kist::roles {
namespace {

const net::PeerIdentity kAdmin{"system:admin", {"system:masters"}};

Result<Trust> trust_in_memory(const net::ServerSubject& server, const Clock& clock) {
  Trust trust;
  trust.ca = TRY(net::make_ca("kist-ca", clock));
  trust.server = TRY(net::issue_server_certificate(trust.ca, server, clock));
  trust.admin = TRY(net::issue_client_certificate(trust.ca, kAdmin, clock));
  trust.service_account_key_pem = TRY(net::make_ca("kist-service-accounts", clock)).key_pem;
  return trust;
}

}  // namespace

net::TlsMaterial Trust::tls() const {
  return {server.certificate_pem, server.key_pem, ca.certificate_pem};
}

Result<Trust> prepare_trust(const TrustOptions& options, const Clock& clock) {
  const net::ServerSubject server{"kist", options.names};
  if (options.directory.empty()) return trust_in_memory(server, clock);

  const std::string& directory = options.directory;
  Trust trust;
  trust.ca = TRY(net::ensure_ca(directory, "ca", "kist-ca", clock));
  trust.server = TRY(net::ensure_server_certificate(directory, "server", trust.ca, server, clock));
  trust.admin = TRY(net::ensure_client_certificate(directory, "admin", trust.ca, kAdmin, clock));
  // Tokens are checked with the key alone; it is kept as a CA is, since losing it ends every token.
  trust.service_account_key_pem =
      TRY(net::ensure_ca(directory, "service-account", "kist-service-accounts", clock)).key_pem;
  return trust;
}

}  // namespace kist::roles
