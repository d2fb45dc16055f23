// Tokens of service accounts: JWTs signed with ES256, as TokenRequest hands them out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"

namespace kist::apiserver {

inline constexpr std::string_view kInvalidToken = "invalid bearer token";

// What a token stands and falls with; without a name there is no such thing.
struct BoundObject {
  std::string name, uid;
};

struct ServiceAccountClaims {
  std::string namespace_name, name, uid;
  std::string id = {};  // of the token ("jti"); sign() chooses it
  BoundObject pod = {}, secret = {};
  BoundObject node = {};  // of a pod's token: where it runs; its uid may be unknown
  std::vector<std::string> audiences = {};
  int64_t issued = 0, expires = 0;  // Unix seconds
  int64_t warn_after = 0;           // when it should have been renewed; 0: when it expires
};

class ServiceAccountTokens {
 public:
  // kInvalid: not a P-256 private key in PEM.
  static Result<std::shared_ptr<const ServiceAccountTokens>> create(std::string_view key_pem,
                                                                    std::string issuer);
  virtual ~ServiceAccountTokens() = default;

  virtual Result<std::string> sign(const ServiceAccountClaims& claims) const = 0;
  // kUnauthorized: not ours, altered, expired or for another audience. Whether what it is bound to
  // is still there is the caller's to see.
  virtual Result<ServiceAccountClaims> verify(std::string_view token, int64_t now) const = 0;
};

}  // namespace kist::apiserver
