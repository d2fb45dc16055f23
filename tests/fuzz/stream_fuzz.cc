// Any bytes, in any pieces, into the readers of WebSocket, its channel messages and SPDY: no crash,
// no growth beyond the bounds, and whatever pieces they come in, the same is read.
//
// The first byte of the input chooses the reader and the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/channel_message.h"
#include "net/spdy_reader.h"
#include "net/websocket_reader.h"
#include "tests/support/spdy_recorder.h"

namespace {

using namespace kist::net;

struct WebSocketRecorder : WebSocketReader::Sink {
  explicit WebSocketRecorder(bool base64) : messages(base64) {}

  void on_part(const WebSocketReader::Part& part) override {
    ChannelMessageReader::Piece piece;
    closed = !messages.feed(part, &piece);
    if (closed) return;
    if (part.first) seen += '<';
    if (piece.channel != shown && piece.channel != ChannelMessageReader::kNone) {
      seen += std::to_string(shown = piece.channel) + ":";
    }
    seen += piece.bytes;
    if (!part.last) return;
    seen += '>';
    shown = ChannelMessageReader::kNone;
  }
  void on_ping(std::string_view payload) override { seen += "(ping " + std::string(payload) + ")"; }
  void on_close_frame() override { closed = true; }
  bool given_up() const override { return closed; }

  ChannelMessageReader messages;
  std::string seen;
  int shown = ChannelMessageReader::kNone;
  bool closed = false;
};

std::string read_websocket(std::string_view bytes, size_t piece, bool base64) {
  WebSocketReader reader;
  WebSocketRecorder recorder(base64);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const WebSocketClose code = reader.feed(bytes.substr(0, piece), recorder);
    if (code != WebSocketClose::kNone) return recorder.seen + "(broken)";
  }
  // Of base64 that breaks off, the letters decoded before depend on the pieces.
  return base64 && recorder.closed ? "" : recorder.seen;
}

std::string read_spdy(std::string_view bytes, size_t piece) {
  SpdyReader reader;
  testing::SpdyRecorder recorder;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    const kist::Result<> fed = reader.feed(bytes.substr(0, piece), recorder);
    if (!fed.ok()) return recorder.seen + fed.error().message;
  }
  return recorder.seen;
}

std::string read(std::string_view bytes, size_t piece, unsigned protocol) {
  return protocol == 0 ? read_spdy(bytes, piece) : read_websocket(bytes, piece, protocol == 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const unsigned protocol = data[0] % 3;
  const size_t piece = data[0] / 3 % 16 + 1u;
  if (read(bytes, bytes.size() + 1, protocol) != read(bytes, piece, protocol)) std::abort();
  return 0;
}
