// Tokens of service accounts: JWTs signed with ES256, as TokenRequest hands them out.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"

namespace kist::apiserver {

struct ServiceAccountClaims {
  std::string namespace_name, name, uid;
  std::string pod_name, pod_uid;  // of a bound token; may be empty
  std::vector<std::string> audiences;
  int64_t issued = 0, expires = 0;  // Unix seconds
};

class ServiceAccountTokens {
 public:
  // kInvalid: not a P-256 private key in PEM.
  static Result<std::shared_ptr<const ServiceAccountTokens>> create(std::string_view key_pem,
                                                                    std::string issuer);
  virtual ~ServiceAccountTokens() = default;

  virtual Result<std::string> sign(const ServiceAccountClaims& claims) const = 0;
  // kUnauthorized: not ours, altered, expired or for another audience.
  virtual Result<ServiceAccountClaims> verify(std::string_view token, int64_t now) const = 0;
};

}  // namespace kist::apiserver
