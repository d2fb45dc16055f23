// Any bytes as config.json: refused or read, then prepared; a plan survives being sent.
#include <cstdint>
#include <cstdlib>

#include "kist/runtime/launcher.h"
#include "runtime/oci/read_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kist::runtime;
  kist::Result<ContainerSpec> spec = oci::read_spec({reinterpret_cast<const char*>(data), size});
  if (!spec.ok()) return 0;
  spec.value().id = "fuzz";
  const kist::Result<Prepared> prepared = prepare(spec.value(), HostFacts{}, {});
  if (!prepared.ok()) return 0;
  const std::string bytes = encode(prepared.value().plan);
  const kist::Result<LaunchPlan> again = decode(bytes);
  if (!again.ok() || encode(again.value()) != bytes) std::abort();
  return 0;
}
