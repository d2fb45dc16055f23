// Messages of unix sockets with descriptors beside them: unix(7), SCM_RIGHTS.
//
// Errors: as sendmsg(2) and recvmsg(2), -1 and errno; a signal that comes between is not one.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <span>
#include <vector>

#include "kist/base/fd.h"

namespace kist::runtime {

inline constexpr size_t kMessageDescriptorsMax = 4;

// `descriptors` stay the caller's; at most kMessageDescriptorsMax.
ssize_t send_with_descriptors(int socket, std::span<iovec> parts, std::span<const int> descriptors);

struct ReceivedMessage {
  ssize_t size = -1;
  bool cut = false;  // it was longer than `buffer`, or had more descriptors
  std::vector<Fd> descriptors;
};
ReceivedMessage receive_with_descriptors(int socket, std::span<char> buffer);

}  // namespace kist::runtime
