// Bytes as if the kernel had sent them: the netlink reader neither crashes nor reads beyond them.
#include <cstddef>
#include <cstdint>

#include "cni/netlink/message.h"

using namespace kist::cni;

namespace {

// Every attribute is tried as a nest as well: the reader of a nest is the same.
void read_attributes(std::string_view payload, int depth) {
  for (AttributeReader attributes(payload); !attributes.done();) {
    const auto attribute = attributes.next();
    if (!attribute.ok()) return;
    (void)number_of<uint32_t>(attribute.value()).ok();
    (void)text_of(attribute.value());
    if (depth > 0) read_attributes(attribute.value().payload, depth - 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MessageReader messages({reinterpret_cast<const char*>(data), size});
  while (!messages.done()) {
    const auto message = messages.next();
    if (!message.ok()) return 0;
    (void)acknowledged_error(message.value()).ok();
    read_attributes(message.value().payload, 4);
  }
  return 0;
}
