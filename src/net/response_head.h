// The first bytes of an answer.
#pragma once

#include <string>

#include "kist/net/handler.h"

namespace kist::net {

enum class Framing { kLength, kChunked, kUntilClose, kNone };

struct HeadOptions {
  Framing framing = Framing::kLength;
  uint64_t length = 0;
  bool close = false;
  bool upgrade = false;  // of a 101: "Connection: Upgrade"
};

// Status line and headers with the blank line. A header that would break the framing (a line end in
// it, or one of the transport's own names) is left out.
std::string response_head(int status, const std::vector<Header>& headers,
                          const HeadOptions& options);

bool status_has_body(int status);

}  // namespace kist::net
