// The query part of a URL, decoded.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kist/base/result.h"

namespace kist::net {

inline constexpr size_t kQueryParametersMax = 256;

// Decoded query parameters; the first of a name counts, as in Go's url.Values.Get.
class Query {
 public:
  // kBadRequest: broken percent escapes or too many parameters.
  static Result<Query> parse(std::string_view raw);

  std::string_view get(std::string_view name) const;  // empty where there is none
  bool has(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;
  // Go's strconv.ParseBool, as Kubernetes reads its options: an empty or odd value is true.
  bool flag(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

// Undoes %XX; false when an escape is broken or means NUL.
bool percent_decode(std::string_view text, bool plus_is_space, std::string* out);
// The opposite: whatever is not unreserved (RFC 3986, 2.3) becomes %XX.
std::string percent_encode(std::string_view text);

}  // namespace kist::net
