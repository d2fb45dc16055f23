// Makes and reads certificates. Files and when to renew: pki_files.cc.
#include "kist/net/pki.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "kist/base/random.h"
#include "openssl_types.h"
#include "tls.h"

namespace kist::net {
namespace {

using std::chrono::days;
using std::chrono::seconds;

// Before any clock that is wrong by less than the epoch itself: see the header.
constexpr std::chrono::sys_seconds kNotBefore{seconds{946'684'800}};  // 2000-01-01T00:00:00Z
constexpr days kLeafLife{365};
constexpr days kWrongClockLife{20 * 365};
// RFC 5280, 4.1.2.5: "no well-defined expiration date". A CA that ends takes its cluster with it.
constexpr const char* kForever = "99991231235959Z";
constexpr int kSerialBytes = 16;

struct Extension {
  int kind;
  std::string value;  // in the words of x509v3_config(5)
};

struct Template {
  PeerIdentity subject;
  std::vector<Extension> extensions;
  WallTime not_after;  // unused for a CA
  bool is_ca = false;
};

Result<> add_name(X509_NAME* name, const char* field, const std::string& value) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(value.data());
  if (X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, bytes, static_cast<int>(value.size()),
                                 -1, 0) != 1) {
    return openssl_error("certificate subject \"" + value + "\"");
  }
  return {};
}

Result<> set_subject(X509* certificate, const PeerIdentity& subject) {
  X509_NAME* name = X509_get_subject_name(certificate);
  for (const std::string& organization : subject.organizations) {
    TRY(add_name(name, "O", organization));
  }
  return add_name(name, "CN", subject.common_name);
}

bool set_random_serial(X509* certificate) {
  std::string bytes = random_bytes(kSerialBytes);
  bytes[0] = static_cast<char>((bytes[0] & 0x7f) | 0x40);  // positive, and never zero
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool set_life(X509* certificate, const Template& made_of) {
  const time_t begin = kNotBefore.time_since_epoch().count();
  if (!ASN1_TIME_set(X509_getm_notBefore(certificate), begin)) return false;
  ASN1_TIME* end = X509_getm_notAfter(certificate);
  if (made_of.is_ca) return ASN1_TIME_set_string_X509(end, kForever) == 1;
  return ASN1_TIME_set(end, std::chrono::system_clock::to_time_t(made_of.not_after)) != nullptr;
}

Result<> add_extensions(X509* certificate, X509* issuer, const std::vector<Extension>& list) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const Extension& extension : list) {
    const X509ExtensionPtr made(
        X509V3_EXT_conf_nid(nullptr, &context, extension.kind, extension.value.c_str()));
    if (!made || X509_add_ext(certificate, made.get(), -1) != 1) {
      return openssl_error("certificate extension " + extension.value);
    }
  }
  return {};
}

Result<std::string> bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

Result<CertificatePair> to_pem(X509* certificate, EVP_PKEY* key) {
  const BioPtr certificate_bio(BIO_new(BIO_s_mem()));
  const BioPtr key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return openssl_error("write PEM");
  }
  return CertificatePair{TRY(bio_text(certificate_bio.get())), TRY(bio_text(key_bio.get()))};
}

// Signs a new key; without an issuer by itself.
Result<CertificatePair> make_pair(const Template& made_of, X509* issuer, EVP_PKEY* issuer_key) {
  ERR_clear_error();
  const PkeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate(X509_new());
  if (!key || !certificate) return openssl_error("new key");
  X509* made = certificate.get();
  X509_set_version(made, X509_VERSION_3);
  if (!set_random_serial(made) || !set_life(made, made_of) ||
      X509_set_pubkey(made, key.get()) != 1) {
    return openssl_error("new certificate");
  }
  TRY(set_subject(made, made_of.subject));
  X509* signer = issuer ? issuer : made;
  X509_set_issuer_name(made, X509_get_subject_name(signer));
  TRY(add_extensions(made, signer, made_of.extensions));
  if (X509_sign(made, issuer_key ? issuer_key : key.get(), EVP_sha256()) == 0) {
    return openssl_error("sign certificate");
  }
  return to_pem(made, key.get());
}

Result<CertificatePair> issue(const CertificatePair& ca, const Template& made_of) {
  ERR_clear_error();
  const X509Ptr issuer = next_certificate(pem_reader(ca.certificate_pem).get());
  const PkeyPtr key = read_private_key(ca.key_pem);
  if (!issuer || !key || X509_check_private_key(issuer.get(), key.get()) != 1) {
    return openssl_error("CA certificate and key");
  }
  return make_pair(made_of, issuer.get(), key.get());
}

WallTime leaf_end(const Clock& clock) {
  const WallTime now = clock.now();
  return now < kPlausibleNow ? WallTime(kPlausibleNow + kWrongClockLife) : now + kLeafLife;
}

bool is_ip(const std::string& name) {
  unsigned char bytes[16];
  return inet_pton(AF_INET, name.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

// What OpenSSL's configuration syntax would read as a separator must not come from a name.
bool is_dns_name(const std::string& name) {
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '*' || c == '_';
  });
}

Result<std::string> alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!is_ip(name) && !is_dns_name(name)) {
      return Error{Code::kInvalid, "\"" + name + "\" is neither an IP address nor a DNS name"};
    }
    if (!text.empty()) text += ',';
    text += (is_ip(name) ? "IP:" : "DNS:") + name;
  }
  if (text.empty()) return Error{Code::kInvalid, "a server certificate without names"};
  return text;
}

std::vector<Extension> leaf_extensions(const char* usage) {
  return {{NID_basic_constraints, "critical,CA:FALSE"},
          {NID_key_usage, "critical,digitalSignature"},
          {NID_ext_key_usage, usage},
          {NID_subject_key_identifier, "hash"},
          {NID_authority_key_identifier, "keyid:always"}};
}

WallTime wall_time(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  // A system_clock counts nanoseconds in 64 bits and ends in 2262; "forever" is cut to that.
  constexpr time_t kLast = 9'000'000'000;
  return std::chrono::system_clock::from_time_t(std::min<time_t>(timegm(&parts), kLast));
}

std::string ip_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = "";
  const int family = ASN1_STRING_length(address) == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

std::vector<std::string> read_names(const X509* certificate) {
  std::vector<std::string> names;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type == GEN_DNS) {
      const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      names.emplace_back(data, static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      names.push_back(ip_text(name->d.iPAddress));
    }
  }
  GENERAL_NAMES_free(list);
  return names;
}

}  // namespace

Result<CertificatePair> make_ca(const std::string& common_name, const Clock&) {
  return make_pair(
      Template{.subject = {.common_name = common_name},
               .extensions = {{NID_basic_constraints, "critical,CA:TRUE"},
                              {NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign"},
                              {NID_subject_key_identifier, "hash"}},
               .is_ca = true},
      nullptr, nullptr);
}

Result<CertificatePair> issue_server_certificate(const CertificatePair& ca,
                                                 const ServerSubject& subject, const Clock& clock) {
  Template made_of{.subject = {.common_name = subject.common_name},
                   .extensions = leaf_extensions("serverAuth"),
                   .not_after = leaf_end(clock)};
  made_of.extensions.push_back({NID_subject_alt_name, TRY(alternative_names(subject.names))});
  return issue(ca, made_of);
}

Result<CertificatePair> issue_client_certificate(const CertificatePair& ca,
                                                 const PeerIdentity& subject, const Clock& clock) {
  return issue(ca, Template{.subject = subject,
                            .extensions = leaf_extensions("clientAuth"),
                            .not_after = leaf_end(clock)});
}

Result<CertificateInfo> inspect_certificate(std::string_view certificate_pem) {
  ERR_clear_error();
  const X509Ptr certificate = next_certificate(pem_reader(certificate_pem).get());
  if (!certificate) return openssl_error("certificate");
  CertificateInfo info;
  info.subject = certificate_subject(certificate.get());
  info.names = read_names(certificate.get());
  info.not_before = wall_time(X509_get0_notBefore(certificate.get()));
  info.not_after = wall_time(X509_get0_notAfter(certificate.get()));
  info.is_ca = X509_check_ca(certificate.get()) == 1;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate.get(), EVP_sha256(), digest, &size) != 1) {
    return openssl_error("certificate digest");
  }
  for (unsigned int i = 0; i < size; ++i) {
    info.sha256 += "0123456789abcdef"[digest[i] >> 4];
    info.sha256 += "0123456789abcdef"[digest[i] & 0x0f];
  }
  return info;
}

bool renewal_due(const CertificateInfo& certificate, const Clock& clock) {
  const WallTime now = clock.now();
  if (now < kPlausibleNow) return false;  // a clock that is wrong decides nothing
  const auto left = certificate.not_after - now;
  return left < kLeafLife / 3 || (!certificate.is_ca && left > 2 * kLeafLife);
}

bool pair_belongs_to(const CertificatePair& pair, const std::string& ca_certificate_pem) {
  ERR_clear_error();
  const X509Ptr certificate = next_certificate(pem_reader(pair.certificate_pem).get());
  const X509Ptr ca = next_certificate(pem_reader(ca_certificate_pem).get());
  const PkeyPtr key = read_private_key(pair.key_pem);
  const bool belongs = certificate && ca && key &&
                       X509_check_private_key(certificate.get(), key.get()) == 1 &&
                       X509_verify(certificate.get(), X509_get0_pubkey(ca.get())) == 1;
  ERR_clear_error();
  return belongs;
}

}  // namespace kist::net
