// Runs the tests in a network namespace of their own, so that they see and touch no device of the
// machine. Without the right to make one all are skipped.
#define CATCH_CONFIG_RUNNER
#include <linux/netlink.h>
#include <sched.h>

#include <catch2/catch.hpp>
#include <cstdio>

#include "cni/netlink/links.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;  // Meson's code for it
  if (::unshare(CLONE_NEWNET) != 0) {
    std::perror("skipped: unshare");
    return kSkipped;
  }
  using namespace kist::cni;
  auto netlink = open_netlink(NETLINK_ROUTE);  // a node has loopback
  if (!netlink.ok() || !set_link_up(*netlink.value(), 1).ok()) return 1;
  return Catch::Session().run(argc, argv);
}
