// See discovery.h.
#include "src/controllers/discovery.h"

#include <algorithm>

#include "src/controllers/values.h"

namespace kist::controllers {
namespace {

bool has_verb(const Value& resource, std::string_view verb) {
  const auto verbs = elements(resource, "verbs");
  return std::any_of(verbs.begin(), verbs.end(), [&](const Value& v) {
    return v.IsString() && std::string_view(v.GetString()) == verb;
  });
}

Result<Json> fetch(const client::Client& client, std::string path) {
  const Slice body = TRY(client.call({.path = std::move(path)}));
  return api::parse_json(body.view());
}

Result<> add_version(const client::Client& client, const std::string& group,
                     const std::string& version, std::vector<ServedResource>& out) {
  const std::string prefix = group.empty() ? "/api/" : "/apis/" + group + "/";
  const Json list = TRY(fetch(client, prefix + version));
  for (const Value& resource : elements(list.root(), "resources")) {
    const std::string name(api::text_of(resource, "name"));
    if (name.find('/') != std::string::npos || !has_verb(resource, "list") ||
        !has_verb(resource, "watch") || !has_verb(resource, "delete"))
      continue;
    out.push_back({{group, version, name, api::bool_of(resource, "namespaced")},
                   std::string(api::text_of(resource, "kind")),
                   has_verb(resource, "deletecollection")});
  }
  return {};
}

}  // namespace

std::string Discovery::failure() const {
  std::string text;
  for (const auto& [version, why] : failed) {
    text += text.empty() ? "unable to retrieve the complete list of server APIs: " : ", ";
    text += version + ": " + why;
  }
  return text;
}

Result<Discovery> discover(const client::Client& client) {
  Discovery all;
  const auto add = [&](const std::string& group, const std::string& version) {
    const Result<> added = add_version(client, group, version, all.resources);
    const std::string name = group.empty() ? version : group + "/" + version;
    if (!added.ok()) all.failed[name] = added.error().message;
  };
  add("", "v1");
  const Json groups = TRY(fetch(client, "/apis"));
  for (const Value& group : elements(groups.root(), "groups")) {
    const std::string_view version = api::text_of(child_of(group, "preferredVersion"), "version");
    add(std::string(api::text_of(group, "name")), std::string(version));
  }
  return all;
}

}  // namespace kist::controllers
