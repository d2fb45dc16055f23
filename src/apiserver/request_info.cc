// Paths and queries of requests, taken apart without trusting them.
#include "src/apiserver/request_info.h"

namespace kist::apiserver {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

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

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
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
  return lower(request.method);
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

bool percent_decode(std::string_view text, bool plus_is_space, std::string* out) {
  out->clear();
  out->reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    out->push_back(c);
  }
  return true;
}

Result<Query> Query::parse(std::string_view raw) {
  Query query;
  while (!raw.empty()) {
    size_t end = raw.find('&');
    std::string_view pair = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view() : raw.substr(end + 1);
    if (pair.empty()) continue;
    if (query.values_.size() == kQueryParametersMax) {
      return Error{Code::kBadRequest, "too many query parameters"};
    }
    size_t equal = pair.find('=');
    std::string name, value;
    bool ok = percent_decode(pair.substr(0, equal), true, &name);
    if (ok && equal != std::string_view::npos) {
      ok = percent_decode(pair.substr(equal + 1), true, &value);
    }
    if (!ok) return Error{Code::kBadRequest, "invalid URL escape in the query"};
    query.values_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

std::string_view Query::get(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return {};
}

bool Query::has(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return true;
  }
  return false;
}

std::vector<std::string_view> Query::all(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const auto& [key, value] : values_) {
    if (key == name) found.push_back(value);
  }
  return found;
}

bool Query::flag(std::string_view name) const {
  if (!has(name)) return false;
  std::string value = lower(get(name));
  return value != "false" && value != "0";
}

Result<RequestInfo> parse_request(const net::Request& request, const Query& query) {
  RequestInfo info;
  info.path = request.path;
  info.verb = lower(request.method);
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
