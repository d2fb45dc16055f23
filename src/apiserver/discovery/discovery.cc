// Discovery documents are text put together from the rows of resources.cc, in their order.
#include "src/apiserver/discovery/discovery.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <vector>

#include "src/apiserver/etag.h"
#include "src/apiserver/negotiation.h"
#include "src/apiserver/registry/resource.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

struct GroupVersion {
  std::string_view group, version;
  bool operator==(const GroupVersion&) const = default;
};

// In the order of the rows, which is the order of preference.
std::vector<GroupVersion> group_versions() {
  std::vector<GroupVersion> all;
  for (const Resource& row : all_resources()) {
    GroupVersion here{row.group, row.version};
    if (std::find(all.begin(), all.end(), here) == all.end()) all.push_back(here);
  }
  return all;
}

std::vector<std::string_view> named_groups() {
  std::vector<std::string_view> groups;
  for (const GroupVersion& gv : group_versions()) {
    if (gv.group.empty()) continue;
    if (std::find(groups.begin(), groups.end(), gv.group) == groups.end()) {
      groups.push_back(gv.group);
    }
  }
  return groups;
}

std::string api_version(const GroupVersion& gv) {
  return gv.group.empty() ? std::string(gv.version)
                          : std::string(gv.group) + "/" + std::string(gv.version);
}

std::string list_of(std::span<const std::string_view> texts) {
  std::string out = "[";
  for (std::string_view text : texts) {
    if (out.size() > 1) out += ',';
    out += json_string(text);
  }
  return out + "]";
}

// The first eight bytes of SHA-256 over "group/version/Kind" of the stored version.
std::string storage_version_hash(const Resource& row) {
  const bool own = row.storage_version.empty();
  const std::string text = std::string(own ? row.group : row.storage_group) + "/" +
                           std::string(own ? row.version : row.storage_version) + "/" +
                           std::string(row.kind);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  unsigned char encoded[16];  // 8 bytes are 12 letters and a NUL
  const int length = EVP_EncodeBlock(encoded, digest, 8);
  return std::string(reinterpret_cast<const char*>(encoded), static_cast<size_t>(length));
}

bool is_stored(const Resource& row) {
  return std::find(row.verbs.begin(), row.verbs.end(), "get") != row.verbs.end();
}

// --- the lists of one group version -------------------------------------------------------------

std::string legacy_resource(const Resource& row) {
  std::string out = "{\"name\":" + json_string(row.plural) +
                    ",\"singularName\":" + json_string(row.singular) +
                    ",\"namespaced\":" + (row.namespaced ? "true" : "false") +
                    ",\"kind\":" + json_string(row.kind) + ",\"verbs\":" + list_of(row.verbs);
  if (!row.short_names.empty()) out += ",\"shortNames\":" + list_of(row.short_names);
  if (!row.categories.empty()) out += ",\"categories\":" + list_of(row.categories);
  if (is_stored(row)) {
    out += ",\"storageVersionHash\":" + json_string(storage_version_hash(row));
  }
  return out + "}";
}

std::string legacy_subresource(const Resource& row, std::string_view name) {
  const Subresource sub = describe_subresource(row, name);
  std::string out = "{\"name\":" + json_string(std::string(row.plural) + "/" + std::string(name)) +
                    ",\"singularName\":\"\",\"namespaced\":" + (row.namespaced ? "true" : "false");
  if (sub.group != row.group || sub.version != row.version) {
    if (!sub.group.empty()) out += ",\"group\":" + json_string(sub.group);
    out += ",\"version\":" + json_string(sub.version);
  }
  return out + ",\"kind\":" + json_string(sub.kind) + ",\"verbs\":" + list_of(sub.verbs) + "}";
}

std::string resource_list(const GroupVersion& gv) {
  std::vector<std::pair<std::string, std::string>> entries;  // name, text
  for (const Resource& row : all_resources()) {
    if (GroupVersion{row.group, row.version} != gv) continue;
    entries.emplace_back(row.plural, legacy_resource(row));
    for (std::string_view sub : row.subresources) {
      entries.emplace_back(std::string(row.plural) + "/" + std::string(sub),
                           legacy_subresource(row, sub));
    }
  }
  std::sort(entries.begin(), entries.end());
  std::string out = "{\"kind\":\"APIResourceList\",";
  if (!gv.group.empty()) out += "\"apiVersion\":\"v1\",";
  out += "\"groupVersion\":" + json_string(api_version(gv)) + ",\"resources\":[";
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += ',';
    out += entries[i].second;
  }
  return out + "]}\n";
}

// --- groups -------------------------------------------------------------------------------------

std::string version_entry(const GroupVersion& gv) {
  return "{\"groupVersion\":" + json_string(api_version(gv)) +
         ",\"version\":" + json_string(gv.version) + "}";
}

std::string group_members(std::string_view group) {
  std::string versions, preferred;
  for (const GroupVersion& gv : group_versions()) {
    if (gv.group != group) continue;
    if (preferred.empty()) preferred = version_entry(gv);
    versions += (versions.empty() ? "" : ",") + version_entry(gv);
  }
  return "\"name\":" + json_string(group) + ",\"versions\":[" + versions +
         "],\"preferredVersion\":" + preferred;
}

std::string group_list() {
  std::string out = "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[";
  bool first = true;
  for (std::string_view group : named_groups()) {
    if (!first) out += ',';
    first = false;
    out += "{" + group_members(group) + "}";
  }
  return out + "]}\n";
}

std::string core_versions(std::string_view server_address) {
  return "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":"
         "[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":" +
         json_string(server_address) + "}]}\n";
}

// --- aggregated discovery -----------------------------------------------------------------------

std::string response_kind(std::string_view group, std::string_view version, std::string_view kind) {
  return "{\"group\":" + json_string(group) + ",\"version\":" + json_string(version) +
         ",\"kind\":" + json_string(kind) + "}";
}

std::string aggregated_subresource(const Resource& row, std::string_view name) {
  const Subresource sub = describe_subresource(row, name);
  return "{\"subresource\":" + json_string(name) +
         ",\"responseKind\":" + response_kind(sub.group, sub.version, sub.kind) +
         ",\"verbs\":" + list_of(sub.verbs) + "}";
}

std::string aggregated_resource(const Resource& row) {
  std::string out = "{\"resource\":" + json_string(row.plural) +
                    ",\"responseKind\":" + response_kind(row.group, row.version, row.kind) +
                    ",\"scope\":" + (row.namespaced ? "\"Namespaced\"" : "\"Cluster\"") +
                    ",\"singularResource\":" + json_string(row.singular) +
                    ",\"verbs\":" + list_of(row.verbs);
  if (!row.short_names.empty()) out += ",\"shortNames\":" + list_of(row.short_names);
  if (!row.categories.empty()) out += ",\"categories\":" + list_of(row.categories);
  if (!row.subresources.empty()) {
    out += ",\"subresources\":[";
    for (size_t i = 0; i < row.subresources.size(); ++i) {
      if (i > 0) out += ',';
      out += aggregated_subresource(row, row.subresources[i]);
    }
    out += "]";
  }
  return out + "}";
}

std::string aggregated_version(const GroupVersion& gv) {
  std::string resources;
  for (const Resource& row : all_resources()) {
    if (GroupVersion{row.group, row.version} != gv) continue;
    resources += (resources.empty() ? "" : ",") + aggregated_resource(row);
  }
  return "{\"version\":" + json_string(gv.version) + ",\"resources\":[" + resources +
         "],\"freshness\":\"Current\"}";
}

std::string aggregated_group(std::string_view group) {
  std::string out = "{\"metadata\":{";
  if (!group.empty()) out += "\"name\":" + json_string(group) + ",";
  out += "\"creationTimestamp\":null},\"versions\":[";
  bool first = true;
  for (const GroupVersion& gv : group_versions()) {
    if (gv.group != group) continue;
    if (!first) out += ',';
    first = false;
    out += aggregated_version(gv);
  }
  return out + "]}";
}

std::string aggregated(std::string_view version, bool core) {
  std::string out = "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/" +
                    std::string(version) + "\",\"metadata\":{},\"items\":[";
  if (core) return out + aggregated_group("") + "]}\n";
  bool first = true;
  for (std::string_view group : named_groups()) {
    if (!first) out += ',';
    first = false;
    out += aggregated_group(group);
  }
  return out + "]}\n";
}

// The version of aggregated discovery that the client likes best; empty: the old form.
std::string_view aggregated_version_asked(std::string_view accept) {
  for (const MediaType& media : parse_media_types(accept)) {
    if (media.type != "application/json" && media.type != "*/*") continue;
    if (media.parameter("g") != "apidiscovery.k8s.io" ||
        media.parameter("as") != "APIGroupDiscoveryList") {
      return {};
    }
    if (media.parameter("v") == "v2") return "v2";
    if (media.parameter("v") == "v2beta1") return "v2beta1";
  }
  return {};
}

DiscoveryDocument plain(std::string body) { return {std::string(kJsonType), std::move(body), {}}; }

DiscoveryDocument aggregated_document(std::string_view version, bool core) {
  std::string body = aggregated(version, core);
  std::string etag = etag_of(body);
  return {"application/json;g=apidiscovery.k8s.io;v=" + std::string(version) +
              ";as=APIGroupDiscoveryList",
          std::move(body), std::move(etag)};
}

Result<DiscoveryDocument> below_apis(std::string_view rest) {
  const size_t slash = rest.find('/');
  if (slash == rest.npos) {
    const std::vector<std::string_view> groups = named_groups();
    if (std::find(groups.begin(), groups.end(), rest) == groups.end()) {
      return Error{Code::kNotFound, "the server could not find the requested resource"};
    }
    return plain("{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\"," + group_members(rest) + "}\n");
  }
  const GroupVersion asked{rest.substr(0, slash), rest.substr(slash + 1)};
  const std::vector<GroupVersion> known = group_versions();
  if (asked.group.empty() || std::find(known.begin(), known.end(), asked) == known.end()) {
    return Error{Code::kNotFound, "the server could not find the requested resource"};
  }
  return plain(resource_list(asked));
}

}  // namespace

Result<DiscoveryDocument> discovery_document(std::string_view path, std::string_view accept,
                                             std::string_view server_address) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path == "/api" || path == "/apis") {
    const bool core = path == "/api";
    const std::string_view version = aggregated_version_asked(accept);
    if (!version.empty()) return aggregated_document(version, core);
    return plain(core ? core_versions(server_address) : group_list());
  }
  if (path == "/api/v1") return plain(resource_list({"", "v1"}));
  if (path.starts_with("/apis/")) return below_apis(path.substr(6));
  return Error{Code::kNotFound, "the server could not find the requested resource"};
}

}  // namespace kist::apiserver
