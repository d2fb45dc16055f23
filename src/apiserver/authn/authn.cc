// Certificates first, then tokens: a peer with a certificate needs no second credential.
#include "src/apiserver/authn/authn.h"

#include <openssl/sha.h>

#include <algorithm>

#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr size_t kTokenLinesMax = 100'000;

// Tokens are kept as digests, so that looking one up takes no time that depends on its letters.
std::string digest(std::string_view token) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

// The fields of one CSV line; a field may stand in quotes, doubled inside.
std::vector<std::string> split_csv(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quotes = false;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quotes && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += '"';
      ++i;
    } else if (c == '"') {
      quotes = !quotes;
    } else if (c == ',' && !quotes) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  for (std::string& field : fields) field = trim(field);
  return fields;
}

std::vector<std::string> split_groups(std::string_view text) {
  std::vector<std::string> groups;
  while (!text.empty()) {
    size_t end = text.find(',');
    std::string_view group = trim(text.substr(0, end));
    if (!group.empty()) groups.emplace_back(group);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return groups;
}

Identity with_authenticated(Identity identity) {
  if (!identity.in_group("system:authenticated")) identity.groups.push_back("system:authenticated");
  return identity;
}

Error unauthorized() { return {Code::kUnauthorized, "Unauthorized"}; }

}  // namespace

bool Identity::in_group(std::string_view group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<Authenticator> Authenticator::create(std::string_view token_csv,
                                            std::shared_ptr<const ServiceAccountTokens> tokens) {
  Authenticator authenticator;
  authenticator.service_accounts_ = std::move(tokens);
  for (size_t number = 1; !token_csv.empty() && number <= kTokenLinesMax; ++number) {
    size_t end = token_csv.find('\n');
    std::string_view line = trim(token_csv.substr(0, end));
    token_csv = end == std::string_view::npos ? std::string_view() : token_csv.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    std::vector<std::string> fields = split_csv(line);
    if (fields.size() < 3 || fields[0].empty() || fields[1].empty()) {
      return Error{Code::kInvalid, "token file, line " + std::to_string(number) +
                                       ": want token,user,uid[,\"group1,group2\"]"};
    }
    Identity identity{fields[1], fields[2], {}};
    if (fields.size() > 3) identity.groups = split_groups(fields[3]);
    authenticator.tokens_[digest(fields[0])] = with_authenticated(std::move(identity));
  }
  return authenticator;
}

Result<Identity> Authenticator::authenticate(const net::Request& request, int64_t now) const {
  if (request.peer && !request.peer->common_name.empty()) {
    return with_authenticated({request.peer->common_name, "", request.peer->organizations});
  }
  std::string_view header = trim(request.header("Authorization"));
  if (header.empty()) return Identity{std::string(kAnonymous), "", {"system:unauthenticated"}};
  size_t space = header.find(' ');
  if (space == std::string_view::npos || !equal_ignoring_case(header.substr(0, space), "bearer")) {
    return unauthorized();
  }
  return authenticate_token(trim(header.substr(space + 1)), now);
}

Result<Identity> Authenticator::authenticate_token(std::string_view token, int64_t now) const {
  if (token.empty()) return unauthorized();
  auto found = tokens_.find(digest(token));
  if (found != tokens_.end()) return found->second;
  if (service_accounts_ == nullptr) return unauthorized();
  Result<ServiceAccountClaims> claims = service_accounts_->verify(token, now);
  if (!claims.ok()) return unauthorized();
  const ServiceAccountClaims& account = claims.value();
  return Identity{"system:serviceaccount:" + account.namespace_name + ":" + account.name,
                  account.uid,
                  {"system:serviceaccounts", "system:serviceaccounts:" + account.namespace_name,
                   "system:authenticated"}};
}

}  // namespace kist::apiserver
