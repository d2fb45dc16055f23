// exec and attach over WebSocket, byte for byte, with the test as both kubectl and container.
#include <pty.h>
#include <sys/ioctl.h>

#include <catch2/catch.hpp>
#include <thread>

#include "kist/net/streams.h"
#include "websocket_client.h"

namespace kist::net {
namespace {

using namespace testing;
using namespace std::string_literals;

constexpr std::string_view kAll = "/exec/ns/pod/c?input=1&output=1&error=1";

std::string in_channel(char channel, std::string_view bytes) {
  return channel + std::string(bytes);
}

// What comes on a channel until something comes on another.
std::string read_channel(RawClient& client, char channel, size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    const Frame frame = read_frame(client);
    if (frame.payload.empty() || frame.payload[0] != channel) break;
    bytes += frame.payload.substr(1);
  }
  return bytes;
}

TEST_CASE("command over websocket: the handshake") {
  NodeFixture fixture;
  struct Case {
    const char* name;
    std::string request;
    std::string begins;
    std::string contains;
  };
  const std::string good = upgrade_request(kAll, "v4.channel.k8s.io");
  const auto without = [&](std::string_view line) {
    std::string request = good;
    const size_t at = request.find(line);
    return request.erase(at, request.find('\n', at) + 1 - at);
  };
  const Case cases[] = {
      {"RFC 6455's own key", good, "HTTP/1.1 101 Switching Protocols\r\n",
       "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
      {"the client's first choice that we know",
       upgrade_request(kAll, "v9.channel.k8s.io, v5.channel.k8s.io, v4.channel.k8s.io"),
       "HTTP/1.1 101 ", "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n"},
      {"no subprotocol", upgrade_request(kAll, ""), "HTTP/1.1 101 ", "Connection: Upgrade\r\n"},
      {"none that we know", upgrade_request(kAll, "v9.channel.k8s.io"), "HTTP/1.1 403 ", ""},
      {"no version", without("Sec-WebSocket-Version"), "HTTP/1.1 400 ",
       "Sec-WebSocket-Version: 13\r\n"},
      {"no key", without("Sec-WebSocket-Key"), "HTTP/1.1 400 ", ""},
      {"no upgrade", without("Upgrade: "), "HTTP/1.1 400 ", ""},
      {"no connection header", without("Connection: "), "HTTP/1.1 400 ", ""},
      {"no stream", upgrade_request("/exec/ns/pod/c", "v5.channel.k8s.io"), "HTTP/1.1 400 ", ""},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    RawClient client = fixture.client();
    client.send(c.request);
    const std::string head = client.read_head();
    CHECK(head.starts_with(c.begins));
    CHECK_THAT(head, Catch::Contains(c.contains));
  }
}

TEST_CASE("command over websocket: streams, end of input, exit code") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, kAll, "v5.channel.k8s.io");
  CHECK(read_frame(client).payload == in_channel(1, ""));  // "the connection stands"
  const auto session = fixture.node.sessions.take();
  CHECK(session->streams().input);
  CHECK_FALSE(session->streams().terminal);

  client.send(client_frame(kFinalBinary, in_channel(0, "early ")));
  Pipe input, output, error;
  session->relay({.input = std::move(input.to),
                  .output = std::move(output.from),
                  .error = std::move(error.from)});
  client.send(client_frame(kBinaryBegins, in_channel(0, "one, ")));
  client.send(client_frame(kFinalGoesOn, "two"));
  client.send(client_frame(kFinalBinary, in_channel(9, "no such channel")));
  client.send(client_frame(kFinalBinary, "\xff\0"s));
  CHECK(read_to_end(input.from.get()) == "early one, two");

  write_all(output.to.get(), "out");
  CHECK(read_frame(client).payload == in_channel(1, "out"));
  write_all(error.to.get(), "err");
  CHECK(read_frame(client).payload == in_channel(2, "err"));

  session->finish({.exit_code = 3});
  write_all(output.to.get(), "last words");  // the result waits for both pipes' ends
  CHECK(read_frame(client).payload == in_channel(1, "last words"));
  output.to.reset();
  error.to.reset();
  CHECK(read_frame(client).payload ==
        in_channel(3,
                   "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with "
                   "non-zero exit code: exit status 3\",\"reason\":\"NonZeroExitCode\","
                   "\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}"));
  const Frame goodbye = read_frame(client);
  CHECK(goodbye.first_byte == kCloseFrame);
  CHECK(goodbye.payload == "\x03\xe8");
  CHECK(client.read_to_end() == "");
  CHECK(fixture.node.closed.empty());
}

TEST_CASE("command over websocket: how each subprotocol tells the end") {
  struct Case {
    const char* subprotocol;
    CommandResult result;
    int first_byte;
    std::string payload;  // of the frame after the first; "\x03\xe8": none but the close
  };
  const std::string closed = "\x03\xe8";
  const std::string success = "{\"metadata\":{},\"status\":\"Success\"}";
  const Case cases[] = {
      {"v5.channel.k8s.io", {}, kFinalBinary, in_channel(3, success)},
      {"v4.channel.k8s.io", {}, kFinalBinary, in_channel(3, success)},
      {"v4.base64.channel.k8s.io",
       {},
       kFinalText,
       "3eyJtZXRhZGF0YSI6e30sInN0YXR1cyI6IlN1Y2Nlc3MifQ=="},
      {"channel.k8s.io", {}, kCloseFrame, closed},
      {"", {}, kCloseFrame, closed},
      {"channel.k8s.io",
       {.exit_code = 2},
       kFinalBinary,
       in_channel(3, "command terminated with non-zero exit code: exit status 2")},
      {"channel.k8s.io",
       {.error = "no \"sh\""},
       kFinalBinary,
       in_channel(3, "Internal error occurred: error executing command in container: no \"sh\"")},
      {"v5.channel.k8s.io",
       {.error = "no \"sh\""},
       kFinalBinary,
       in_channel(3,
                  "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"Internal error occurred: "
                  "error executing command in container: no \\\"sh\\\"\",\"reason\":"
                  "\"InternalError\",\"details\":{\"causes\":[{\"message\":\"error executing "
                  "command in container: no \\\"sh\\\"\"}]},\"code\":500}")},
  };
  NodeFixture fixture;
  for (const Case& c : cases) {
    INFO(c.subprotocol << ": " << c.payload);
    RawClient client = fixture.client();
    open_websocket(client, kAll, c.subprotocol);
    (void)read_frame(client);
    fixture.node.sessions.take()->finish(c.result);
    const Frame frame = read_frame(client);
    CHECK(frame.first_byte == c.first_byte);
    CHECK(frame.payload == c.payload);
  }
}

TEST_CASE("command over websocket: base64 in torn pieces") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, kAll, "v4.base64.channel.k8s.io");
  CHECK(read_frame(client).payload == "1");
  const auto session = fixture.node.sessions.take();
  Pipe input;
  session->relay({.input = std::move(input.to)});
  client.send(client_frame(0x01, "0aGVs"));
  client.send(client_frame(kGoesOn, "bG8gd29"));
  client.send(client_frame(kFinalGoesOn, "ybGQ="));
  CHECK(read_exactly(input.from.get(), 11) == "hello world");
  client.send(client_frame(0x01, "/") + client_frame(kFinalGoesOn, "0aGV"));  // channel -1
  client.send(client_frame(kPingFrame, "") + client_frame(kFinalText, "0IQ=="));
  CHECK(read_exactly(input.from.get(), 1) == "!");
  CHECK(read_frame(client).first_byte == kPongFrame);
  client.send(client_frame(kFinalText, "0aGVsb"));  // incomplete
  const Frame goodbye = read_frame(client);
  CHECK(goodbye.first_byte == kCloseFrame);
  CHECK(goodbye.payload == "\x03\xef");
  CHECK(fixture.node.closed.take());
}

TEST_CASE("command over websocket: the client goes in any way") {
  struct Case {
    const char* name;
    void (*leave)(RawClient& client);
  };
  const Case cases[] = {
      {"close frame", [](RawClient& c) { c.send(client_frame(kCloseFrame, "\x03\xe8")); }},
      {"half-close", [](RawClient& c) { c.shutdown_write(); }},
      {"close", [](RawClient& c) { c.close(); }},
      {"broken frame", [](RawClient& c) { c.send("\x82\x01x"); }},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    NodeFixture fixture;
    RawClient client = fixture.client();
    open_websocket(client, kAll, "v5.channel.k8s.io");
    const auto session = fixture.node.sessions.take();
    Pipe input, output;
    session->relay({.input = std::move(input.to), .output = std::move(output.from)});
    c.leave(client);
    CHECK(fixture.node.closed.take());
    CHECK(read_to_end(input.from.get()) == "");  // the command learns it
    session->finish({});                         // too late, and harmless
  }
}

TEST_CASE("command over websocket: a dropped session is a failure") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, kAll, "v5.channel.k8s.io");
  (void)read_frame(client);
  (void)fixture.node.sessions.take();
  CHECK_THAT(read_frame(client).payload, Catch::Contains("the node gave the command up"));
}

TEST_CASE("command over websocket: ping is answered") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, kAll, "v5.channel.k8s.io");
  (void)read_frame(client);
  client.send(client_frame(kPingFrame, "are you there"));
  const Frame pong = read_frame(client);
  CHECK(pong.first_byte == kPongFrame);
  CHECK(pong.payload == "are you there");
}

TEST_CASE("command over websocket: what nobody reads waits in the pipe") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, kAll, "v5.channel.k8s.io");
  (void)read_frame(client);
  const auto session = fixture.node.sessions.take();
  Pipe output;
  session->relay({.output = std::move(output.from)});
  ::fcntl(output.to.get(), F_SETFL, O_NONBLOCK);
  size_t written = 0;
  const std::string block(64 * 1024, 'x');
  // Until the pipe stays full: the server's memory and both sockets are bounded.
  for (pollfd waited{.fd = output.to.get(), .events = POLLOUT, .revents = 0};
       ::poll(&waited, 1, 500) == 1;) {
    const ssize_t count = ::write(output.to.get(), block.data(), block.size());
    if (count > 0) written += static_cast<size_t>(count);
    REQUIRE(written < 64u * 1024 * 1024);
  }
  REQUIRE(written > 256 * 1024);
  output.to.reset();
  session->finish({});
  CHECK(read_channel(client, 1, written).size() == written);
  CHECK(read_frame(client).payload[0] == 3);
}

TEST_CASE("command over websocket: input that the command does not read waits at the client") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, kAll, "v5.channel.k8s.io");
  const auto session = fixture.node.sessions.take();
  Pipe input;
  session->relay({.input = std::move(input.to)});
  ::fcntl(client.fd(), F_SETFL, O_NONBLOCK);
  const std::string frame = client_frame(kFinalBinary, in_channel(0, std::string(999, 'x')));
  std::string sent;
  size_t offset = 0;
  for (pollfd waited{.fd = client.fd(), .events = POLLOUT, .revents = 0};
       ::poll(&waited, 1, 500) == 1;) {
    const ssize_t count = ::write(client.fd(), frame.data() + offset, frame.size() - offset);
    if (count > 0) offset = (offset + static_cast<size_t>(count)) % frame.size();
    if (count > 0) sent.append(static_cast<size_t>(count), 'x');
    REQUIRE(sent.size() < 64u * 1024 * 1024);
  }
  const size_t messages = sent.size() / frame.size();
  CHECK(messages > 256);
  CHECK(read_exactly(input.from.get(), messages * 999) == std::string(messages * 999, 'x'));
}

TEST_CASE("command over websocket: a terminal and its sizes") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, "/exec/ns/pod/c?input=1&output=1&error=1&tty=1", "v5.channel.k8s.io");
  (void)read_frame(client);
  const auto session = fixture.node.sessions.take();
  CHECK(session->streams().terminal);
  CHECK_FALSE(session->streams().error);
  int master = -1, slave = -1;
  REQUIRE(::openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
  const Fd terminal(slave);
  Queue<TerminalSize> sizes;
  client.send(client_frame(kFinalBinary, in_channel(4, "{\"Width\":80,\"Height\":24}")));
  session->relay({.terminal = Fd(master), .resized = [&](TerminalSize size) { sizes.push(size); }});
  CHECK(sizes.take().columns == 80);
  client.send(client_frame(kFinalBinary, in_channel(4, "{\"Width\":0,\"Height\":1}nonsense")));
  client.send(client_frame(kFinalBinary, in_channel(4, "}{\"Width\":132,\"Height\":50}\n")));
  CHECK(sizes.take().rows == 50);
  winsize size{};
  REQUIRE(::ioctl(slave, TIOCGWINSZ, &size) == 0);
  CHECK(size.ws_col == 132);

  client.send(client_frame(kFinalBinary, in_channel(0, "hi\n")));
  CHECK(read_exactly(slave, 3) == "hi\n");
  CHECK(read_channel(client, 1, 4) == "hi\r\n");  // the terminal's echo
  write_all(slave, "bye");
  session->finish({});  // though the slave stays open
  CHECK(read_frame(client).payload == in_channel(1, "bye"));
  CHECK(read_frame(client).payload[0] == 3);
}

TEST_CASE("command over websocket: the server stops") {
  auto fixture = std::make_unique<NodeFixture>();
  RawClient client = fixture->client();
  open_websocket(client, kAll, "v5.channel.k8s.io");
  (void)read_frame(client);
  const auto session = fixture->node.sessions.take();
  std::jthread stopper([&] { fixture->server.stop(); });
  CHECK(read_frame(client).payload == "\x03\xe9");
  client.close();
  CHECK(fixture->node.closed.take());
  stopper.join();
  session->finish({});
  bool told = false;
  session->on_closed([&] { told = true; });
  CHECK(told);
}

}  // namespace
}  // namespace kist::net
