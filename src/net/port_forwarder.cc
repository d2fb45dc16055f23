#include "port_forwarder.h"

#include <utility>

#include "port_relay.h"
#include "stream_bounds.h"

namespace kist::net {

PortForwarder::PortForwarder(PortWire& wire, Loop& loop, PortForwardOptions options, Halves halves)
    : wire_(wire), loop_(loop), options_(std::move(options)), halves_(halves) {}

PortForwarder::~PortForwarder() { client_gone(); }

void PortForwarder::open(uint32_t id, uint16_t port) {
  PortRelay& relay =
      *relays_.emplace(id, std::make_unique<PortRelay>(*this, id, port)).first->second;
  options_.opened(relay.make_connection());
}

void PortForwarder::input(uint32_t id, std::string_view bytes) {
  const auto relay = relays_.find(id);
  if (relay != relays_.end()) relay->second->input(bytes);
}

void PortForwarder::end_input(uint32_t id) {
  const auto relay = relays_.find(id);
  if (relay != relays_.end()) relay->second->end_input();
}

void PortForwarder::abort(uint32_t id) {
  const auto relay = relays_.find(id);
  if (relay != relays_.end()) relay->second->close();
}

void PortForwarder::client_gone() {
  if (std::exchange(gone_, true)) return;
  relays_.clear();
  if (options_.closed) options_.closed();
}

void PortForwarder::on_output(uint32_t id, Payload bytes) {
  wire_.send(id, std::move(bytes));
  if (output_paused_ || wire_.unsent_bytes() <= kWaitingMax) return;
  output_paused_ = true;
  for (const auto& [other, relay] : relays_) relay->pause_output(true);
}

void PortForwarder::sent() {
  if (std::exchange(some_over_, false)) {
    std::erase_if(relays_, [](const auto& entry) { return entry.second->over(); });
  }
  if (!output_paused_ || wire_.unsent_bytes() > kWaitingLittle) return;
  output_paused_ = false;
  for (const auto& [id, relay] : relays_) relay->pause_output(false);
}

void PortForwarder::note_blocked(int change) {
  const bool was_blocked = blocked_ > 0;
  blocked_ += change;
  if ((blocked_ > 0) != was_blocked && !gone_) wire_.pause_reading(blocked_ > 0);
}

}  // namespace kist::net
