#include "src/apiserver/etag.h"

#include <openssl/sha.h>

namespace kist::apiserver {

std::string etag_of(std::string_view body) {
  unsigned char digest[SHA512_DIGEST_LENGTH];
  SHA512(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest);
  std::string etag = "\"";
  for (const unsigned char byte : digest) {
    etag += "0123456789ABCDEF"[byte >> 4];
    etag += "0123456789ABCDEF"[byte & 15];
  }
  return etag + "\"";
}

}  // namespace kist::apiserver
