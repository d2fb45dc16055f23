// PodNetwork over a bridge and veth pairs: see include/kist/cni/bridge_network.h.
//
// What exists is what the kernel says: the bridge is ours by its MAC, a veth by the alias that
// names its sandbox. A pair without an alias is the leftover of a crash. Memory holds only what
// keeps two calls from giving one address or sandbox twice.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cni/address_pool.h"
#include "cni/netlink/links.h"
#include "cni/netlink/socket.h"
#include "cni/nft/pod_table.h"
#include "kist/base/fd.h"
#include "kist/base/mutex.h"
#include "kist/base/worker_pool.h"
#include "kist/cni/bridge_network.h"

namespace kist::cni {

// open_netlink(), or a test's that fails.
using NetlinkOpener = std::function<Result<std::unique_ptr<Netlink>>(int protocol, int netns)>;

class BridgeNetwork : public PodNetwork {
 public:
  BridgeNetwork(BridgeOptions options, std::vector<AddressPool> pools, NetlinkOpener open);

  Result<> start(const std::vector<Attachment>& present) override;
  Result<Fd> take_netns() override;
  Result<Attachment> attach(const AttachRequest& request) override;
  Result<> detach(const std::string& sandbox) override;
  Result<std::vector<Attachment>> list() override;
  Result<> sweep(const std::set<std::string>& keep) override;
  Result<> remove_all() override;

 private:
  struct Device {  // one that is a port of our bridge
    int index = 0;
    std::string name;
    std::optional<Attachment> attachment;  // none: half made
  };

  Result<> open_sockets();
  Result<int> ensure_bridge();
  Result<> set_sysctls();
  Result<> configure_bridge(int index);
  Result<std::vector<Device>> ports();
  Result<> adopt(const Attachment& attachment) REQUIRES_LOCK(mutex_);

  // Reserves sandbox and addresses, or says what stands in the way.
  Result<Attachment> reserve(const AttachRequest& request);
  Result<std::vector<IpAddress>> take_addresses(const std::vector<IpAddress>& wanted)
      REQUIRES_LOCK(mutex_);
  void release(const Attachment& attachment);
  Result<> connect(const Attachment& attachment, int netns);
  Result<> configure_pod(Netlink& pod, const Attachment& attachment);
  Result<> remove_device(const Attachment& attachment);
  void prepare_netns();

  const BridgeOptions options_;
  const NetlinkOpener open_;
  std::unique_ptr<Netlink> netlink_;  // made by start()
  std::unique_ptr<PodTable> table_;   // likewise
  int bridge_ = 0;                    // its index, likewise

  Mutex mutex_;
  std::vector<AddressPool> pools_ GUARDED_BY(mutex_);
  std::map<std::string, Attachment> attached_ GUARDED_BY(mutex_);  // being made ones as well
  std::vector<Fd> prepared_ GUARDED_BY(mutex_);
  bool preparing_ GUARDED_BY(mutex_) = false;

  std::unique_ptr<WorkerPool> background_;  // last: its tasks use all of the above
};

}  // namespace kist::cni
