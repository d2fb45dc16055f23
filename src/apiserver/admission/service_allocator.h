// Cluster IPs and node ports: bitmaps of what Services hold.
//
// Threads: any; one mutex over both bitmaps.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/field_errors.h"
#include "kist/base/mutex.h"
#include "src/apiserver/admission/plugins.h"

namespace kist::apiserver {

class ServiceAllocator : public std::enable_shared_from_this<ServiceAllocator> {
 public:
  static Result<std::shared_ptr<ServiceAllocator>> create(const AdmissionOptions& options);

  void rebuild(ObjectReader& reader);

  // Takes what `service` asks for or needs, and notes what `old` no longer holds. kInvalid.
  Result<Reservation> assign(api::Value& service, const api::Value* old, bool dry_run,
                             api::Allocator& allocator);
  // For a Service that is about to go.
  Reservation release(const api::Value& service);

  std::string text_of(uint32_t address) const;

 private:
  friend class Reservation;
  ServiceAllocator(uint32_t base, uint32_t size, std::string cidr, int first, int last);

  enum class Taken : uint8_t { kOk, kHeld, kOutside };
  Taken take_address(uint32_t address) REQUIRES_LOCK(mutex_);
  Taken take_port(int port) REQUIRES_LOCK(mutex_);
  uint32_t next_address() REQUIRES_LOCK(mutex_);  // 0: none left
  int next_port() REQUIRES_LOCK(mutex_);          // 0: none left
  void free_address(uint32_t address) REQUIRES_LOCK(mutex_);
  void free_port(int port) REQUIRES_LOCK(mutex_);

  void assign_address(api::Value& service, const api::Value* old, Reservation& reservation,
                      api::FieldErrors& errors, api::Allocator& allocator) REQUIRES_LOCK(mutex_);
  void assign_ports(api::Value& service, const api::Value* old, Reservation& reservation,
                    api::FieldErrors& errors, api::Allocator& allocator) REQUIRES_LOCK(mutex_);
  void assign_health_port(api::Value& service, const api::Value* old, Reservation& reservation,
                          api::FieldErrors& errors, api::Allocator& allocator)
      REQUIRES_LOCK(mutex_);
  int choose_port(int wanted, bool held, const api::FieldPath& path, Reservation& reservation,
                  api::FieldErrors& errors) REQUIRES_LOCK(mutex_);

  const uint32_t base_, size_;  // of the network; the first and last address are never given
  const std::string cidr_;
  const int port_first_, port_last_;
  Mutex mutex_;
  std::vector<bool> addresses_ GUARDED_BY(mutex_);
  std::vector<bool> ports_ GUARDED_BY(mutex_);
  uint32_t address_hint_ GUARDED_BY(mutex_) = 0;
  uint32_t port_hint_ GUARDED_BY(mutex_) = 0;
};

}  // namespace kist::apiserver
