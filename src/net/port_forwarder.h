// Between the connections that a client of a port-forward opens and sockets in the pod's network:
// what all its protocols have in common.
//
// Threads: the loop's only; the PortConnections it makes are for any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "kist/net/streams.h"
#include "loop.h"
#include "payload.h"

namespace kist::net {

// A protocol, as the forwarder sees it. Its calls must not come back into the forwarder.
class PortWire {
 public:
  virtual ~PortWire() = default;
  virtual void send(uint32_t id, Payload bytes) = 0;
  virtual void send_failure(uint32_t id, const std::string& message) = 0;
  virtual void end(uint32_t id) = 0;    // no more bytes come from the pod
  virtual void close(uint32_t id) = 0;  // nothing more of this connection
  virtual size_t unsent_bytes() const = 0;
  virtual void pause_reading(bool paused) = 0;
};

class PortRelay;

class PortForwarder {
 public:
  // Can a client end its half of a connection? If not, the pod's end is that of both.
  enum class Halves : uint8_t { kSeparate, kTogether };

  PortForwarder(PortWire& wire, Loop& loop, PortForwardOptions options, Halves halves);
  ~PortForwarder();

  // From the client. The wire numbers connections, never one number twice.
  void open(uint32_t id, uint16_t port);
  void input(uint32_t id, std::string_view bytes);
  void end_input(uint32_t id);
  void abort(uint32_t id);
  void client_gone();
  // Some bytes have left the wire. Also clears away what is over, so it must be called at the end
  // of each turn that sent something, and never from within a call of the wire.
  void sent();

  bool empty() const { return relays_.empty(); }

 private:
  friend class PortRelay;

  void on_output(uint32_t id, Payload bytes);
  void note_blocked(int change);  // one connection more or less whose input waits

  PortWire& wire_;
  Loop& loop_;
  const PortForwardOptions options_;
  const Halves halves_;
  std::unordered_map<uint32_t, std::unique_ptr<PortRelay>> relays_;
  int blocked_ = 0;
  bool output_paused_ = false;
  bool some_over_ = false;
  bool gone_ = false;
};

}  // namespace kist::net
