// What every cluster has without anybody having made it, and what every namespace has.
#pragma once

#include <functional>
#include <string>

#include "src/apiserver/core.h"

namespace kist::apiserver {

// The four namespaces and the `kubernetes` Service with its endpoints; waits. At start, before
// requests are taken.
Result<> make_bootstrap_objects(Core& core);

// The default ServiceAccount and the kube-root-ca.crt ConfigMap, then `done`. Problems are logged:
// the namespace itself exists by now.
void ensure_namespace_contents(Core& core, const std::string& namespace_name,
                               std::function<void()> done);

// Brings back what was deleted of the above. Called for every event; returns at once.
void repair_after(Core& core, const ResourceCache& cache, const CacheEvent& event);

}  // namespace kist::apiserver
