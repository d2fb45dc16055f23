// Pods have addresses of /32 and a default route to the bridge: whatever they send passes the node,
// and so its NAT, whether or not bridges call netfilter.
#include "cni/bridge_network.h"

#include <linux/netlink.h>

#include <algorithm>

#include "cni/attachment_alias.h"
#include "cni/sysctl.h"
#include "kist/base/log.h"

namespace kist::cni {
namespace {

constexpr std::string_view kBridgeMac("\x0a\x58kist", 6);  // tells our bridge from another's
constexpr std::string_view kPortPrefix = "kv";
constexpr int kLoopback = 1;  // its index in every network namespace

std::string mac_of(const IpAddress& address) {
  std::string mac("\x0a\x58");
  mac += address.bytes().substr(address.size() - 4);
  return mac;
}

// Unique as addresses are: pools hold 16 bits of them.
std::string device_of(const IpAddress& address) {
  std::string name(kPortPrefix);
  for (const char c : mac_text(address.bytes().substr(address.size() - 4)))
    if (c != ':') name += c;
  return name;
}

bool is_ours(const Link& link) { return link.kind == "bridge" && link.mac == kBridgeMac; }

Error taken_name(const std::string& name, const Link& link) {
  return {Code::kAlreadyExists, "device " + name + " is " +
                                    (link.kind.empty() ? "a device" : "a " + link.kind) +
                                    " that kist did not make (MAC " + mac_text(link.mac) +
                                    "): remove it or give kist another bridge name"};
}

}  // namespace

BridgeNetwork::BridgeNetwork(BridgeOptions options, std::vector<AddressPool> pools,
                             NetlinkOpener open)
    : options_(std::move(options)), open_(std::move(open)), pools_(std::move(pools)) {}

// --- the node ---

Result<int> BridgeNetwork::ensure_bridge() {
  std::optional<Link> link = TRY(find_link(*netlink_, options_.bridge));
  if (!link) {
    TRY(add_bridge(*netlink_, options_.bridge, kBridgeMac, options_.mtu));
    link = TRY(find_link(*netlink_, options_.bridge));
  }
  if (!link) return Error{Code::kUnavailable, "bridge " + options_.bridge + " vanished"};
  if (!is_ours(*link)) return taken_name(options_.bridge, *link);
  return link->index;
}

Result<> BridgeNetwork::set_sysctls() {
  const auto ipv6 = [](const IpPrefix& prefix) { return prefix.address.is_ipv6(); };
  const auto& cidrs = options_.pod_cidrs;
  if (!std::all_of(cidrs.begin(), cidrs.end(), ipv6))
    TRY(set_sysctl(options_.sysctl_root / "ipv4/ip_forward", "1"));
  if (std::any_of(cidrs.begin(), cidrs.end(), ipv6))
    TRY(set_sysctl(options_.sysctl_root / "ipv6/conf/all/forwarding", "1"));
  return {};
}

Result<> BridgeNetwork::configure_bridge(int index) {
  TRY(set_link_up(*netlink_, index));
  // Pods always send to the node, so it would tell them of shorter ways all the time, and the kernel
  // would count these against the ICMP errors that it owes them. Other devices keep their own
  // switches: "all" only adds to them.
  for (const std::string& device : {std::string("all"), options_.bridge})
    TRY(set_sysctl(options_.sysctl_root / "ipv4/conf" / device / "send_redirects", "0"));
  {
    MutexLock lock(mutex_);
    for (const AddressPool& pool : pools_)
      TRY(add_address(*netlink_, index, pool.gateway(), pool.prefix().bits));
  }
  for (const IpPrefix& services : options_.service_cidrs)
    TRY(add_route(*netlink_, {.destination = services, .device = index}));
  return {};
}

Result<std::vector<BridgeNetwork::Device>> BridgeNetwork::ports() {
  std::vector<Link> links = TRY(list_links(*netlink_));
  std::erase_if(links, [&](const Link& link) {
    return link.master != bridge_ || link.kind != "veth" || !link.name.starts_with(kPortPrefix);
  });
  // Indexes only grow: the order in which they were made.
  std::ranges::sort(links, {}, &Link::index);
  std::vector<Device> devices;
  for (const Link& link : links)
    devices.push_back({link.index, link.name, attachment_of(link.alias, link.name)});
  return devices;
}

Result<> BridgeNetwork::adopt(const Attachment& attachment) {
  attached_[attachment.sandbox] = attachment;
  for (const IpAddress& address : attachment.addresses)
    for (AddressPool& pool : pools_) {
      if (!pool.take_wanted(address).ok()) continue;  // of an earlier CIDR: nobody else has it
      pool.resume_after(address);
    }
  return {};
}

Result<> BridgeNetwork::open_sockets() {
  netlink_ = TRY(open_(NETLINK_ROUTE, -1));
  table_ = std::make_unique<PodTable>(TRY(open_(NETLINK_NETFILTER, -1)), options_.bridge,
                                      options_.pod_cidrs);
  return {};
}

Result<> BridgeNetwork::start(const std::vector<Attachment>& present) {
  TRY(open_sockets());
  TRY(set_sysctls());
  bridge_ = TRY(ensure_bridge());
  TRY(configure_bridge(bridge_));
  const std::vector<Device> devices = TRY(ports());
  for (const Device& device : devices)
    if (!device.attachment) TRY(delete_link(*netlink_, device.index));
  std::set<IpAddress> in_use;
  for (const Device& device : devices)
    if (device.attachment)
      in_use.insert(device.attachment->addresses.begin(), device.attachment->addresses.end());
  TRY(table_->start(in_use));
  MutexLock lock(mutex_);
  for (const Device& device : devices)
    if (device.attachment) TRY(adopt(*device.attachment));
  for (const Attachment& wanted : present)
    if (!attached_.contains(wanted.sandbox))
      log_warn("sandbox has lost its network", {{"sandbox", wanted.sandbox}});
  background_ = std::make_unique<WorkerPool>("cni", 1);
  preparing_ = true;
  background_->post([this] { prepare_netns(); });
  return {};
}

// --- one sandbox ---

void BridgeNetwork::prepare_netns() {
  for (;;) {
    {
      MutexLock lock(mutex_);
      preparing_ = prepared_.size() < options_.prepared_netns_max;
      if (!preparing_) return;
    }
    Result<Fd> made = create_netns();
    Result<std::unique_ptr<Netlink>> inside =
        made.ok() ? open_(NETLINK_ROUTE, made.value().get()) : std::move(made).error();
    const Result<> up = inside.ok() ? set_link_up(*inside.value(), kLoopback) : inside.error();
    MutexLock lock(mutex_);
    if (!up.ok()) {  // take_netns() tries for itself and reports
      preparing_ = false;
      return;
    }
    prepared_.push_back(std::move(made).value());
  }
}

Result<Fd> BridgeNetwork::take_netns() {
  {
    MutexLock lock(mutex_);
    if (!preparing_ && background_) {
      preparing_ = true;
      background_->post([this] { prepare_netns(); });
    }
    if (!prepared_.empty()) {
      Fd fd = std::move(prepared_.back());
      prepared_.pop_back();
      return fd;
    }
  }
  Fd fd = TRY(create_netns());
  const std::unique_ptr<Netlink> inside = TRY(open_(NETLINK_ROUTE, fd.get()));
  TRY(set_link_up(*inside, kLoopback));
  return fd;
}

Result<std::vector<IpAddress>> BridgeNetwork::take_addresses(const std::vector<IpAddress>& wanted) {
  for (const IpAddress& address : wanted)
    if (std::ranges::none_of(
            pools_, [&](const AddressPool& pool) { return pool.prefix().contains(address); }))
      return Error{Code::kInvalid, "address " + address.text() + " is in no pod CIDR of this node"};
  std::vector<IpAddress> taken;
  Result<> outcome;
  for (AddressPool& pool : pools_) {
    const auto own = std::ranges::find_if(
        wanted, [&](const IpAddress& address) { return pool.prefix().contains(address); });
    Result<IpAddress> address = IpAddress();
    if (own == wanted.end()) {
      address = pool.take();
    } else if (outcome = pool.take_wanted(*own); outcome.ok()) {
      address = *own;
    }
    if (!address.ok()) outcome = std::move(address).error();
    if (!outcome.ok()) break;
    taken.push_back(address.value());
  }
  if (outcome.ok()) return taken;
  for (const IpAddress& address : taken)
    for (AddressPool& pool : pools_) pool.give_back(address);
  return std::move(outcome).error();
}

Result<Attachment> BridgeNetwork::reserve(const AttachRequest& request) {
  if (!is_sandbox_id(request.sandbox))
    return Error{Code::kInvalid, "not a sandbox id of 1 to 128 letters and digits"};
  MutexLock lock(mutex_);
  if (attached_.contains(request.sandbox)) return Error{Code::kAlreadyExists, "it has a network"};
  Attachment attachment{.sandbox = request.sandbox};
  attachment.addresses = TRY(take_addresses(request.wanted));
  attachment.mac = mac_text(mac_of(attachment.addresses.front()));
  attachment.host_device = device_of(attachment.addresses.front());
  attached_[request.sandbox] = attachment;
  return attachment;
}

void BridgeNetwork::release(const Attachment& attachment) {
  MutexLock lock(mutex_);
  for (const IpAddress& address : attachment.addresses)
    for (AddressPool& pool : pools_) pool.give_back(address);
}

Result<> BridgeNetwork::configure_pod(Netlink& pod, const Attachment& attachment) {
  TRY(set_link_up(pod, kLoopback));
  const std::optional<Link> eth0 = TRY(find_link(pod, "eth0"));
  if (!eth0) return Error{Code::kUnavailable, "eth0 vanished"};
  TRY(set_link_up(pod, eth0->index));
  for (const IpAddress& address : attachment.addresses) {
    TRY(add_address(pod, eth0->index, address, static_cast<int>(address.size() * 8)));
    IpPrefix everywhere;
    everywhere.address = address.is_ipv6() ? TRY(IpAddress::parse("::")) : IpAddress();
    MutexLock lock(mutex_);
    for (const AddressPool& pool : pools_)
      if (pool.prefix().contains(address))
        TRY(add_route(pod, {everywhere, eth0->index, pool.gateway()}));
  }
  return {};
}

Result<> BridgeNetwork::connect(const Attachment& attachment, int netns) {
  TRY(add_veth(*netlink_, {.name = attachment.host_device,
                           .alias = alias_of(attachment),
                           .master = bridge_,
                           .peer_name = "eth0",
                           .peer_mac = mac_of(attachment.addresses.front()),
                           .peer_netns = netns,
                           .mtu = options_.mtu}));
  const std::unique_ptr<Netlink> pod = TRY(open_(NETLINK_ROUTE, netns));
  return configure_pod(*pod, attachment);
}

Result<Attachment> BridgeNetwork::attach(const AttachRequest& request) {
  const std::string context = "attach sandbox " + request.sandbox;
  const Attachment attachment = TRY(reserve(request).context(context));
  Result<> connected = table_->add(attachment.addresses, request.host_ports);
  if (connected.ok()) connected = connect(attachment, request.netns);
  if (connected.ok()) return attachment;
  const Result<> removed = remove_device(attachment);
  {
    MutexLock lock(mutex_);
    attached_.erase(request.sandbox);
  }
  // While the device may be there its address stays taken; sweep() gives both back.
  if (removed.ok()) release(attachment);
  return std::move(std::move(connected).context(context)).error();
}

Result<> BridgeNetwork::remove_device(const Attachment& attachment) {
  TRY(table_->remove(attachment.addresses));
  const std::optional<Link> link = TRY(find_link(*netlink_, attachment.host_device));
  if (!link || link->master != bridge_) return {};
  return delete_link(*netlink_, link->index);
}

Result<> BridgeNetwork::detach(const std::string& sandbox) {
  Attachment attachment;
  {
    MutexLock lock(mutex_);
    const auto found = attached_.find(sandbox);
    if (found == attached_.end()) return {};
    attachment = found->second;
  }
  // Before all else: the pod that follows may want the same host ports at once.
  TRY(table_->remove(attachment.addresses).context("detach sandbox " + sandbox));
  {
    MutexLock lock(mutex_);
    attached_.erase(sandbox);
  }
  // The kernel takes milliseconds to let go of a device; nobody waits for it. The address is given
  // to nobody before.
  background_->post([this, attachment] {
    const Result<> removed = remove_device(attachment);
    if (removed.ok()) return release(attachment);
    log_warn("device of a pod stays until the next sweep",
             {{"sandbox", attachment.sandbox}, {"error", removed.error().message}});
  });
  return {};
}

// --- all of them ---

Result<std::vector<Attachment>> BridgeNetwork::list() {
  const std::vector<Device> devices = TRY(ports());
  std::vector<Attachment> attachments;
  MutexLock lock(mutex_);
  for (const Device& device : devices)
    if (device.attachment && attached_.contains(device.attachment->sandbox))
      attachments.push_back(*device.attachment);
  return attachments;
}

Result<> BridgeNetwork::sweep(const std::set<std::string>& keep) {
  for (const Device& device : TRY(ports())) {
    if (device.attachment && keep.contains(device.attachment->sandbox)) continue;
    {
      MutexLock lock(mutex_);
      const auto being_made = [&](const auto& entry) {
        return entry.second.host_device == device.name;
      };
      if (!device.attachment && std::ranges::any_of(attached_, being_made)) continue;
    }
    if (device.attachment) TRY(table_->remove(device.attachment->addresses));
    TRY(delete_link(*netlink_, device.index));
    if (!device.attachment) continue;
    release(*device.attachment);
    MutexLock lock(mutex_);
    attached_.erase(device.attachment->sandbox);
  }
  return {};
}

Result<> BridgeNetwork::remove_all() {
  background_.reset();  // what was begun is finished first
  if (!netlink_) TRY(open_sockets());
  TRY(table_->remove_all());
  const std::optional<Link> bridge = TRY(find_link(*netlink_, options_.bridge));
  if (bridge && is_ours(*bridge)) {
    bridge_ = bridge->index;
    for (const Device& device : TRY(ports())) TRY(delete_link(*netlink_, device.index));
    TRY(delete_link(*netlink_, bridge->index));
  }
  MutexLock lock(mutex_);
  for (const auto& [sandbox, attachment] : attached_)
    for (const IpAddress& address : attachment.addresses)
      for (AddressPool& pool : pools_) pool.give_back(address);
  attached_.clear();
  prepared_.clear();
  preparing_ = false;
  return {};
}

Result<std::unique_ptr<PodNetwork>> make_bridge_network(BridgeOptions options) {
  if (options.bridge.empty() || options.bridge.size() > 15 ||
      options.bridge.find_first_of("/: \t\n") != std::string::npos || options.bridge == ".." ||
      options.bridge == ".")
    return Error{Code::kInvalid,
                 "bridge name \"" + options.bridge + "\" is not of 1 to 15 letters"};
  if (options.pod_cidrs.empty()) return Error{Code::kInvalid, "no pod CIDR"};
  if (options.pod_cidrs.size() > 2 ||
      (options.pod_cidrs.size() == 2 &&
       options.pod_cidrs[0].address.is_ipv6() == options.pod_cidrs[1].address.is_ipv6()))
    return Error{Code::kInvalid, "pod CIDRs: more than one of a family"};
  if (options.mtu < 1280 || options.mtu > 65535)
    return Error{Code::kInvalid, "MTU " + std::to_string(options.mtu) + " is not 1280 to 65535"};
  std::vector<AddressPool> pools;
  for (const IpPrefix& prefix : options.pod_cidrs)
    pools.push_back(TRY(AddressPool::create(prefix)));
  return std::unique_ptr<PodNetwork>(
      std::make_unique<BridgeNetwork>(std::move(options), std::move(pools), open_netlink));
}

}  // namespace kist::cni
