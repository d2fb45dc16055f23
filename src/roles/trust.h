// Everything the server proves itself with: its CA and what the CA signed.
//
// On disk below <data_dir>/server/tls, one .crt and .key per name; in memory only where the whole
// cluster is (--ephemeral).
#pragma once

#include <string>
#include <vector>

#include "kist/net/pki.h"
#include "kist/net/server.h"

namespace kist::roles {

struct TrustOptions {
  std::string directory;           // empty: in memory
  std::vector<std::string> names;  // of the server's certificate: DNS names and IPs
};

struct Trust {
  net::CertificatePair ca, server, admin;
  std::string service_account_key_pem;  // signs the tokens of service accounts

  net::TlsMaterial tls() const;
};

// What is there and still serves is kept; leaves that are missing, foreign or due are issued anew.
Result<Trust> prepare_trust(const TrustOptions& options, const Clock& clock);

}  // namespace kist::roles
