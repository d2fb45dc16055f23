// Our own small certificate authority: ECDSA P-256, SHA-256, PEM.
//
// Clocks: a board without RTC starts in 1970 and jumps later. So every certificate begins in 2000,
// and where the clock stands before kPlausibleNow its end is counted from there with a long life;
// renewal_due() then asks for an ordinary one as soon as the clock is right. Verification on our
// side (net::Server) ignores "not yet valid", which our CA never means, and honours "expired".
//
// Threads: free functions, any thread. Errors: kInvalid for PEM that does not parse or match.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/clock.h"
#include "kist/base/result.h"
#include "kist/net/handler.h"

namespace kist::net {

using WallTime = std::chrono::system_clock::time_point;

// No clock of a machine that runs this program is right and before this: 2026-01-01T00:00:00Z.
inline constexpr std::chrono::sys_seconds kPlausibleNow{std::chrono::seconds{1'767'225'600}};

struct CertificatePair {
  std::string certificate_pem;
  std::string key_pem;  // PKCS #8, not encrypted
};

struct ServerSubject {
  std::string common_name;
  std::vector<std::string> names;  // IP literals and DNS names, in any order
};

// What a certificate says.
struct CertificateInfo {
  PeerIdentity subject;
  std::vector<std::string> names;  // subject alternative names: DNS and IP
  WallTime not_before, not_after;
  bool is_ca = false;
  std::string sha256;  // of the DER form, 64 hex digits
};

Result<CertificatePair> make_ca(const std::string& common_name, const Clock& clock);
Result<CertificatePair> issue_server_certificate(const CertificatePair& ca,
                                                 const ServerSubject& subject, const Clock& clock);
Result<CertificatePair> issue_client_certificate(const CertificatePair& ca,
                                                 const PeerIdentity& subject, const Clock& clock);

Result<CertificateInfo> inspect_certificate(std::string_view certificate_pem);
// Less than a third of its life is left, or it was made by a clock that was wrong.
bool renewal_due(const CertificateInfo& certificate, const Clock& clock);
// Signed by `ca` and its key fits.
bool pair_belongs_to(const CertificatePair& pair, const std::string& ca_certificate_pem);

// <directory>/<name>.crt and .key, 0600, each written whole or not at all and synced.
Result<> save_pair(const std::string& directory, const std::string& name,
                   const CertificatePair& pair);
Result<CertificatePair> load_pair(const std::string& directory, const std::string& name);

// The pair stored under that name if it still serves, else a new one, stored. A CA is never
// replaced: one that is there and unusable is kInvalid. Leaves are reissued when they are missing,
// of another CA or subject, or due for renewal. The directory is made (0700) if needed.
Result<CertificatePair> ensure_ca(const std::string& directory, const std::string& name,
                                  const std::string& common_name, const Clock& clock);
Result<CertificatePair> ensure_server_certificate(const std::string& directory,
                                                  const std::string& name,
                                                  const CertificatePair& ca,
                                                  const ServerSubject& subject, const Clock& clock);
Result<CertificatePair> ensure_client_certificate(const std::string& directory,
                                                  const std::string& name,
                                                  const CertificatePair& ca,
                                                  const PeerIdentity& subject, const Clock& clock);

}  // namespace kist::net
