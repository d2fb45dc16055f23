// What a request asks for, read from its method, path and query alone.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kist/base/result.h"
#include "kist/net/handler.h"

namespace kist::apiserver {

inline constexpr size_t kPathBytesMax = 8192;
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

struct RequestInfo {
  bool is_resource = false;  // below /api/<version>/ or /apis/<group>/<version>/
  std::string verb;          // "list" for resources, "get" (the method) for other paths
  std::string path;          // as sent
  std::string group, version, resource, subresource, namespace_name, name;
};

// kNotFound: a path no client means (empty, "." or ".." segments). kBadRequest: broken escapes.
Result<RequestInfo> parse_request(const net::Request& request, const Query& query);

// Undoes %XX; nothing when an escape is broken or means NUL.
bool percent_decode(std::string_view text, bool plus_is_space, std::string* out);

}  // namespace kist::apiserver
