// Owners for OpenSSL's objects and its error queue as our Error.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string_view>

#include "kist/base/result.h"

namespace kist::net {

struct OpensslDeleter {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using BioPtr = std::unique_ptr<BIO, OpensslDeleter>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslDeleter>;
using SslPtr = std::unique_ptr<SSL, OpensslDeleter>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslDeleter>;
using X509Ptr = std::unique_ptr<X509, OpensslDeleter>;
using X509ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslDeleter>;

// The newest entry of OpenSSL's error queue of this thread, which it empties. Always kInvalid.
Error openssl_error(std::string_view context);

// From PEM; null if there is none (left). The key is never asked a password for.
BioPtr pem_reader(std::string_view pem);
X509Ptr next_certificate(BIO* bio);
PkeyPtr read_private_key(std::string_view pem);

}  // namespace kist::net
