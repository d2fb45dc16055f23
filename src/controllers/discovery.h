// Which resources the server has, as its discovery documents tell.
#pragma once

#include <string>
#include <vector>

#include "kist/client/client.h"

namespace kist::controllers {

struct ServedResource {
  client::ResourceId id;
  std::string kind;
  bool deletes_collections = false;
};

// Everything that can be listed and deleted, in the server's order, the preferred version of each
// group.
Result<std::vector<ServedResource>> discover(const client::Client& client);

}  // namespace kist::controllers
