// Who owns which frontend, and what changes in the table when Services change. Pure.
//
// Two Services may claim one frontend (externalIPs): the one that had it keeps it, and when it lets
// go the other is asked again.
// Threads: one.
#pragma once

#include <map>
#include <set>
#include <string>

#include "kist/cni/service_table.h"

namespace kist::proxy {

class Rules {
 public:
  // The changes that make the plan of this Service come true; an empty plan: it is gone.
  void plan(const std::string& key, const cni::Services& plan, cni::ServiceChanges& changes);
  // Services that wanted a frontend which has been given up since: to be planned again. Each once.
  std::set<std::string> take_waiting();

 private:
  std::map<cni::Frontend, std::string> owners_;
  std::map<std::string, std::set<cni::Frontend>> frontends_;  // by owner
  std::map<cni::Frontend, std::set<std::string>> claims_;     // of those that came second
  std::set<std::string> waiting_;
};

}  // namespace kist::proxy
