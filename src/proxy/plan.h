// Which frontends a Service has on this node, and which endpoints stand behind each. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/api/json.h"
#include "kist/cni/service_table.h"
#include "kist/proxy/proxy.h"

namespace kist::proxy {

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
// Objects with this label are another proxy's, whatever its value.
inline constexpr std::string_view kOtherProxyLabel = "service.kubernetes.io/service-proxy-name";

// `slices` are those of the Service. What nobody could connect to (headless, ExternalName, bad
// addresses, a family not served) is left out.
cni::Services plan_service(const api::Value& service, const std::vector<const api::Value*>& slices,
                           const Options& options);

}  // namespace kist::proxy
