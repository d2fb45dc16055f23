// Who is asking: a verified client certificate, a bearer token, or nobody.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kist/base/result.h"
#include "kist/net/handler.h"
#include "src/apiserver/authn/service_account_tokens.h"

namespace kist::apiserver {

struct Identity {
  std::string name, uid;
  std::vector<std::string> groups;
  // What else the credential tells, sorted by key: "authentication.kubernetes.io/pod-name".
  std::vector<std::pair<std::string, std::string>> extra = {};
  bool in_group(std::string_view group) const;
};

inline constexpr std::string_view kAnonymous = "system:anonymous";
inline constexpr std::string_view kMasters = "system:masters";

// What the server holds of an object that a token may be bound to.
struct HeldObject {
  std::string uid;
  std::string deletion;  // RFC 3339, in UTC; empty: it stays
};
// Of "pods", "secrets", "nodes" and "serviceaccounts"; any thread.
using FindHeld = std::function<std::optional<HeldObject>(
    std::string_view plural, std::string_view namespace_name, std::string_view name)>;

// An object counts as deleted so long after its deletionTimestamp: clocks differ.
inline constexpr int64_t kTokenLeewaySeconds = 60;

class Authenticator {
 public:
  // `tokens` may be null: then service account tokens are refused. kInvalid names the CSV line.
  static Result<Authenticator> create(std::string_view token_csv,
                                      std::shared_ptr<const ServiceAccountTokens> tokens,
                                      FindHeld find);

  // kUnauthorized: a credential that is wrong. None at all is system:anonymous.
  Result<Identity> authenticate(const net::Request& request, int64_t now) const;
  // The error tells why, as a TokenReview shows it.
  Result<Identity> authenticate_token(std::string_view token, int64_t now) const;

 private:
  Result<> check_bound(const ServiceAccountClaims& claims, int64_t now) const;

  std::unordered_map<std::string, Identity> tokens_;
  std::shared_ptr<const ServiceAccountTokens> service_accounts_;
  FindHeld find_;
};

}  // namespace kist::apiserver
