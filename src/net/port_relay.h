// One connection of a port-forward: the client's half in the wire, the pod's in a socket.
//
// Threads: the loop's only.
#pragma once

#include <memory>
#include <string>

#include "fd_pump.h"
#include "port_forwarder.h"

namespace kist::net {

// What a PortConnection and its relay share; the former may outlive the latter.
struct PortState {
  const std::shared_ptr<Mailbox> mailbox;
  const uint16_t port = 0;
  PortRelay* relay = nullptr;  // loop's thread only; null once the connection is over
};

class PortRelay {
 public:
  PortRelay(PortForwarder& owner, uint32_t id, uint16_t port);
  ~PortRelay();
  PortRelay(const PortRelay&) = delete;
  PortRelay& operator=(const PortRelay&) = delete;

  std::shared_ptr<PortConnection> make_connection();

  // From the client.
  void input(std::string_view bytes);
  void end_input();

  // From the node.
  void relay(Fd socket);
  void fail(const std::string& why);

  void pause_output(bool paused) { reader_.pause(paused); }
  void close();  // both halves; the owner clears it away
  bool over() const { return over_; }

 private:
  void on_connected(int error);
  void close_if_over();
  void update_blocked();
  size_t queued_input() const { return relayed_ ? writer_.queued() : early_input_.size(); }

  PortForwarder& owner_;
  const uint32_t id_;
  const std::shared_ptr<PortState> state_;
  FdReader reader_;
  FdWriter writer_;
  Fd unconnected_;           // for the reader, once it is connected
  std::string early_input_;  // before relay()
  bool relayed_ = false;
  bool input_ended_ = false;
  bool blocked_ = false;
  bool over_ = false;
};

}  // namespace kist::net
