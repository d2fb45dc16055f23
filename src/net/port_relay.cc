#include "port_relay.h"

#include <fcntl.h>

#include <utility>

#include "stream_bounds.h"

namespace kist::net {
namespace {

class Connection : public PortConnection {
 public:
  explicit Connection(std::shared_ptr<PortState> state) : state_(std::move(state)) {}
  ~Connection() override {
    if (answered_) return;
    run([](PortRelay& relay) { relay.close(); });
  }

  uint16_t port() const override { return state_->port; }

  void relay(Fd socket) override {
    answered_ = true;
    auto shared = std::make_shared<Fd>(std::move(socket));  // tasks must be copyable
    run([shared](PortRelay& relay) { relay.relay(std::move(*shared)); });
  }

  void fail(std::string message) override {
    answered_ = true;
    run([message = std::move(message)](PortRelay& relay) { relay.fail(message); });
  }

 private:
  template <typename Call>
  void run(Call call) {
    (void)run_on_loop(*state_->mailbox, [state = state_, call = std::move(call)] {
      if (state->relay) call(*state->relay);
    });
  }

  const std::shared_ptr<PortState> state_;
  bool answered_ = false;
};

}  // namespace

PortRelay::PortRelay(PortForwarder& owner, uint32_t id, uint16_t port)
    : owner_(owner),
      id_(id),
      state_(std::make_shared<PortState>(
          PortState{.mailbox = owner.loop_.mailbox(), .port = port, .relay = this})) {}

PortRelay::~PortRelay() { state_->relay = nullptr; }

std::shared_ptr<PortConnection> PortRelay::make_connection() {
  return std::make_shared<Connection>(state_);
}

void PortRelay::input(std::string_view bytes) {
  if (over_ || input_ended_) return;
  if (relayed_) {
    writer_.write(bytes);
  } else {
    early_input_.append(bytes);
  }
  update_blocked();
  close_if_over();
}

void PortRelay::end_input() {
  if (over_) return;
  input_ended_ = true;
  if (!relayed_) return;
  writer_.finish();
  close_if_over();
}

// The reader and the writer each have a descriptor, so that each may end alone.
void PortRelay::relay(Fd socket) {
  if (over_ || std::exchange(relayed_, true)) return;
  unconnected_ = Fd(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!unconnected_) return fail(errno_error("duplicate the socket").message);
  writer_.start(owner_.loop_, std::move(socket), [this] {
    update_blocked();
    close_if_over();
  });
  writer_.wait_connected([this](int error) { on_connected(error); });
  writer_.write(std::exchange(early_input_, std::string()));
  if (input_ended_) writer_.finish();
  update_blocked();
}

void PortRelay::on_connected(int error) {
  if (over_) return;
  if (error != 0) return fail(errno_error("connect", error).message);
  reader_.start(
      owner_.loop_, std::move(unconnected_),
      [this](Payload bytes) { owner_.on_output(id_, std::move(bytes)); },
      [this] {
        if (over_) return;
        owner_.wire_.end(id_);
        close_if_over();
      });
  if (owner_.output_paused_) reader_.pause(true);
}

void PortRelay::fail(const std::string& why) {
  if (over_) return;
  const PortForwardOptions& options = owner_.options_;
  owner_.wire_.send_failure(id_, "error forwarding port " + std::to_string(state_->port) +
                                     " to pod " + options.pod + ", uid " + options.uid + ": " +
                                     why);
  close();
}

void PortRelay::close_if_over() {
  const bool pod_ended = relayed_ && !unconnected_ && !reader_.running();
  if (over_ || !pod_ended) return;
  if (writer_.running() && owner_.halves_ == PortForwarder::Halves::kSeparate) return;
  close();
}

void PortRelay::close() {
  if (std::exchange(over_, true)) return;
  owner_.some_over_ = true;
  update_blocked();
  owner_.wire_.close(id_);
}

void PortRelay::update_blocked() {
  const bool blocked = !over_ && queued_input() > (blocked_ ? kWaitingLittle : kWaitingMax);
  if (std::exchange(blocked_, blocked) != blocked) owner_.note_blocked(blocked ? 1 : -1);
}

}  // namespace kist::net
