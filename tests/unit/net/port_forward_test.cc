// Port-forward in its three protocols, byte for byte, with the test as both kubectl and pod.
#include <catch2/catch.hpp>

#include "kist/net/streams.h"
#include "spdy_client.h"
#include "websocket_client.h"

namespace kist::net {
namespace {

using namespace testing;
using namespace std::string_literals;

constexpr std::string_view kTarget = "/portForward/ns/web/u1";

struct Socket {
  Socket() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    node = Fd(ends[0]);
    pod = Fd(ends[1]);
  }
  Fd node, pod;
};

std::vector<Header> stream_of(const char* type, const char* port, const char* request) {
  return {{"streamtype", type}, {"port", port}, {"requestid", request}};
}

struct SpdyClient : RawClient {
  explicit SpdyClient(uint16_t server) : RawClient(server) {
    REQUIRE_THAT(open_spdy(*this, kTarget, "portforward.k8s.io"),
                 Catch::StartsWith("HTTP/1.1 101 ") &&
                     Catch::Contains("X-Stream-Protocol-Version: portforward.k8s.io\r\n"));
  }
  // An error stream `id` and a data stream `id` + 2.
  void connect(uint32_t id, const char* port, const char* request) {
    send(deflater.syn_stream(id, stream_of("error", port, request)));
    send(deflater.syn_stream(id + 2, stream_of("data", port, request)));
    CHECK(read_spdy(*this) == "reply " + std::to_string(id));
    CHECK(read_spdy(*this) == "reply " + std::to_string(id + 2));
  }
  SpdyDeflater deflater;
};

TEST_CASE("port-forward over spdy: two connections") {
  NodeFixture fixture;
  SpdyClient client(fixture.server.port());
  client.connect(1, "80", "0");
  const auto first = fixture.node.ports.take();
  CHECK(first->port() == 80);
  client.connect(5, "8080", "1");
  const auto second = fixture.node.ports.take();
  CHECK(second->port() == 8080);
  client.send(spdy_data(3, "early ") + spdy_data(1, "", true));

  Socket one, two;
  first->relay(std::move(one.node));
  second->relay(std::move(two.node));
  client.send(spdy_data(3, "to one") + spdy_data(7, "to two"));
  CHECK(read_exactly(one.pod.get(), 12) == "early to one");
  CHECK(read_exactly(two.pod.get(), 6) == "to two");
  write_all(two.pod.get(), "from two");
  CHECK(read_spdy(client) == "data 7 from two");

  client.send(spdy_data(3, "", true));  // ends of either direction are passed on
  CHECK(read_to_end(one.pod.get()) == "");
  write_all(one.pod.get(), "still here");
  CHECK(read_spdy(client) == "data 3 still here");
  one.pod.reset();
  CHECK(read_spdy(client) == "end 3");
  CHECK(read_spdy(client) == "end 1");

  client.send(spdy_reset(7, SpdyReset::kCancel));
  CHECK(read_to_end(two.pod.get()) == "");
  CHECK(read_spdy(client) == "end 5");
  client.connect(9, "80", "2");
  (void)fixture.node.ports.take();  // dropped: closed
  CHECK(read_spdy(client) == "end 9");
  CHECK(read_spdy(client) == "end 11");
  client.close();
  CHECK(fixture.node.closed.take());
}

TEST_CASE("port-forward over spdy: no connection") {
  NodeFixture fixture;
  SpdyClient client(fixture.server.port());
  client.connect(1, "80", "0");
  fixture.node.ports.take()->fail("no such pod");
  CHECK(read_spdy(client) == "data 1 error forwarding port 80 to pod web_ns, uid u1: no such pod");
  CHECK(read_spdy(client) == "end 1");
  CHECK(read_spdy(client) == "end 3");

  // A socket that is still connecting, to where nobody listens.
  const Fd bound(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(bound.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Fd connecting(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(connecting.get(), reinterpret_cast<sockaddr*>(&address), size) != 0);
  client.connect(5, "81", "1");
  fixture.node.ports.take()->relay(std::move(connecting));
  CHECK(read_spdy(client) ==
        "data 5 error forwarding port 81 to pod web_ns, uid u1: connect: Connection refused");
}

TEST_CASE("port-forward over spdy: streams that are refused") {
  struct Case {
    const char* name;
    std::vector<Header> headers;
  };
  const Case cases[] = {
      {"unknown type", stream_of("stdin", "80", "0")},
      {"no port", {{"streamtype", "data"}, {"requestid", "0"}}},
      {"port 0", stream_of("data", "0", "0")},
      {"port above 65535", stream_of("data", "65536", "0")},
      {"port with a sign", stream_of("data", "+80", "0")},
      {"no request", {{"streamtype", "data"}, {"port", "80"}}},
      {"same type again", stream_of("error", "80", "twice")},
  };
  NodeFixture fixture;
  for (const Case& c : cases) {
    INFO(c.name);
    SpdyClient client(fixture.server.port());
    client.send(client.deflater.syn_stream(1, stream_of("error", "80", "twice")));
    CHECK(read_spdy(client) == "reply 1");
    client.send(client.deflater.syn_stream(3, c.headers));
    CHECK(read_spdy(client) == "reply 3");
    CHECK(read_spdy(client) == "reset 3 3");
  }
  CHECK(fixture.node.ports.empty());
}

TEST_CASE("port-forward over spdy: neither side holds more than its bound") {
  NodeFixture fixture;
  SpdyClient client(fixture.server.port());
  client.connect(1, "80", "0");
  Socket socket;
  fixture.node.ports.take()->relay(std::move(socket.node));
  ::fcntl(socket.pod.get(), F_SETFL, O_NONBLOCK);
  const std::string block(64 * 1024, 'x');
  size_t written = 0;
  for (pollfd waited{.fd = socket.pod.get(), .events = POLLOUT, .revents = 0};
       ::poll(&waited, 1, 500) == 1;) {
    const ssize_t count = ::write(socket.pod.get(), block.data(), block.size());
    if (count > 0) written += static_cast<size_t>(count);
    REQUIRE(written < 64u * 1024 * 1024);
  }
  socket.pod.reset();
  size_t read = 0;
  for (std::string frame = read_spdy(client); frame.starts_with("data 3 ");
       frame = read_spdy(client)) {
    read += frame.size() - 7;
  }
  CHECK(read == written);
}

TEST_CASE("port-forward over spdy inside a websocket") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  CHECK_THAT(open_websocket(client, kTarget, "SPDY/3.1+portforward.k8s.io"),
             Catch::Contains("Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io\r\n"));
  SpdyDeflater deflater;
  const auto send = [&](std::string_view bytes) { client.send(client_frame(kFinalBinary, bytes)); };
  const auto read = [&] {
    const Frame frame = read_frame(client);
    REQUIRE(frame.first_byte == kFinalBinary);
    return describe_spdy(frame.payload.substr(0, 8), std::string_view(frame.payload).substr(8));
  };
  std::string streams = deflater.syn_stream(1, stream_of("error", "80", "0"));
  streams += deflater.syn_stream(3, stream_of("data", "80", "0"));
  send(streams.substr(0, 20));  // frames need not match messages
  send(streams.substr(20));
  CHECK(read() == "reply 1");
  CHECK(read() == "reply 3");
  Socket socket;
  fixture.node.ports.take()->relay(std::move(socket.node));
  send(spdy_data(3, "hello"));
  CHECK(read_exactly(socket.pod.get(), 5) == "hello");
  write_all(socket.pod.get(), "world");
  CHECK(read() == "data 3 world");
  client.send(client_frame(kCloseFrame, "\x03\xe8"));
  CHECK(read_frame(client).first_byte == kCloseFrame);
  CHECK(fixture.node.closed.take());
  CHECK(read_to_end(socket.pod.get()) == "");
}

TEST_CASE("port-forward over websocket channels") {
  NodeFixture fixture;
  RawClient client = fixture.client();
  open_websocket(client, std::string(kTarget) + "?port=80&port=8080", "v4.channel.k8s.io");
  CHECK(read_frame(client).payload == "\0\x50\0"s);
  CHECK(read_frame(client).payload == "\1\x50\0"s);
  CHECK(read_frame(client).payload == "\2\x90\x1f"s);
  CHECK(read_frame(client).payload == "\3\x90\x1f"s);
  const auto first = fixture.node.ports.take();
  fixture.node.ports.take()->fail("no");
  CHECK(read_frame(client).payload == "\3error forwarding port 8080 to pod web_ns, uid u1: no");
  CHECK(read_frame(client).payload == "\3");
  Socket socket;
  first->relay(std::move(socket.node));
  client.send(client_frame(kFinalBinary, "\0hello"s));
  CHECK(read_exactly(socket.pod.get(), 5) == "hello");
  write_all(socket.pod.get(), "world");
  CHECK(read_frame(client).payload == "\0world"s);
  socket.pod.reset();
  CHECK(read_frame(client).payload == "\1");
  CHECK(read_frame(client).first_byte == kCloseFrame);
}

TEST_CASE("port-forward: requests that are refused") {
  struct Case {
    const char* name;
    std::string request;
    const char* begins;
    const char* contains;
  };
  const std::string target(kTarget);
  const std::string_view channels = "v4.channel.k8s.io";
  const Case cases[] = {
      {"no upgrade", "POST " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ",
       "unable to upgrade: missing upgrade headers in request"},
      {"no port", upgrade_request(target, channels), "HTTP/1.1 400 ",
       "query parameter \"port\" is required"},
      {"bad port", upgrade_request(target + "?port=80,http", channels), "HTTP/1.1 400 ",
       "unable to parse \"http\" as a port"},
      {"unknown subprotocol", upgrade_request(target + "?port=80", "chat"), "HTTP/1.1 403 ", ""},
  };
  NodeFixture fixture;
  for (const Case& c : cases) {
    INFO(c.name);
    RawClient client = fixture.client();
    client.send(c.request);
    client.shutdown_write();
    const std::string answer = client.read_to_end();
    CHECK_THAT(answer, Catch::StartsWith(c.begins) && Catch::Contains(c.contains));
  }
}

}  // namespace
}  // namespace kist::net
