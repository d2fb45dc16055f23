// Which addresses of a prefix are free, and which of them rested longest.
//
// Threads: one at a time, the owner locks. Never used ones go first, in order; then those given
// back, in the order they came.
#pragma once

#include <deque>
#include <set>

#include "kist/base/result.h"
#include "kist/cni/address.h"

namespace kist::cni {

class AddressPool {
 public:
  // Network, gateway (the first host) and the IPv4 broadcast address are never given. Of large
  // prefixes the first 65,536 are used. kInvalid: no room for a single pod.
  static Result<AddressPool> create(const IpPrefix& prefix);

  const IpPrefix& prefix() const { return prefix_; }
  IpAddress gateway() const { return at(1); }

  Result<IpAddress> take();                        // kTooManyRequests: none is free
  Result<> take_wanted(const IpAddress& address);  // kConflict: taken; kInvalid: not of ours
  void give_back(const IpAddress& address);        // of one that is not taken: nothing happens
  // After a restart: what follows the newest address in use rested longer than what precedes it.
  void resume_after(const IpAddress& newest);

 private:
  AddressPool(const IpPrefix& prefix, uint32_t last) : prefix_(prefix), last_(last) {}
  IpAddress at(uint32_t offset) const;
  // The place in the prefix; 0 of one that is never given.
  uint32_t offset_of(const IpAddress& address) const;

  IpPrefix prefix_;
  uint32_t last_;                // the highest offset that is given; the lowest is 2
  uint32_t next_ = 2;            // of those that were never given by us
  uint32_t unused_ = last_ - 1;  // how many from next_ on, around the end, were never given
  std::deque<uint32_t> rested_;
  std::set<uint32_t> taken_;
};

}  // namespace kist::cni
