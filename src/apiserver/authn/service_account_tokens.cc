// ES256 over OpenSSL: DER signatures outside, raw r||s in the token (RFC 7518 section 3.4).
#include "src/apiserver/authn/service_account_tokens.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>

#include "kist/api/json.h"
#include "kist/base/base64.h"
#include "kist/base/random.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

constexpr int kHalfBytes = 32;
constexpr size_t kTokenBytesMax = 16 * 1024;

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* value) const {
    Free(value);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Error refused() { return {Code::kUnauthorized, std::string(kInvalidToken)}; }

void append_bound(std::string& out, std::string_view kind, const BoundObject& object) {
  if (object.name.empty()) return;
  out += "," + json_string(kind) + ":{\"name\":" + json_string(object.name);
  if (!object.uid.empty()) out += ",\"uid\":" + json_string(object.uid);
  out += "}";
}

BoundObject bound_object(const api::Value& kubernetes, std::string_view kind) {
  const api::Value* object = api::find(kubernetes, kind);
  if (!is_object(object)) return {};
  return {std::string(api::text_of(*object, "name")), std::string(api::text_of(*object, "uid"))};
}

class Es256Tokens : public ServiceAccountTokens {
 public:
  Es256Tokens(KeyPtr key, std::string key_id, std::string issuer)
      : key_(std::move(key)), key_id_(std::move(key_id)), issuer_(std::move(issuer)) {}

  Result<std::string> sign(const ServiceAccountClaims& claims) const override {
    std::string header = R"({"alg":"ES256","kid":)" + json_string(key_id_) + "}";
    std::string token = encode_base64url(header) + "." + encode_base64url(payload(claims));
    std::string signature = raw_signature(token);
    if (signature.empty()) return Error{Code::kInternal, "sign the token: OpenSSL failed"};
    return token + "." + encode_base64url(signature);
  }

  Result<ServiceAccountClaims> verify(std::string_view token, int64_t now) const override {
    if (token.size() > kTokenBytesMax) return refused();
    size_t first = token.find('.'), last = token.rfind('.');
    if (first == std::string_view::npos || first == last) return refused();
    Result<std::string> signature = decode_base64url(token.substr(last + 1));
    Result<std::string> body = decode_base64url(token.substr(first + 1, last - first - 1));
    if (!signature.ok() || !body.ok() ||
        !good_signature(token.substr(0, last), std::move(signature).value())) {
      return refused();
    }
    Result<api::Json> parsed = api::parse_json(std::move(body).value());
    if (!parsed.ok() || !parsed.value().root().IsObject()) return refused();
    return read(parsed.value().root(), now);
  }

 private:
  std::string payload(const ServiceAccountClaims& claims) const {
    std::string out = "{\"aud\":[";
    for (const std::string& audience : claims.audiences) {
      if (out.back() != '[') out += ',';
      append_json_string(out, audience);
    }
    out += "],\"exp\":" + std::to_string(claims.expires) +
           ",\"iat\":" + std::to_string(claims.issued) + ",\"iss\":" + json_string(issuer_) +
           ",\"jti\":" + json_string(random_uuid()) +
           ",\"kubernetes.io\":{\"namespace\":" + json_string(claims.namespace_name);
    append_bound(out, "node", claims.node);
    append_bound(out, "pod", claims.pod);
    append_bound(out, "secret", claims.secret);
    out += ",\"serviceaccount\":{\"name\":" + json_string(claims.name) +
           ",\"uid\":" + json_string(claims.uid) + "}";
    if (claims.warn_after != 0) out += ",\"warnafter\":" + std::to_string(claims.warn_after);
    out += "},\"nbf\":" + std::to_string(claims.issued) + ",\"sub\":" +
           json_string("system:serviceaccount:" + claims.namespace_name + ":" + claims.name) + "}";
    return out;
  }

  Result<ServiceAccountClaims> read(const api::Value& body, int64_t now) const {
    ServiceAccountClaims claims;
    const api::Value* kubernetes = api::find(body, "kubernetes.io");
    const api::Value* account =
        kubernetes == nullptr ? nullptr : api::find(*kubernetes, "serviceaccount");
    const api::Value* audiences = api::find(body, "aud");
    if (account == nullptr) return refused();
    claims.audiences = texts_of(audiences);
    claims.namespace_name = api::text_of(*kubernetes, "namespace");
    claims.name = api::text_of(*account, "name");
    claims.uid = api::text_of(*account, "uid");
    claims.id = api::text_of(body, "jti");
    claims.pod = bound_object(*kubernetes, "pod");
    claims.secret = bound_object(*kubernetes, "secret");
    claims.node = bound_object(*kubernetes, "node");
    claims.warn_after = api::int_of(*kubernetes, "warnafter");
    claims.issued = api::int_of(body, "iat");
    claims.expires = api::int_of(body, "exp");
    bool for_us = std::find(claims.audiences.begin(), claims.audiences.end(), issuer_) !=
                  claims.audiences.end();
    if (!for_us || api::text_of(body, "iss") != issuer_) return refused();
    if (claims.expires <= now)
      return Error{Code::kUnauthorized, "service account token has expired"};
    return claims;
  }

  std::string raw_signature(std::string_view text) const {
    ContextPtr context(EVP_MD_CTX_new());
    size_t size = 0;
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), nullptr, &size, bytes(text), text.size()) != 1) {
      return {};
    }
    std::string der(size, '\0');
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    if (EVP_DigestSign(context.get(), out, &size, bytes(text), text.size()) != 1) return {};
    const unsigned char* at = out;
    SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
    if (signature == nullptr) return {};
    std::string raw(2 * kHalfBytes, '\0');
    auto* halves = reinterpret_cast<unsigned char*>(raw.data());
    BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), halves, kHalfBytes);
    BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), halves + kHalfBytes, kHalfBytes);
    return raw;
  }

  bool good_signature(std::string_view text, std::string_view raw) const {
    if (raw.size() != 2 * kHalfBytes) return false;
    SignaturePtr signature(ECDSA_SIG_new());
    BIGNUM* r = BN_bin2bn(bytes(raw), kHalfBytes, nullptr);
    BIGNUM* s = BN_bin2bn(bytes(raw) + kHalfBytes, kHalfBytes, nullptr);
    if (ECDSA_SIG_set0(signature.get(), r, s) != 1) return false;
    unsigned char* der = nullptr;
    int size = i2d_ECDSA_SIG(signature.get(), &der);
    if (size <= 0) return false;
    ContextPtr context(EVP_MD_CTX_new());
    bool good =
        EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
        EVP_DigestVerify(context.get(), der, static_cast<size_t>(size), bytes(text), text.size()) ==
            1;
    OPENSSL_free(der);
    return good;
  }

  KeyPtr key_;
  std::string key_id_, issuer_;
};

// Kubernetes' own rule: the digest of the public key's DER form.
std::string key_id(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  int size = i2d_PUBKEY(key, &der);
  if (size <= 0) return {};
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(der, static_cast<size_t>(size), reinterpret_cast<unsigned char*>(digest.data()));
  OPENSSL_free(der);
  return encode_base64url(digest);
}

}  // namespace

Result<std::shared_ptr<const ServiceAccountTokens>> ServiceAccountTokens::create(
    std::string_view key_pem, std::string issuer) {
  std::unique_ptr<BIO, Freer<BIO_free_all>> bio(
      BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr || EVP_PKEY_base_id(key.get()) != EVP_PKEY_EC ||
      EVP_PKEY_bits(key.get()) != 8 * kHalfBytes) {
    return Error{Code::kInvalid, "the service account key is no P-256 private key in PEM"};
  }
  std::string id = key_id(key.get());
  std::shared_ptr<const ServiceAccountTokens> tokens =
      std::make_shared<Es256Tokens>(std::move(key), std::move(id), std::move(issuer));
  return tokens;
}

}  // namespace kist::apiserver
