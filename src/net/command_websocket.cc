#include "command_websocket.h"

#include <array>

#include "channel_websocket.h"

namespace kist::net {
namespace {

constexpr int kEndOfChannel = 255;

struct Form {
  std::string_view subprotocol;
  bool base64 = false;
  ResultForm result = ResultForm::kStatus;
  bool ends_channels = false;
};

constexpr Form kForms[] = {
    {.subprotocol = "v5.channel.k8s.io", .ends_channels = true},
    {.subprotocol = "v4.channel.k8s.io"},
    {.subprotocol = "v4.base64.channel.k8s.io", .base64 = true},
    {.subprotocol = "channel.k8s.io", .result = ResultForm::kText},
    {.subprotocol = "base64.channel.k8s.io", .base64 = true, .result = ResultForm::kText},
    {.subprotocol = "", .result = ResultForm::kText},
};

constexpr auto kNames = [] {
  std::array<std::string_view, std::size(kForms)> names;
  for (size_t i = 0; i < names.size(); ++i) names[i] = kForms[i].subprotocol;
  return names;
}();

class CommandWebSocket : public ChannelWebSocket, private CommandWire {
 public:
  CommandWebSocket(Transport& transport, const Form& form, CommandStreams streams)
      : ChannelWebSocket(transport, form.base64),
        form_(form),
        relay_(*this, transport.loop(), streams) {}

  void open(const CommandStreams& streams, const CommandOpened& opened) {
    // An empty message tells the client that the connection stands, as the kubelet does.
    send(streams.output  ? CommandChannel::kOutput
         : streams.error ? CommandChannel::kError
                         : CommandChannel::kResult,
         Payload(0));
    opened(relay_.make_session());
  }

  void sent() override { relay_.sent(); }

 private:
  void on_channel(int channel, std::string_view bytes) override {
    if (channel == static_cast<int>(CommandChannel::kInput)) {
      relay_.input(bytes);
    } else if (channel == static_cast<int>(CommandChannel::kResize)) {
      relay_.resize(bytes);
    } else if (channel == kEndOfChannel && form_.ends_channels && bytes.size() == 1 &&
               bytes[0] == static_cast<char>(CommandChannel::kInput)) {
      relay_.end_input();
    }
  }
  void on_client_closed() override { relay_.client_gone(); }

  void send(CommandChannel channel, Payload bytes) override {
    send_channel(static_cast<int>(channel), std::move(bytes));
  }
  void send_result(const CommandResult& result) override {
    const std::string text = command_result_text(result, form_.result);
    if (!text.empty()) send(CommandChannel::kResult, Payload::of(text));
    close_with(WebSocketClose::kNormal);
  }
  size_t unsent_bytes() const override { return transport().unsent_bytes(); }
  void pause_reading(bool paused) override { WebSocketConnection::pause_reading(paused); }

  const Form& form_;
  CommandRelay relay_;  // last: it uses all of the above
};

}  // namespace

std::span<const std::string_view> command_subprotocols() { return kNames; }

std::unique_ptr<Protocol> make_command_websocket(Transport& transport, std::string_view subprotocol,
                                                 CommandStreams streams,
                                                 const CommandOpened& opened) {
  for (const Form& form : kForms) {
    if (form.subprotocol != subprotocol) continue;
    auto made = std::make_unique<CommandWebSocket>(transport, form, streams);
    made->open(streams, opened);
    return made;
  }
  return nullptr;
}

}  // namespace kist::net
