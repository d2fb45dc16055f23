// Certificates first, then tokens: a peer with a certificate needs no second credential.
#include "src/apiserver/authn/authn.h"

#include <openssl/sha.h>

#include <algorithm>
#include <chrono>

#include "kist/base/clock.h"
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

std::vector<std::pair<std::string, std::string>> extra_of(const ServiceAccountClaims& claims) {
  const std::pair<const char*, std::string> all[] = {
      {"credential-id", claims.id.empty() ? "" : "JTI=" + claims.id},
      {"node-name", claims.node.name},
      {"node-uid", claims.node.uid},
      {"pod-name", claims.pod.name},
      {"pod-uid", claims.pod.uid}};
  std::vector<std::pair<std::string, std::string>> extra;
  for (const auto& [key, value] : all)
    if (!value.empty())
      extra.emplace_back("authentication.kubernetes.io/" + std::string(key), value);
  return extra;
}

Error unauthorized() { return {Code::kUnauthorized, "Unauthorized"}; }

}  // namespace

bool Identity::in_group(std::string_view group) const {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

Result<Authenticator> Authenticator::create(std::string_view token_csv,
                                            std::shared_ptr<const ServiceAccountTokens> tokens,
                                            FindHeld find) {
  Authenticator authenticator;
  authenticator.service_accounts_ = std::move(tokens);
  authenticator.find_ = std::move(find);
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
  Result<Identity> user = authenticate_token(trim(header.substr(space + 1)), now);
  if (!user.ok()) return unauthorized();  // whoever asks is not told why
  return user;
}

Result<> Authenticator::check_bound(const ServiceAccountClaims& claims, int64_t now) const {
  const std::string deleted_before = format_rfc3339(
      std::chrono::system_clock::time_point(std::chrono::seconds(now - kTokenLeewaySeconds)));
  const auto gone = [&](const std::optional<HeldObject>& held) {
    return !held || (!held->deletion.empty() && held->deletion < deleted_before);
  };
  const std::optional<HeldObject> account =
      find_("serviceaccounts", claims.namespace_name, claims.name);
  if (!account)
    return Error{Code::kUnauthorized, "serviceaccounts " + quoted(claims.name) + " not found"};
  if (account->uid != claims.uid)
    return Error{Code::kUnauthorized, "service account UID (" + account->uid +
                                          ") does not match claim (" + claims.uid + ")"};
  if (gone(account))
    return Error{Code::kUnauthorized, "service account " + claims.namespace_name + "/" +
                                          claims.name + " has been deleted"};
  const struct {
    std::string_view word, plural, space;
    const BoundObject& object;
  } bound[] = {{"secret", "secrets", claims.namespace_name, claims.secret},
               {"pod", "pods", claims.namespace_name, claims.pod},
               {"node", "nodes", "", claims.node}};
  for (const auto& [word, plural, space, object] : bound) {
    if (object.name.empty()) continue;
    if (word == "node" && !claims.pod.name.empty()) continue;  // tells where the pod runs
    const std::optional<HeldObject> held = find_(plural, space, object.name);
    if (gone(held) && (!held || held->uid == object.uid))
      return Error{Code::kUnauthorized, "service account token has been invalidated"};
    if (held->uid != object.uid)
      return Error{Code::kUnauthorized, std::string(word) + " UID (" + held->uid +
                                            ") does not match service account " +
                                            std::string(word) + " ref claim (" + object.uid + ")"};
  }
  return {};
}

Result<Identity> Authenticator::authenticate_token(std::string_view token, int64_t now) const {
  const Error invalid{Code::kUnauthorized, std::string(kInvalidToken)};
  if (token.empty()) return invalid;
  auto found = tokens_.find(digest(token));
  if (found != tokens_.end()) return found->second;
  if (service_accounts_ == nullptr) return invalid;
  Result<ServiceAccountClaims> claims = service_accounts_->verify(token, now);
  const Result<> good = claims.ok() ? check_bound(claims.value(), now) : Result<>(claims.error());
  if (!good.ok()) {
    const std::string& why = good.error().message;
    if (why == kInvalidToken) return invalid;
    return Error{Code::kUnauthorized, "[" + std::string(kInvalidToken) + ", " + why + "]"};
  }
  const ServiceAccountClaims& account = claims.value();
  return Identity{"system:serviceaccount:" + account.namespace_name + ":" + account.name,
                  account.uid,
                  {"system:serviceaccounts", "system:serviceaccounts:" + account.namespace_name,
                   "system:authenticated"},
                  extra_of(account)};
}

}  // namespace kist::apiserver
