// The plugins in the order a write meets them.
#include "src/apiserver/admission/plugins.h"

namespace kist::apiserver {

class ServiceAllocator {};

Reservation::Reservation(Reservation&&) noexcept = default;
Reservation& Reservation::operator=(Reservation&&) noexcept = default;
Reservation::~Reservation() = default;
void Reservation::keep() {}

Admission::Admission(std::shared_ptr<ServiceAllocator> services) : services_(std::move(services)) {}

Result<std::unique_ptr<Admission>> Admission::create(const AdmissionOptions&) {
  return std::unique_ptr<Admission>(new Admission(std::make_shared<ServiceAllocator>()));
}

void Admission::rebuild(ObjectReader&) {}

Result<Reservation> Admission::admit(const Attributes&, api::Value&, api::Allocator&,
                                     ObjectReader&) {
  return Reservation();
}

}  // namespace kist::apiserver
