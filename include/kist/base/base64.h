// Base64 of RFC 4648 in its two alphabets. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist {

// Standard alphabet with padding (section 4): bytes in JSON, keys in a kubeconfig.
std::string encode_base64(std::string_view bytes);
// Line ends inside are skipped. kBadRequest in the words of Go's encoding/base64.
Result<std::string> decode_base64(std::string_view text);

// The alphabet for URLs, without padding (section 5): continue tokens, JWTs.
std::string encode_base64url(std::string_view bytes);
// Padding is tolerated. kBadRequest as above.
Result<std::string> decode_base64url(std::string_view text);

}  // namespace kist
