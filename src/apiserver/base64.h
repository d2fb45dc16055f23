// Base64 for URLs without padding (RFC 4648 section 5): continue tokens and JWTs.
#pragma once

#include <string>
#include <string_view>

namespace kist::apiserver {

std::string base64url(std::string_view bytes);
// False: letters outside the alphabet or an impossible length. Padding is tolerated.
bool base64url_decode(std::string_view text, std::string* bytes);

}  // namespace kist::apiserver
