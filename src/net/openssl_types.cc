#include "openssl_types.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <string>

namespace kist::net {

static int refuse_password(char*, int, int, void*) { return -1; }  // never ask on the terminal

Error openssl_error(std::string_view context) {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  char text[256] = "not valid";
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  return Error{Code::kInvalid, std::string(context) + ": " + text};
}

BioPtr pem_reader(std::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

X509Ptr next_certificate(BIO* bio) {
  return X509Ptr(PEM_read_bio_X509(bio, nullptr, refuse_password, nullptr));
}

PkeyPtr read_private_key(std::string_view pem) {
  return PkeyPtr(PEM_read_bio_PrivateKey(pem_reader(pem).get(), nullptr, refuse_password, nullptr));
}

}  // namespace kist::net
