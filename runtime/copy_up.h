// tmpcopyup: a tmpfs that starts with what it will hide.
#pragma once

#include "kist/base/result.h"

namespace kist::runtime {

// Copies the tree below directory `from` into directory `to`: files, directories, links, owners,
// modes. Device nodes and sockets are left out. kTooLarge beyond 64 levels.
Result<> copy_up(int from, int to);

}  // namespace kist::runtime
