// Who is asking: a verified client certificate, a bearer token, or nobody.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kist/base/result.h"
#include "kist/net/handler.h"
#include "src/apiserver/authn/service_account_tokens.h"

namespace kist::apiserver {

struct Identity {
  std::string name, uid;
  std::vector<std::string> groups;
  bool in_group(std::string_view group) const;
};

inline constexpr std::string_view kAnonymous = "system:anonymous";
inline constexpr std::string_view kMasters = "system:masters";

class Authenticator {
 public:
  // `tokens` may be null: then service account tokens are refused. kInvalid names the CSV line.
  static Result<Authenticator> create(std::string_view token_csv,
                                      std::shared_ptr<const ServiceAccountTokens> tokens);

  // kUnauthorized: a credential that is wrong. None at all is system:anonymous.
  Result<Identity> authenticate(const net::Request& request, int64_t now) const;
  Result<Identity> authenticate_token(std::string_view token, int64_t now) const;

 private:
  std::unordered_map<std::string, Identity> tokens_;
  std::shared_ptr<const ServiceAccountTokens> service_accounts_;
};

}  // namespace kist::apiserver
