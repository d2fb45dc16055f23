// Offsets in the prefix instead of addresses: 16 bits of them are more than a node has pods.
#include "cni/address_pool.h"

#include <algorithm>
#include <string>

namespace kist::cni {
namespace {

constexpr int kHostBitsMax = 16;

}  // namespace

Result<AddressPool> AddressPool::create(const IpPrefix& prefix) {
  const int host_bits = static_cast<int>(prefix.address.size() * 8) - prefix.bits;
  if (host_bits < 2)
    return Error{Code::kInvalid, "pod CIDR " + prefix.text() + " has no address for a pod"};
  const uint32_t size = 1u << std::min(host_bits, kHostBitsMax);
  return AddressPool(prefix, size - 2);  // without broadcast; IPv6 can spare the one
}

IpAddress AddressPool::at(uint32_t offset) const {
  std::string bytes(prefix_.address.bytes());
  for (auto byte = bytes.rbegin(); offset > 0; ++byte, offset >>= 8)
    *byte = static_cast<char>(static_cast<uint8_t>(*byte) | (offset & 0xff));
  return IpAddress::of_bytes(bytes).value();
}

uint32_t AddressPool::offset_of(const IpAddress& address) const {
  if (!prefix_.contains(address)) return 0;
  const std::string_view bytes = address.bytes();
  uint32_t offset = 0;
  for (size_t i = bytes.size() - 4; i < bytes.size(); ++i)
    offset = offset << 8 | static_cast<uint8_t>(bytes[i]);
  const int host_bits = static_cast<int>(bytes.size() * 8) - prefix_.bits;
  offset &= (1u << std::min(host_bits, kHostBitsMax)) - 1;
  return offset >= 2 && offset <= last_ && at(offset) == address ? offset : 0;
}

Result<IpAddress> AddressPool::take() {
  for (; unused_ > 0; --unused_) {
    const uint32_t offset = next_;
    next_ = next_ == last_ ? 2 : next_ + 1;
    if (!taken_.insert(offset).second) continue;
    --unused_;
    return at(offset);
  }
  while (!rested_.empty()) {
    const uint32_t offset = rested_.front();
    rested_.pop_front();
    if (taken_.insert(offset).second) return at(offset);
  }
  return Error{Code::kTooManyRequests, "no free address in " + prefix_.text()};
}

Result<> AddressPool::take_wanted(const IpAddress& address) {
  const uint32_t offset = offset_of(address);
  if (offset == 0)
    return Error{Code::kInvalid,
                 "address " + address.text() + " is not one for pods of " + prefix_.text()};
  if (!taken_.insert(offset).second)
    return Error{Code::kConflict, "address " + address.text() + " is taken"};
  std::erase(rested_, offset);
  return {};
}

void AddressPool::give_back(const IpAddress& address) {
  const uint32_t offset = offset_of(address);
  if (taken_.erase(offset) == 0) return;
  // One that was wanted may lie ahead of next_ still: then it is found there as well, and take()
  // skips whichever comes second while it is taken.
  rested_.push_back(offset);
}

void AddressPool::resume_after(const IpAddress& newest) {
  const uint32_t offset = offset_of(newest);
  if (offset != 0) next_ = offset == last_ ? 2 : offset + 1;
}

}  // namespace kist::cni
