// A WebSocket of Kubernetes' channel subprotocols: each message begins with the number of its
// channel, and in the base64 forms all of it is text.
#pragma once

#include "channel_message.h"
#include "websocket.h"

namespace kist::net {

class ChannelWebSocket : public WebSocketConnection {
 public:
  ChannelWebSocket(Transport& transport, bool base64)
      : WebSocketConnection(transport), base64_(base64), messages_(base64) {}

 protected:
  // Bytes of a channel as they come. What the client numbers is not checked.
  virtual void on_channel(int channel, std::string_view bytes) = 0;
  void send_channel(int channel, Payload payload);

 private:
  void on_message_part(const Part& part) final;

  const bool base64_;
  ChannelMessageReader messages_;
};

}  // namespace kist::net
