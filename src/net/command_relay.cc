#include "command_relay.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <utility>

#include "stream_bounds.h"

namespace kist::net {
namespace {

class Session : public CommandSession {
 public:
  explicit Session(std::shared_ptr<CommandState> state) : state_(std::move(state)) {}
  ~Session() override {
    if (!finished_) finish({.error = "the node gave the command up"});
  }

  const CommandStreams& streams() const override { return state_->streams; }

  void relay(CommandEnds ends) override {
    // Shared, since a task of the mailbox must be copyable.
    auto shared = std::make_shared<CommandEnds>(std::move(ends));
    run([shared](CommandState& state) {
      if (state.relay) state.relay->relay(std::move(*shared));
    });
  }

  void finish(CommandResult result) override {
    finished_ = true;
    run([result = std::move(result)](CommandState& state) mutable {
      if (state.relay) state.relay->finish(std::move(result));
    });
  }

  void on_closed(std::function<void()> closed) override {
    const bool delivered = run([closed](CommandState& state) {
      if (!state.relay) return closed();
      state.closed = closed;
    });
    if (!delivered) closed();  // the server has stopped
  }

 private:
  template <typename Call>
  bool run(Call call) {
    return run_on_loop(*state_->mailbox,
                       [state = state_, call = std::move(call)]() mutable { call(*state); });
  }

  const std::shared_ptr<CommandState> state_;
  bool finished_ = false;
};

}  // namespace

CommandRelay::CommandRelay(CommandWire& wire, Loop& loop, CommandStreams streams)
    : wire_(wire),
      loop_(loop),
      streams_(streams),
      state_(std::make_shared<CommandState>(
          CommandState{.mailbox = loop.mailbox(), .streams = streams, .relay = this})) {}

std::shared_ptr<CommandSession> CommandRelay::make_session() {
  return std::make_shared<Session>(state_);
}

void CommandRelay::input(std::string_view bytes) {
  if (!streams_.input || input_ended_ || result_) return;
  if (relayed_) {
    writer_->write(bytes);
  } else {
    early_input_.append(bytes);
  }
  if (queued_input() > kWaitingMax && !std::exchange(input_paused_, true)) {
    wire_.pause_reading(true);
  }
}

void CommandRelay::on_input_written() {
  if (queued_input() > kWaitingLittle || !std::exchange(input_paused_, false)) return;
  wire_.pause_reading(false);
}

void CommandRelay::end_input() {
  input_ended_ = true;
  if (relayed_) writer_->finish();
}

void CommandRelay::relay(CommandEnds ends) {
  if (std::exchange(relayed_, true) || result_) return;
  resized_ = std::move(ends.resized);
  if (ends.terminal) {
    relay_terminal(std::move(ends.terminal));
  } else {
    if (streams_.output) start_reader(*output_, std::move(ends.output), CommandChannel::kOutput);
    if (streams_.error) start_reader(*error_, std::move(ends.error), CommandChannel::kError);
    if (streams_.input) start_writer(std::move(ends.input));
  }
  apply_size();
  writer_->write(std::exchange(early_input_, std::string()));
  if (input_ended_) writer_->finish();
  on_input_written();
}

// Each user of the terminal has a descriptor of its own, so that each may close it.
void CommandRelay::relay_terminal(Fd terminal) {
  terminal_ = Fd(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 0));
  if (streams_.input) start_writer(Fd(::fcntl(terminal.get(), F_DUPFD_CLOEXEC, 0)));
  // Read also where nobody wants its output: the command must not stand still for that.
  start_reader(*output_, std::move(terminal), CommandChannel::kOutput);
}

void CommandRelay::start_reader(FdReader& reader, Fd fd, CommandChannel channel) {
  if (!fd) return;
  reader.start(
      loop_, std::move(fd),
      [this, channel](Payload bytes) { on_output(channel, std::move(bytes)); },
      [this] { answer_when_drained(); });
}

void CommandRelay::start_writer(Fd fd) {
  if (fd) writer_->start(loop_, std::move(fd), [this] { on_input_written(); });
}

void CommandRelay::on_output(CommandChannel channel, Payload bytes) {
  if (channel == CommandChannel::kOutput && !streams_.output) return;
  wire_.send(channel, std::move(bytes));
  if (wire_.unsent_bytes() <= kWaitingMax) return;
  output_->pause(true);
  error_->pause(true);
}

void CommandRelay::sent() {
  if (answered_ || wire_.unsent_bytes() > kWaitingLittle) return;
  output_->pause(false);
  error_->pause(false);
}

void CommandRelay::resize_to(std::optional<TerminalSize> size) {
  if (!size || result_) return;
  size_ = size;
  if (relayed_) apply_size();
}

void CommandRelay::apply_size() {
  if (!size_) return;
  if (terminal_) {
    const winsize size{
        .ws_row = size_->rows, .ws_col = size_->columns, .ws_xpixel = 0, .ws_ypixel = 0};
    (void)::ioctl(terminal_.get(), TIOCSWINSZ, &size);  // fails once the terminal is hung up
  }
  if (resized_) resized_(*size_);
}

void CommandRelay::finish(CommandResult result) {
  if (result_) return;
  result_ = std::move(result);
  state_->closed = nullptr;
  if (std::exchange(input_paused_, false)) wire_.pause_reading(false);
  if (terminal_) output_->end_when_empty();
  answer_when_drained();
}

void CommandRelay::answer_when_drained() {
  if (!result_ || answered_ || output_->running() || error_->running()) return;
  answered_ = true;
  wire_.send_result(*result_);
}

void CommandRelay::drop_ends() {
  writer_ = std::make_unique<FdWriter>();
  output_ = std::make_unique<FdReader>();
  error_ = std::make_unique<FdReader>();
  terminal_.reset();
  resized_ = nullptr;
}

void CommandRelay::client_gone() {
  if (std::exchange(state_->relay, nullptr) == nullptr) return;
  answered_ = true;
  drop_ends();
  const std::function<void()> closed = std::exchange(state_->closed, nullptr);
  if (closed) closed();
}

}  // namespace kist::net
