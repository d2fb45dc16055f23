#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

namespace kist::net {
namespace {

constexpr int kCertificatesMax = 64;  // in one PEM text

Result<> load_certificates(SSL_CTX* context, const std::string& pem) {
  const BioPtr bio = pem_reader(pem);
  const X509Ptr leaf = next_certificate(bio.get());
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) {
    return openssl_error("server certificate");
  }
  for (int i = 0; i < kCertificatesMax; ++i) {
    X509Ptr intermediate = next_certificate(bio.get());
    if (!intermediate) break;
    if (SSL_CTX_add0_chain_cert(context, intermediate.get()) != 1) {
      return openssl_error("certificate chain");
    }
    (void)intermediate.release();  // the context owns it now
  }
  ERR_clear_error();  // the end of the PEM text is reported as an error
  return {};
}

Result<> load_key(SSL_CTX* context, const std::string& pem) {
  const PkeyPtr key = read_private_key(pem);
  if (!key || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return openssl_error("server key");
  }
  return {};
}

// "Not yet valid" is no reason to refuse: our CA issues nothing for the future, so it only says
// that this machine's clock is behind.
int forgive_early(int ok, X509_STORE_CTX* store) {
  if (ok == 0 && X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_NOT_YET_VALID) {
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
  }
  return ok;
}

struct StoreContextDeleter {
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
};

// Lets every client in; what is wrong with its certificate stays in SSL_get_verify_result(), for
// the Handler to refuse in HTTP. Verified in a context of our own: the chain found by OpenSSL's
// would stay with the connection for its life, 20 KB of it.
int verify_client(X509_STORE_CTX* given, void*) {
  const std::unique_ptr<X509_STORE_CTX, StoreContextDeleter> own(X509_STORE_CTX_new());
  int verdict = X509_V_ERR_OUT_OF_MEM;
  if (own && X509_STORE_CTX_init(own.get(), X509_STORE_CTX_get0_store(given),
                                 X509_STORE_CTX_get0_cert(given),
                                 X509_STORE_CTX_get0_untrusted(given)) == 1) {
    X509_STORE_CTX_set_default(own.get(), "ssl_client");
    X509_STORE_CTX_set_verify_cb(own.get(), forgive_early);
    const bool valid = X509_verify_cert(own.get()) == 1;
    verdict = X509_STORE_CTX_get_error(own.get());
    if (!valid && verdict == X509_V_OK) verdict = X509_V_ERR_UNSPECIFIED;
  }
  X509_STORE_CTX_set_error(given, verdict);
  return 1;
}

Result<> trust_clients(SSL_CTX* context, const std::string& pem) {
  const BioPtr bio = pem_reader(pem);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int count = 0;
  for (; count < kCertificatesMax; ++count) {
    const X509Ptr authority = next_certificate(bio.get());
    if (!authority) break;
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return openssl_error("client CA");
    }
  }
  if (count == 0) return openssl_error("client CA");
  ERR_clear_error();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify_client, nullptr);
  return {};
}

// HTTP/1.1 or nothing: a client that offers only h2 goes on without ALPN and will speak 1.1 or
// leave.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length,
                const unsigned char* offered, unsigned int offered_length, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_length, kOurs, sizeof kOurs - 1, offered, offered_length);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

void configure(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
}

std::string name_text(const X509_NAME_ENTRY* entry) {
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
  if (length < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<size_t>(length));
  OPENSSL_free(utf8);
  return text;
}

}  // namespace

Result<SslContextPtr> make_server_context(const TlsMaterial& material) {
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return openssl_error("TLS context");
  configure(context.get());
  TRY(load_certificates(context.get(), material.certificate_pem));
  TRY(load_key(context.get(), material.key_pem));
  if (!material.client_ca_pem.empty()) {
    TRY(trust_clients(context.get(), material.client_ca_pem));
  }
  return context;
}

PeerIdentity certificate_subject(const X509* certificate) {
  PeerIdentity identity;
  const X509_NAME* name = X509_get_subject_name(certificate);
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const int kind = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    if (kind == NID_commonName) identity.common_name = name_text(entry);
    if (kind == NID_organizationName) identity.organizations.push_back(name_text(entry));
  }
  return identity;
}

TlsStream::TlsStream(SSL_CTX* context, int fd) : ssl_(SSL_new(context)) {
  ENSURE(ssl_ != nullptr);  // out of memory
  SSL_set_fd(ssl_.get(), fd);
  SSL_set_accept_state(ssl_.get());
}

IoStatus TlsStream::failure(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: return IoStatus::kWantRead;
    case SSL_ERROR_WANT_WRITE: return IoStatus::kWantWrite;
    case SSL_ERROR_ZERO_RETURN: return IoStatus::kEnd;
    case SSL_ERROR_SSL: {
      const int reason = ERR_GET_REASON(ERR_peek_last_error());
      plain_http_ = reason == SSL_R_HTTP_REQUEST;
      // A client that closes without close_notify ends its input just the same: HTTP has its own
      // lengths, a cut request is never taken for a whole one.
      return reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ? IoStatus::kEnd : IoStatus::kFailed;
    }
    default: return IoStatus::kFailed;
  }
}

IoStatus TlsStream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? IoStatus::kDone : failure(result);
}

IoResult TlsStream::read(char* buffer, size_t size) {
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_read_ex(ssl_.get(), buffer, size, &count);
  if (result == 1) return {IoStatus::kDone, count};
  return {failure(result), 0};
}

IoResult TlsStream::write(std::string_view bytes) {
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return {IoStatus::kDone, count};
  return {failure(result), 0};
}

void TlsStream::close_notify() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// OpenSSL has no call to drop the peer's certificate, and replacing the session of a running
// connection resets it. But the bulk is the decoded key, and that can be exchanged for one we
// share.
void TlsStream::forget_handshake() {
  const X509Ptr certificate(SSL_get1_peer_certificate(ssl_.get()));
  if (certificate) X509_set_pubkey(certificate.get(), SSL_get_privatekey(ssl_.get()));
  ERR_clear_error();
}

std::optional<PeerIdentity> TlsStream::peer() const {
  const X509* certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return std::nullopt;
  return certificate_subject(certificate);
}

std::string TlsStream::peer_error() const {
  const long verified = SSL_get_verify_result(ssl_.get());
  if (!SSL_get0_peer_certificate(ssl_.get()) || verified == X509_V_OK) return {};
  return X509_verify_cert_error_string(verified);
}

}  // namespace kist::net
