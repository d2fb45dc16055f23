// Between the streams of a client and the descriptors of a command: what all protocols of exec and
// attach have in common.
//
// Threads: the loop's only; the session it makes is for any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "command_result.h"
#include "fd_pump.h"
#include "kist/net/streams.h"
#include "payload.h"

namespace kist::net {

// The channels of a command, numbered as Kubernetes' WebSocket protocols do.
enum class CommandChannel : uint8_t { kInput, kOutput, kError, kResult, kResize };
inline constexpr size_t kCommandChannels = 5;

// A protocol, as the relay sees it. Its calls must not come back into the relay.
class CommandWire {
 public:
  virtual ~CommandWire() = default;
  virtual void send(CommandChannel channel, Payload bytes) = 0;
  // Ends all channels, says how the command ended, then closes.
  virtual void send_result(const CommandResult& result) = 0;
  virtual size_t unsent_bytes() const = 0;
  virtual void pause_reading(bool paused) = 0;
};

class CommandRelay;

// What a session and its relay share; the session may outlive the relay.
struct CommandState {
  const std::shared_ptr<Mailbox> mailbox;
  const CommandStreams streams;
  CommandRelay* relay = nullptr;      // loop's thread only; null once the client is gone
  std::function<void()> closed = {};  // loop's thread only
};

class CommandRelay {
 public:
  CommandRelay(CommandWire& wire, Loop& loop, CommandStreams streams);
  ~CommandRelay() { client_gone(); }
  CommandRelay(const CommandRelay&) = delete;
  CommandRelay& operator=(const CommandRelay&) = delete;

  std::shared_ptr<CommandSession> make_session();

  // From the client.
  void input(std::string_view bytes);
  void end_input();
  void resize(std::string_view json) { resize_to(sizes_.feed(json)); }
  void sent();  // some bytes have left the wire
  void client_gone();

  // From the session.
  void relay(CommandEnds ends);
  void finish(CommandResult result);

 private:
  void relay_terminal(Fd terminal);
  void start_reader(FdReader& reader, Fd fd, CommandChannel channel);
  void start_writer(Fd fd);
  void on_output(CommandChannel channel, Payload bytes);
  void on_input_written();
  size_t queued_input() const { return relayed_ ? writer_->queued() : early_input_.size(); }
  void resize_to(std::optional<TerminalSize> size);
  void apply_size();
  void answer_when_drained();
  void drop_ends();

  CommandWire& wire_;
  Loop& loop_;
  const CommandStreams streams_;
  const std::shared_ptr<CommandState> state_;
  // Made anew when they are dropped, so that nothing of them is left in the loop.
  std::unique_ptr<FdWriter> writer_ = std::make_unique<FdWriter>();
  std::unique_ptr<FdReader> output_ = std::make_unique<FdReader>();
  std::unique_ptr<FdReader> error_ = std::make_unique<FdReader>();
  Fd terminal_;              // for its size
  std::string early_input_;  // before relay()
  TerminalSizeReader sizes_;
  std::optional<TerminalSize> size_;
  std::function<void(TerminalSize)> resized_;
  std::optional<CommandResult> result_;
  bool relayed_ = false;
  bool input_ended_ = false;
  bool input_paused_ = false;
  bool answered_ = false;
};

}  // namespace kist::net
