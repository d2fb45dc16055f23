// The rules that hold before there are roles to read.
#include "src/apiserver/authz/authz.h"

#include <algorithm>

#include "src/apiserver/status.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

// system:public-info-viewer
constexpr std::string_view kPublicPaths[] = {"/healthz", "/livez", "/readyz", "/version",
                                             "/version/"};
// system:discovery
constexpr std::string_view kDiscoveryPrefixes[] = {"/api", "/apis", "/openapi", "/livez",
                                                   "/readyz"};
// system:basic-user
constexpr std::string_view kSelfReviews[] = {"selfsubjectaccessreviews", "selfsubjectrulesreviews",
                                             "selfsubjectreviews"};

bool is_node(const Identity& user) {
  return user.in_group("system:nodes") && user.name.starts_with("system:node:");
}

bool allowed_path(const Identity& user, const RequestInfo& info) {
  if (info.verb != "get" && info.verb != "head") return false;
  for (std::string_view path : kPublicPaths) {
    if (info.path == path) return true;
  }
  if (!user.in_group("system:authenticated")) return false;
  return std::any_of(std::begin(kDiscoveryPrefixes), std::end(kDiscoveryPrefixes),
                     [&](std::string_view prefix) {
                       return info.path == prefix ||
                              (info.path.starts_with(prefix) && info.path[prefix.size()] == '/');
                     });
}

}  // namespace

bool allowed(const Identity& user, const RequestInfo& info) {
  if (user.in_group(kMasters) || is_node(user)) return true;
  if (!info.is_resource) return allowed_path(user, info);
  if (info.verb != "create" || !user.in_group("system:authenticated")) return false;
  return std::find(std::begin(kSelfReviews), std::end(kSelfReviews), info.resource) !=
         std::end(kSelfReviews);
}

Error forbidden(const Identity& user, const RequestInfo& info) {
  if (!info.is_resource) {
    return {Code::kForbidden, "forbidden: User " + quoted(user.name) + " cannot " + info.verb +
                                  " path " + quoted(info.path)};
  }
  std::string message = qualified(info.resource, info.group);
  if (!info.name.empty()) message += " " + quoted(info.name);
  std::string resource = info.resource;
  if (!info.subresource.empty()) resource += "/" + info.subresource;
  message += " is forbidden: User " + quoted(user.name) + " cannot " + info.verb + " resource " +
             quoted(resource) + " in API group " + quoted(info.group);
  message += info.namespace_name.empty() ? std::string(" at the cluster scope")
                                         : " in the namespace " + quoted(info.namespace_name);
  return {Code::kForbidden, std::move(message)};
}

}  // namespace kist::apiserver
