// Which objects a controller owns: those that carry its uid, and orphans that its selector takes.
#pragma once

#include <functional>

#include "src/controllers/context.h"
#include "src/controllers/values.h"

namespace kist::controllers {

struct Claim {
  const Value& owner;  // with apiVersion, kind, metadata, spec.selector
  const client::ResourceId& owner_resource;
  client::Cache& cache;                                       // of what is owned
  std::function<bool(const client::Object&)> adoptable = {};  // beyond the selector; may be empty
};

// The objects that are the owner's now. Orphans that match are adopted, owned ones that do not
// match any more are released; the cache shows both when it returns.
Result<client::ObjectList> claim(const Context& context, const Claim& claim);

}  // namespace kist::controllers
