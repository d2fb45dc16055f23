#include "runtime/images/digest.h"

#include <openssl/evp.h>

#include <algorithm>

#include "kist/runtime/image_reference.h"

namespace kist::runtime::images {
namespace {

EVP_MD_CTX* context_of(void* context) { return static_cast<EVP_MD_CTX*>(context); }

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

void Hasher::Free::operator()(void* context) const { EVP_MD_CTX_free(context_of(context)); }

Hasher::Hasher(std::string_view algorithm) : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  const EVP_MD* kind = algorithm == "sha512" ? EVP_sha512() : EVP_sha256();
  const bool ready = context_ && EVP_DigestInit_ex(context_of(context_.get()), kind, nullptr) == 1;
  if (!ready) std::abort();  // out of memory
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;

void Hasher::update(std::string_view bytes) {
  EVP_DigestUpdate(context_of(context_.get()), bytes.data(), bytes.size());
}

std::string Hasher::digest() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::unique_ptr<void, Free> copy(EVP_MD_CTX_new());
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!copy || EVP_MD_CTX_copy_ex(context_of(copy.get()), context_of(context_.get())) != 1 ||
      EVP_DigestFinal_ex(context_of(copy.get()), bytes, &size) != 1)
    std::abort();  // out of memory
  std::string text = algorithm_ + ":";
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string digest_of(std::string_view bytes, std::string_view algorithm) {
  Hasher hasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

std::string_view algorithm_of(std::string_view digest) {
  return digest.substr(0, digest.find(':'));
}

std::string_view hex_of(std::string_view digest) { return digest.substr(digest.find(':') + 1); }

Result<> check_digest(std::string_view digest) {
  const size_t size = digest.starts_with("sha256:") ? 64 : digest.starts_with("sha512:") ? 128 : 0;
  if (size == 0 || hex_of(digest).size() != size || !is_hex(hex_of(digest)))
    return Error{Code::kInvalid, "\"" + std::string(digest.substr(0, 160)) + "\": invalid digest"};
  return {};
}

}  // namespace kist::runtime::images
