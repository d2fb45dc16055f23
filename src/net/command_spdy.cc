#include "command_spdy.h"

#include <array>

#include "spdy_connection.h"

namespace kist::net {
namespace {

// How long the client may take to open its streams, as the kubelet has it.
constexpr std::chrono::seconds kStreamsWait{30};

// v2 lets the client end its input, v3 brings terminal sizes, v4 the result as a Status.
constexpr std::string_view kProtocols[] = {"v4.channel.k8s.io", "v3.channel.k8s.io",
                                           "v2.channel.k8s.io", "channel.k8s.io"};

struct NamedChannel {
  std::string_view stream_type;
  CommandChannel channel;
};
constexpr NamedChannel kChannels[] = {{"stdin", CommandChannel::kInput},
                                      {"stdout", CommandChannel::kOutput},
                                      {"stderr", CommandChannel::kError},
                                      {"error", CommandChannel::kResult},
                                      {"resize", CommandChannel::kResize}};

class CommandSpdy : public SpdyConnection, private CommandWire {
 public:
  CommandSpdy(Transport& transport, std::string_view protocol, CommandStreams streams,
              CommandOpened opened)
      : SpdyConnection(transport),
        result_form_(protocol == kProtocols[0] ? ResultForm::kStatus : ResultForm::kText),
        expected_{streams.input, streams.output, streams.error, true,
                  streams.terminal && (protocol == kProtocols[0] || protocol == kProtocols[1])},
        opened_(std::move(opened)),
        open_until_(std::chrono::steady_clock::now() + kStreamsWait),
        relay_(*this, transport.loop(), streams) {}

  void sent() override { relay_.sent(); }
  std::optional<SteadyTime> deadline() const override {
    return opened_ && !over() ? open_until_ : SpdyConnection::deadline();
  }
  void on_deadline() override {
    if (!opened_ || over()) return SpdyConnection::on_deadline();
    stop();
  }

 private:
  uint32_t& id_of(CommandChannel channel) { return ids_[static_cast<size_t>(channel)]; }
  bool expects(CommandChannel channel) const { return expected_[static_cast<size_t>(channel)]; }

  void on_stream_opened(uint32_t id, const std::vector<Header>& headers) override {
    const std::string_view type = find_header(headers, "streamType");
    for (const NamedChannel& named : kChannels) {
      if (named.stream_type != type) continue;
      if (!expects(named.channel) || id_of(named.channel) != 0) break;
      id_of(named.channel) = id;
      return open_if_complete();
    }
    reset_stream(id, SpdyReset::kRefusedStream);
  }

  void open_if_complete() {
    for (size_t i = 0; i < kCommandChannels; ++i) {
      if (expected_[i] && ids_[i] == 0) return;
    }
    const CommandOpened opened = std::exchange(opened_, nullptr);
    opened(relay_.make_session());
  }

  void on_stream_data(uint32_t id, std::string_view bytes) override {
    if (id == id_of(CommandChannel::kInput)) return relay_.input(bytes);
    if (id == id_of(CommandChannel::kResize)) relay_.resize(bytes);
  }
  void on_stream_ended(uint32_t id) override {
    if (id == id_of(CommandChannel::kInput)) relay_.end_input();
  }
  void on_client_closed() override { relay_.client_gone(); }

  void send(CommandChannel channel, Payload bytes) override {
    send_data(id_of(channel), std::move(bytes));
  }
  void send_result(const CommandResult& result) override {
    end_stream(id_of(CommandChannel::kOutput));
    end_stream(id_of(CommandChannel::kError));
    const std::string text = command_result_text(result, result_form_);
    if (!text.empty()) send(CommandChannel::kResult, Payload::of(text));
    end_stream(id_of(CommandChannel::kResult));
    for (const uint32_t id : ids_) end_stream(id);
    finish();
  }
  size_t unsent_bytes() const override { return transport().unsent_bytes(); }
  void pause_reading(bool paused) override { transport().pause_input(paused); }

  const ResultForm result_form_;
  const std::array<bool, kCommandChannels> expected_;
  std::array<uint32_t, kCommandChannels> ids_ = {};  // 0: not opened
  CommandOpened opened_;                             // until all streams are there
  const SteadyTime open_until_;
  CommandRelay relay_;  // last: it uses all of the above
};

}  // namespace

std::span<const std::string_view> command_spdy_protocols() { return kProtocols; }

std::unique_ptr<Protocol> make_command_spdy(Transport& transport, std::string_view protocol,
                                            CommandStreams streams, CommandOpened opened) {
  return std::make_unique<CommandSpdy>(transport, protocol, streams, std::move(opened));
}

}  // namespace kist::net
