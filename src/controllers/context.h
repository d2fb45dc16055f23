// What every controller is given: the way to the API, what is known of it, and the time.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "kist/base/clock.h"
#include "kist/client/cache.h"
#include "kist/client/client.h"
#include "kist/client/events.h"
#include "kist/client/runner.h"

namespace kist::controllers {

struct Context {
  const client::Client& client;
  client::CacheSet& caches;
  client::Runner& runner;
  const Clock& clock;
};

// "namespace/name" taken apart; without a slash it is a name.
inline std::pair<std::string, std::string> split_key(std::string_view key) {
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return {"", std::string(key)};
  return {std::string(key.substr(0, slash)), std::string(key.substr(slash + 1))};
}

}  // namespace kist::controllers
