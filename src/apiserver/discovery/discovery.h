// What the server serves, told to clients: /api, /apis and the lists of resources below them.
//
// Made on demand from the resource rows: a client asks once and caches, so nothing is kept here.
// Sources: meta/v1 APIVersions, APIGroupList, APIResourceList; apidiscovery.k8s.io/v2 (KEP-3352).
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::apiserver {

struct DiscoveryDocument {
  std::string content_type;
  std::string body;
  std::string etag;  // quoted; empty where clients do not revalidate
};

// `path` is one of /api, /api/v1, /apis, /apis/<group>, /apis/<group>/<version>, with or without a
// trailing slash. `server_address`: "host:port", for /api's serverAddressByClientCIDRs.
// kNotFound: no such group or version.
Result<DiscoveryDocument> discovery_document(std::string_view path, std::string_view accept,
                                             std::string_view server_address);

}  // namespace kist::apiserver
