// The way into SPDY: "Upgrade: SPDY/3.1", with Kubernetes' choice of a protocol within.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "kist/net/handler.h"

namespace kist::net {

bool wants_spdy(const Request& request);

using MakeSpdy =
    std::function<std::unique_ptr<Protocol>(Transport& transport, std::string_view protocol)>;

// Switches with the first X-Stream-Protocol-Version of the client's that is in `supported`, which
// are literals. Answers 400 where it names none and 403 where none fits, in kube-apiserver's words.
void accept_spdy(const Request& request, Exchange& exchange,
                 std::span<const std::string_view> supported, MakeSpdy make);

}  // namespace kist::net
