// The server behind TLS: who may connect, who is believed, and what an old client gets.
#include <openssl/ssl.h>

#include <catch2/catch.hpp>
#include <thread>

#include "http_client.h"
#include "kist/net/pki.h"
#include "kist/net/server.h"

namespace kist::net {
namespace {

using testing::HttpClient;
using testing::HttpReply;

struct WhoHandler : Handler {
  void handle(Request request, std::shared_ptr<Exchange> exchange) override {
    std::string text = request.peer ? request.peer->common_name : "nobody";
    if (request.peer) {
      for (const std::string& group : request.peer->organizations) text += "," + group;
    }
    if (!request.peer_error.empty()) text += " (" + request.peer_error + ")";
    exchange->respond({.body = {Slice::of(text), Slice::of(std::move(request.body))}});
  }
};

struct ClockAt : Clock {
  explicit ClockAt(int64_t seconds) : wall(std::chrono::seconds(seconds)) {}
  WallTime now() const override { return wall; }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  WallTime wall;
};

struct Fixture {
  Fixture()
      : ca(make_ca("kist-ca", system_clock()).value()),
        leaf(issue_server_certificate(ca, {"kist", {"127.0.0.1"}}, system_clock()).value()),
        server({.tls = TlsMaterial{leaf.certificate_pem, leaf.key_pem, ca.certificate_pem}},
               handler) {
    REQUIRE(server.start().ok());
  }
  HttpClient client(const CertificatePair& pair = {}) {
    return HttpClient({.port = server.port(),
                       .ca_pem = ca.certificate_pem,
                       .certificate_pem = pair.certificate_pem,
                       .key_pem = pair.key_pem});
  }

  CertificatePair ca, leaf;
  WhoHandler handler;
  Server server;
};

TEST_CASE("tls: client certificates") {
  Fixture fixture;
  const CertificatePair other_ca = make_ca("kist-ca", system_clock()).value();
  const PeerIdentity admin{"admin", {"system:masters", "ops"}};
  struct Case {
    const char* name;
    CertificatePair pair;
    const char* answer_prefix;
  };
  const Case cases[] = {
      {"none", {}, "nobody"},
      {"ours", issue_client_certificate(fixture.ca, admin, system_clock()).value(),
       "admin,system:masters,ops"},
      {"ours, made in 1970", issue_client_certificate(fixture.ca, admin, ClockAt(7)).value(),
       "admin,system:masters,ops"},
      {"of another CA", issue_client_certificate(other_ca, admin, system_clock()).value(),
       "nobody ("},
      {"for servers only", fixture.leaf, "nobody ("},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const HttpReply reply = fixture.client(c.pair).get("/");
    INFO(reply.error);
    CHECK(reply.status == 200);
    CHECK(reply.body.starts_with(c.answer_prefix));
  }
}

TEST_CASE("tls: TLS 1.2 and plain HTTP are told so") {
  Fixture fixture;
  HttpClient old({.port = fixture.server.port(),
                  .ca_pem = fixture.ca.certificate_pem,
                  .tls_version_max = TLS1_2_VERSION});
  const HttpReply reply = old.get("/");
  CHECK(reply.status == 0);
  CHECK(reply.error.find("alert protocol version") != std::string::npos);

  HttpClient plain({.port = fixture.server.port()});
  REQUIRE(plain.send_raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  CHECK(plain.read_until_close().find("HTTP request to an HTTPS server") != std::string::npos);
  CHECK(fixture.client().get("/").status == 200);
  CHECK(fixture.server.stats().handshakes_failed == 2);
}

TEST_CASE("tls: a client that trusts another CA refuses us") {
  Fixture fixture;
  HttpClient stranger({.port = fixture.server.port(),
                       .ca_pem = make_ca("kist-ca", system_clock()).value().certificate_pem});
  const HttpReply reply = stranger.get("/");
  CHECK(reply.status == 0);
  CHECK(reply.error.find("certificate verify failed") != std::string::npos);
}

TEST_CASE("tls: large bodies both ways, many records") {
  Fixture fixture;
  HttpClient client = fixture.client();
  const std::string body(2'900'000, 'z');
  for (int i = 0; i < 3; ++i) {
    const HttpReply reply = client.request("POST", "/", body);
    INFO(reply.error);
    REQUIRE(reply.status == 200);
    CHECK(reply.body.size() == body.size() + 6);
  }
}

TEST_CASE("tls: a refusal reaches a client that sends everything before it reads") {
  Fixture fixture;
  HttpClient client = fixture.client();
  const HttpReply reply = client.request("POST", "/", std::string(20'000'000, 'x'));
  INFO(reply.error);
  CHECK(reply.status == 413);
}

TEST_CASE("tls: keys are updated whenever the client asks") {
  Fixture fixture;
  HttpClient client = fixture.client();
  const std::string body(200'000, 'k');
  for (int i = 0; i < 20; ++i) {
    INFO("update " << i);
    REQUIRE(client.update_keys());
    const HttpReply reply = client.request("POST", "/", body);
    INFO(reply.error);
    REQUIRE(reply.body == "nobody" + body);
  }
  CHECK(fixture.server.stats().accepted == 1);
}

// Streams numbers for as long as anybody listens.
struct CountingHandler : Handler {
  void handle(Request, std::shared_ptr<Exchange> exchange) override {
    exchange->begin(200, {});
    thread = std::jthread([exchange](std::stop_token stop) {
      for (int i = 0; i < 20'000 && !stop.stop_requested(); ++i) {
        if (!exchange->write({Slice::of(std::to_string(i) + std::string(200, '.') + "\n")})) return;
      }
      exchange->finish();
    });
  }
  std::jthread thread;
};

TEST_CASE("tls: keys are updated in the middle of a stream") {
  Fixture fixture;
  CountingHandler handler;
  Server server({.tls = TlsMaterial{fixture.leaf.certificate_pem, fixture.leaf.key_pem, {}}},
                handler);
  REQUIRE(server.start().ok());
  HttpClient client({.port = server.port(), .ca_pem = fixture.ca.certificate_pem});
  REQUIRE(client.open_stream("/").status == 200);
  int lines = 0;
  while (const auto line = client.next_line()) {
    REQUIRE(line->starts_with(std::to_string(lines) + "."));
    if (++lines % 100 == 0) REQUIRE(client.update_keys());
  }
  CHECK(lines == 20'000);
  handler.thread.join();
}

TEST_CASE("tls: a client that asks for keys and reads none is cut off") {
  Fixture fixture;
  Server server({.tls = TlsMaterial{fixture.leaf.certificate_pem, fixture.leaf.key_pem, {}},
                 .timeouts = {.stall = std::chrono::milliseconds(200)}},
                fixture.handler);
  REQUIRE(server.start().ok());
  HttpClient greedy({.port = server.port(), .ca_pem = fixture.ca.certificate_pem});
  REQUIRE(greedy.get("/").status == 200);
  const uint64_t wakeups = server.stats().wakeups;
  int updates = 0;
  while (server.stats().cut_off == 0 && updates < 1'000'000 && greedy.update_keys()) ++updates;
  while (server.stats().open > 0) std::this_thread::yield();
  CHECK(updates < 1'000'000);
  CHECK(server.stats().cut_off == 1);
  CHECK(server.stats().wakeups - wakeups < static_cast<uint64_t>(updates) + 100);  // nothing spins
  CHECK(HttpClient({.port = server.port(), .ca_pem = fixture.ca.certificate_pem}).get("/").status ==
        200);
}

TEST_CASE("tls: a certificate is replaced while running") {
  Fixture fixture;
  HttpClient before = fixture.client();
  CHECK(before.get("/").status == 200);
  const CertificatePair ca = make_ca("next", system_clock()).value();
  const CertificatePair leaf =
      issue_server_certificate(ca, {"kist", {"127.0.0.1"}}, system_clock()).value();
  CHECK(fixture.server.reload_tls({"junk", "junk"}).error().code == Code::kInvalid);
  CHECK(fixture.server.reload_tls({leaf.certificate_pem, fixture.leaf.key_pem}).error().code ==
        Code::kInvalid);
  CHECK(fixture.client().get("/").status == 200);
  REQUIRE(fixture.server.reload_tls({leaf.certificate_pem, leaf.key_pem}).ok());
  CHECK(before.get("/").status == 200);  // keeps what it has
  CHECK(fixture.client().get("/").status == 0);
  HttpClient after({.port = fixture.server.port(), .ca_pem = ca.certificate_pem});
  CHECK(after.get("/").status == 200);
}

TEST_CASE("tls: bad material ends the start") {
  WhoHandler handler;
  const CertificatePair ca = make_ca("ca", system_clock()).value();
  const CertificatePair leaf =
      issue_server_certificate(ca, {"kist", {"127.0.0.1"}}, system_clock()).value();
  struct Case {
    const char* name;
    TlsMaterial material;
  };
  const Case cases[] = {
      {"no certificate", {"", leaf.key_pem}},
      {"no key", {leaf.certificate_pem, ""}},
      {"another key", {leaf.certificate_pem, ca.key_pem}},
      {"client CA is junk", {leaf.certificate_pem, leaf.key_pem, "junk"}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Server server({.tls = c.material}, handler);
    const Result<> started = server.start();
    REQUIRE_FALSE(started.ok());
    CHECK(started.error().code == Code::kInvalid);
  }
}

}  // namespace
}  // namespace kist::net
