// exec and attach over SPDY/3.1, byte for byte, with the test as both kubectl and container.
#include <catch2/catch.hpp>

#include "kist/net/streams.h"
#include "spdy_client.h"

namespace kist::net {
namespace {

using namespace testing;

constexpr std::string_view kAll = "/exec/ns/pod/c?input=1&output=1&error=1";

// A client that has opened the streams of kAll: 1 error, 3 stdin, 5 stdout, 7 stderr.
struct SpdyClient : RawClient {
  SpdyClient(uint16_t port, std::string_view protocols,
             std::initializer_list<const char*> types = {"error", "stdin", "stdout", "stderr"},
             std::string_view target = kAll)
      : RawClient(port) {
    const std::string head = open_spdy(*this, target, protocols);
    REQUIRE(head.starts_with("HTTP/1.1 101 "));
    uint32_t id = 1;
    for (const char* type : types) {
      send(deflater.syn_stream(id, {{"streamtype", type}}));
      REQUIRE(read_spdy(*this) == "reply " + std::to_string(id));
      id += 2;
    }
  }
  SpdyDeflater deflater;
};

TEST_CASE("command over spdy: the handshake") {
  NodeFixture fixture;
  struct Case {
    const char* name;
    const char* protocols;
    const char* begins;
    const char* contains;
  };
  const Case cases[] = {
      {"kubectl's list", "v4.channel.k8s.io\r\nX-Stream-Protocol-Version: channel.k8s.io",
       "HTTP/1.1 101 ", "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n"},
      {"with commas", "v9.channel.k8s.io, v2.channel.k8s.io", "HTTP/1.1 101 ",
       "X-Stream-Protocol-Version: v2.channel.k8s.io\r\n"},
      {"names SPDY", "channel.k8s.io", "HTTP/1.1 101 ", "Upgrade: SPDY/3.1\r\n"},
      {"none", "", "HTTP/1.1 400 ", ""},
      {"none that we know", "v9.channel.k8s.io", "HTTP/1.1 403 ",
       "X-Accepted-Stream-Protocol-Versions: v3.channel.k8s.io\r\n"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    RawClient client = fixture.client();
    const std::string head = open_spdy(client, kAll, c.protocols);
    CHECK(head.starts_with(c.begins));
    CHECK_THAT(head, Catch::Contains(c.contains));
  }
}

TEST_CASE("command over spdy: streams, end of input, exit code") {
  NodeFixture fixture;
  SpdyClient client(fixture.server.port(), "v4.channel.k8s.io");
  client.send(spdy_data(3, "early "));
  const auto session = fixture.node.sessions.take();
  Pipe input, output, error;
  session->relay({.input = std::move(input.to),
                  .output = std::move(output.from),
                  .error = std::move(error.from)});
  client.send(spdy_data(3, "one") + spdy_data(3, "", true));
  CHECK(read_to_end(input.from.get()) == "early one");
  write_all(output.to.get(), "out");
  CHECK(read_spdy(client) == "data 5 out");
  write_all(error.to.get(), "err");
  CHECK(read_spdy(client) == "data 7 err");
  client.send(spdy_ping(9));
  CHECK(read_spdy(client) == "ping 9");
  session->finish({.exit_code = 3});
  output.to.reset();
  error.to.reset();
  CHECK(read_spdy(client) == "end 5");
  CHECK(read_spdy(client) == "end 7");
  CHECK_THAT(read_spdy(client),
             Catch::StartsWith("data 1 {\"metadata\":{},\"status\":\"Failure\"") &&
                 Catch::Contains("\"message\":\"3\""));
  CHECK(read_spdy(client) == "end 1");
  CHECK(read_spdy(client) == "end 3");
  CHECK(read_spdy(client) == "goaway 7");
  CHECK_FALSE(readable(client.fd(), 200));  // spdystream would drop what it has queued
  client.shutdown_write();
  CHECK(read_spdy(client) == "closed");
  CHECK(fixture.node.closed.empty());
}

TEST_CASE("command over spdy: older protocols tell failures only") {
  struct Case {
    const char* protocol;
    CommandResult result;
    std::string told;  // the frame after the ends of stdout and stderr
  };
  const Case cases[] = {
      {"channel.k8s.io", {}, "end 1"},
      {"v3.channel.k8s.io", {}, "end 1"},
      {"v2.channel.k8s.io",
       {.exit_code = 4},
       "data 1 command terminated with non-zero exit code: exit status 4"},
      {"v4.channel.k8s.io", {}, "data 1 {\"metadata\":{},\"status\":\"Success\"}"},
  };
  NodeFixture fixture;
  for (const Case& c : cases) {
    INFO(c.protocol);
    SpdyClient client(fixture.server.port(), c.protocol);
    fixture.node.sessions.take()->finish(c.result);
    CHECK(read_spdy(client) == "end 5");
    CHECK(read_spdy(client) == "end 7");
    CHECK(read_spdy(client) == c.told);
  }
}

TEST_CASE("command over spdy: streams that do not belong") {
  NodeFixture fixture;
  SpdyClient client(fixture.server.port(), "v4.channel.k8s.io", {"error", "stdin", "stdout"});
  const auto refused = [&](uint32_t id, const char* type) {
    client.send(client.deflater.syn_stream(id, {{"streamtype", type}}));
    return read_spdy(client);
  };
  CHECK(refused(7, "stdin") == "reply 7");  // a second one
  CHECK(read_spdy(client) == "reset 7 3");
  CHECK(refused(9, "resize") == "reply 9");  // no terminal
  CHECK(read_spdy(client) == "reset 9 3");
  CHECK(refused(9, "stderr") == "reset 9 1");    // an id again
  CHECK(refused(10, "stderr") == "reset 10 1");  // an id of ours
  client.send(spdy_data(99, "x"));
  CHECK(read_spdy(client) == "reset 99 2");
  CHECK(fixture.node.sessions.empty());
  CHECK(refused(11, "stderr") == "reply 11");
  fixture.node.sessions.take()->finish({});
  CHECK(read_spdy(client) == "end 5");
}

TEST_CASE("command over spdy: the client goes in any way") {
  struct Case {
    const char* name;
    void (*leave)(RawClient& client);
  };
  const Case cases[] = {
      {"half-close", [](RawClient& c) { c.shutdown_write(); }},
      {"close", [](RawClient& c) { c.close(); }},
      {"no SPDY at all", [](RawClient& c) { c.send(std::string(8, '\xff')); }},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    NodeFixture fixture;
    SpdyClient client(fixture.server.port(), "v4.channel.k8s.io");
    const auto session = fixture.node.sessions.take();
    Pipe input;
    session->relay({.input = std::move(input.to)});
    c.leave(client);
    CHECK(fixture.node.closed.take());
    CHECK(read_to_end(input.from.get()) == "");
    session->finish({});
  }
}

TEST_CASE("command over spdy: terminal sizes have a stream") {
  NodeFixture fixture;
  SpdyClient client(fixture.server.port(), "v3.channel.k8s.io", {"error", "stdout", "resize"},
                    "/exec/ns/pod/c?output=1&tty=1");
  const auto session = fixture.node.sessions.take();
  Queue<TerminalSize> sizes;
  client.send(spdy_data(5, "{\"Width\":132,") + spdy_data(5, "\"Height\":50}\n"));
  session->relay({.resized = [&](TerminalSize size) { sizes.push(size); }});
  const TerminalSize size = sizes.take();
  CHECK(size.columns == 132);
  CHECK(size.rows == 50);
  session->finish({});
  CHECK(read_spdy(client) == "end 3");
}

}  // namespace
}  // namespace kist::net
