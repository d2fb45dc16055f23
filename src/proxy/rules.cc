// Ownership is by "namespace/name", so that a Service that is made anew keeps its frontends.
#include "src/proxy/rules.h"

#include <utility>

#include "kist/base/log.h"

namespace kist::proxy {

void Rules::plan(const std::string& key, const cni::Services& plan, cni::ServiceChanges& changes) {
  std::set<cni::Frontend>& own = frontends_[key];
  for (auto frontend = own.begin(); frontend != own.end();) {
    if (plan.contains(*frontend)) {
      ++frontend;
      continue;
    }
    changes[*frontend] = std::nullopt;
    owners_.erase(*frontend);
    const auto claims = claims_.extract(*frontend);
    if (!claims.empty()) waiting_.insert(claims.mapped().begin(), claims.mapped().end());
    frontend = own.erase(frontend);
  }
  for (const auto& [frontend, backends] : plan) {
    const auto [owner, added] = owners_.emplace(frontend, key);
    if (owner->second != key) {
      if (claims_[frontend].insert(key).second)
        log_warn("two services want one address and port",
                 {{"service", key}, {"owner", owner->second}, {"frontend", frontend.text()}});
      continue;
    }
    own.insert(frontend);
    changes[frontend] = backends;
  }
  if (own.empty()) frontends_.erase(key);
}

std::set<std::string> Rules::take_waiting() { return std::exchange(waiting_, {}); }

}  // namespace kist::proxy
