#include "channel_websocket.h"

#include "kist/base/base64.h"

namespace kist::net {

void ChannelWebSocket::on_message_part(const Part& part) {
  ChannelMessageReader::Piece piece;
  if (!messages_.feed(part, &piece)) return client_broke_rules(WebSocketClose::kInvalidPayload);
  if (piece.channel != ChannelMessageReader::kNone) on_channel(piece.channel, piece.bytes);
}

void ChannelWebSocket::send_channel(int channel, Payload payload) {
  const char number = static_cast<char>(channel + (base64_ ? '0' : 0));
  const std::string_view prefix(&number, 1);
  if (!base64_) return send_message(MessageKind::kBinary, prefix, std::move(payload));
  send_message(MessageKind::kText, prefix, Payload::of(encode_base64(payload.view())));
}

}  // namespace kist::net
