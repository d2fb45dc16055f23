// systemd's notification protocol (sd_notify(3)): one datagram to the socket that
// $NOTIFY_SOCKET names. A few lines of our own instead of libsystemd.
#pragma once

#include <string_view>

namespace kist::roles {

// "READY=1", "STOPPING=1". Does nothing where nobody listens: telling is best effort.
void notify_service_manager(std::string_view state);

}  // namespace kist::roles
