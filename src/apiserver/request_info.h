// What a request asks for, read from its method, path and query alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"
#include "kist/net/handler.h"
#include "kist/net/query.h"

namespace kist::apiserver {

inline constexpr size_t kPathBytesMax = 8192;
using net::percent_decode;
using net::Query;

struct RequestInfo {
  bool is_resource = false;  // below /api/<version>/ or /apis/<group>/<version>/
  std::string verb;          // "list" for resources, "get" (the method) for other paths
  std::string path;          // as sent
  std::string group, version, resource, subresource, namespace_name, name;
};

// kNotFound: a path no client means (empty, "." or ".." segments). kBadRequest: broken escapes.
Result<RequestInfo> parse_request(const net::Request& request, const Query& query);

}  // namespace kist::apiserver
