// What a host device says about the pod behind it, in its alias: "kist SANDBOX MAC
// ADDRESS,ADDRESS".
//
// The kernel keeps it, so that no file has to agree with the devices that exist.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kist/cni/pod_network.h"

namespace kist::cni {

// 1 to 128 letters, digits, '-', '_' or '.': fits an alias (255 bytes) with two addresses.
bool is_sandbox_id(std::string_view text);

std::string alias_of(const Attachment& attachment);
// Nothing where the alias is not of ours or was changed by somebody.
std::optional<Attachment> attachment_of(std::string_view alias, std::string_view host_device);

}  // namespace kist::cni
