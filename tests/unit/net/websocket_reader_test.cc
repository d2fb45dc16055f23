// Frames to parts of messages, whole and torn, and what is refused.
#include "net/websocket_reader.h"

#include <catch2/catch.hpp>
#include <string>

#include "websocket_client.h"

namespace kist::net {
namespace {

using namespace testing;
using namespace std::string_literals;

// "<" begins a message, ">" ends it.
struct Recorder : WebSocketReader::Sink {
  void on_part(const WebSocketReader::Part& part) override {
    if (part.first) seen += '<';
    seen += part.bytes;
    if (part.last) seen += '>';
  }
  void on_ping(std::string_view payload) override { seen += "(ping " + std::string(payload) + ")"; }
  void on_close_frame() override {
    seen += "(close)";
    closed = true;
  }
  bool given_up() const override { return closed; }

  std::string seen;
  bool closed = false;
};

struct Seen {
  WebSocketClose code;
  std::string text;
};

Seen read_in_pieces(std::string_view bytes, size_t piece) {
  WebSocketReader reader;
  Recorder recorder;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    const WebSocketClose code = reader.feed(part, recorder);
    if (code != WebSocketClose::kNone) return {code, recorder.seen};
  }
  return {WebSocketClose::kNone, recorder.seen};
}

TEST_CASE("websocket reader: what it reads, in any pieces") {
  struct Case {
    const char* name;
    std::string bytes;
    std::string seen;
    WebSocketClose code = WebSocketClose::kNone;
  };
  const auto bad = WebSocketClose::kProtocolError;
  const std::string long_text(300, 'x');
  const std::string longer_text(70'000, 'y');
  const Case cases[] = {
      {"one message", client_frame(kFinalBinary, "hello"), "<hello>"},
      {"text", client_frame(kFinalText, "hello"), "<hello>"},
      {"empty message", client_frame(kFinalBinary, ""), "<>"},
      {"two messages", client_frame(kFinalBinary, "a") + client_frame(kFinalBinary, "b"), "<a><b>"},
      {"16-bit length", client_frame(kFinalBinary, long_text), "<" + long_text + ">"},
      {"64-bit length", client_frame(kFinalBinary, longer_text), "<" + longer_text + ">"},
      {"fragments with a ping between",
       client_frame(kBinaryBegins, "a") + client_frame(kPingFrame, "p") +
           client_frame(kGoesOn, "b") + client_frame(kFinalGoesOn, ""),
       "<a(ping p)b>"},
      {"pong is ignored", client_frame(kPongFrame, "p") + client_frame(kFinalBinary, "a"), "<a>"},
      {"nothing after close",
       client_frame(kCloseFrame, "\x03\xe8"s) + client_frame(kFinalBinary, "a"), "(close)"},
      {"not masked", "\x82\x01x"s, "", bad},
      {"reserved bit", client_frame(0xc2, "a"), "", bad},
      {"unknown opcode", client_frame(0x83, "a"), "", bad},
      {"unknown control opcode", client_frame(0x8b, "a"), "", bad},
      {"fragmented ping", client_frame(0x09, "a"), "", bad},
      {"long ping", client_frame(kPingFrame, long_text), "", bad},
      {"continuation of nothing", client_frame(kFinalGoesOn, "a"), "", bad},
      {"message within a message",
       client_frame(kBinaryBegins, "a") + client_frame(kFinalBinary, "b"), "<a", bad},
      {"negative length", "\x82\xff\x80\0\0\0\0\0\0\0mask"s, "", bad},
  };
  for (const Case& c : cases) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{65536}, c.bytes.size()}) {
      INFO(c.name << ", in pieces of " << piece);
      const Seen seen = read_in_pieces(c.bytes, piece);
      CHECK(seen.text == c.seen);
      CHECK(seen.code == c.code);
    }
  }
}

}  // namespace
}  // namespace kist::net
