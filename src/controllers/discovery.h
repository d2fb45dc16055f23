// Which resources the server has, as its discovery documents tell.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kist/client/client.h"

namespace kist::controllers {

struct ServedResource {
  client::ResourceId id;
  std::string kind;
  bool deletes_collections = false;
};

struct Discovery {
  // Everything that can be listed and deleted, in the server's order, the preferred version of each
  // group.
  std::vector<ServedResource> resources;
  std::map<std::string, std::string> failed;  // versions that did not answer, "apps/v1", and why

  // What is missing, in client-go's words; empty: nothing.
  std::string failure() const;
};

// A version that does not answer leaves the others as they are; the Error is that of the list of
// groups.
Result<Discovery> discover(const client::Client& client);

}  // namespace kist::controllers
