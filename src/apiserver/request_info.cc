// Paths and queries of requests, taken apart without trusting them.
#include "src/apiserver/request_info.h"
#include "kist/base/text.h"

namespace kist::apiserver {
namespace {

Result<std::vector<std::string>> split_path(std::string_view path) {
  std::vector<std::string> segments;
  if (path.empty() || path.front() != '/') return Error{Code::kNotFound, "404 page not found"};
  path.remove_prefix(1);
  if (!path.empty() && path.back() == '/') path.remove_suffix(1);
  while (!path.empty()) {
    size_t end = path.find('/');
    std::string segment;
    if (!percent_decode(path.substr(0, end), false, &segment)) {
      return Error{Code::kBadRequest, "invalid URL escape in the path"};
    }
    if (segment.empty() || segment == "." || segment == "..") {
      return Error{Code::kNotFound, "404 page not found"};
    }
    segments.push_back(std::move(segment));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end + 1);
  }
  return segments;
}

std::string resource_verb(const net::Request& request, const RequestInfo& info, const Query& query,
                          bool watch_prefix) {
  bool watching = watch_prefix || query.flag("watch");
  if (request.method == "GET" || request.method == "HEAD") {
    if (watch_prefix) return "watch";
    if (!info.name.empty()) return "get";
    return watching ? "watch" : "list";
  }
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "PATCH") return "patch";
  if (request.method == "DELETE") return info.name.empty() ? "deletecollection" : "delete";
  return ascii_lower(request.method);
}

// `rest` is what follows the version: [namespaces/<ns>/]<resource>[/<name>[/<subresource>]].
void read_resource(std::vector<std::string>& rest, RequestInfo& info) {
  size_t at = 0;
  if (rest[0] == "namespaces") {
    if (rest.size() > 1) info.namespace_name = rest[1];
    bool of_namespace = rest.size() <= 2 || (rest.size() == 3 && info.group.empty() &&
                                             (rest[2] == "status" || rest[2] == "finalize"));
    if (!of_namespace) at = 2;
  }
  if (at < rest.size()) info.resource = rest[at];
  if (at + 1 < rest.size()) info.name = rest[at + 1];
  for (size_t i = at + 2; i < rest.size(); ++i) {
    if (!info.subresource.empty()) info.subresource += '/';
    info.subresource += rest[i];
  }
}

}  // namespace

Result<RequestInfo> parse_request(const net::Request& request, const Query& query) {
  RequestInfo info;
  info.path = request.path;
  info.verb = ascii_lower(request.method);
  if (request.path.size() > kPathBytesMax) {
    return Error{Code::kBadRequest, "the path is too long"};
  }
  std::vector<std::string> segments = TRY(split_path(request.path));
  if (segments.size() < 3) return info;

  size_t at = 1;
  if (segments[0] == "apis") {
    info.group = segments[at++];
  } else if (segments[0] != "api") {
    return info;
  }
  info.version = segments[at++];
  bool watch_prefix = at < segments.size() && segments[at] == "watch";
  if (watch_prefix) ++at;
  if (at >= segments.size()) return info;

  std::vector<std::string> rest(segments.begin() + static_cast<ptrdiff_t>(at), segments.end());
  read_resource(rest, info);
  info.is_resource = true;
  info.verb = resource_verb(request, info, query, watch_prefix);
  return info;
}

}  // namespace kist::apiserver
