// The server through real sockets: what a client sends, byte for byte, and what it gets.
#include "kist/net/server.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <deque>
#include <latch>
#include <thread>

#include "http_client.h"
#include "kist/base/worker_pool.h"

namespace kist::net {
namespace {

using testing::HttpClient;
using testing::HttpReply;
using namespace std::chrono_literals;

// Echoes method, path, query and body. What begins with "/hold" keeps its exchange for the test.
class EchoHandler : public Handler {
 public:
  void handle(Request request, std::shared_ptr<Exchange> exchange) override {
    if (request.path == "/drop") return;
    if (request.path.starts_with("/hold")) {
      MutexLock lock(mutex_);
      held_.push_back(std::move(exchange));
      changed_.notify_all();
      return;
    }
    if (request.path == "/empty") return exchange->respond({.status = 204});
    std::string text = request.method + " " + request.path + " " + request.query + " ";
    if (request.path == "/size") {
      text += std::to_string(request.body.size());
    } else {
      text += request.body;
    }
    exchange->respond({.status = 200,
                       .headers = {{"Content-Type", "text/plain"}},
                       .body = {Slice::literal("<"), Slice::of(text), Slice::literal(">")}});
  }

  std::shared_ptr<Exchange> take_held() {
    MutexLock lock(mutex_);
    while (held_.empty()) changed_.wait(mutex_);
    std::shared_ptr<Exchange> exchange = std::move(held_.front());
    held_.pop_front();
    return exchange;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::shared_ptr<Exchange>> held_ GUARDED_BY(mutex_);
};

struct Fixture {
  explicit Fixture(ServerOptions options = {}) : server(std::move(options), handler) {
    REQUIRE(server.start().ok());
  }
  HttpClient client() {
    return HttpClient({.port = server.port(), .timeout = std::chrono::milliseconds(5000)});
  }

  EchoHandler handler;
  Server server;
};

TEST_CASE("server: requests and answers") {
  Fixture fixture;
  HttpClient client = fixture.client();
  const HttpReply first = client.get("/a%2Fb?x=1&y=%20");
  CHECK(first.error == "");
  CHECK(first.status == 200);
  CHECK(first.body == "<GET /a%2Fb x=1&y=%20 >");
  CHECK(first.header("content-type") == "text/plain");
  CHECK(client.request("POST", "/p", "hello").body == "<POST /p  hello>");
  const HttpReply head = client.request("HEAD", "/h");
  CHECK(head.status == 200);
  CHECK(head.header("content-length") == "11");
  CHECK(client.get("/empty").status == 204);
  CHECK(client.get("/drop").status == 500);
  CHECK(client.get("/after").body == "<GET /after  >");
  CHECK(fixture.server.stats().accepted == 1);
}

TEST_CASE("server: what it refuses, it refuses through the socket") {
  Fixture fixture({.error_response = [](int status, std::string message) {
    return Response{.status = status, .body = {Slice::of("ours: " + message)}};
  }});
  struct Case {
    const char* name;
    std::string bytes;
    std::string begins;
    std::string ends;
  };
  const Case cases[] = {
      {"malformed", "GET\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n", "ours: malformed request line"},
      {"smuggling",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 400 ", "ours: both Content-Length and Transfer-Encoding"},
      {"large, before its body is sent",
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\nExpect: 100-continue\r\n\r\n",
       "HTTP/1.1 413 ", "ours: the request body is too large"},
      {"good, then bad", "GET /a HTTP/1.1\r\nHost: a\r\n\r\nbad\r\n\r\n", "HTTP/1.1 200 ",
       "ours: malformed request line"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    HttpClient client = fixture.client();
    REQUIRE(client.send_raw(c.bytes));
    const std::string answer = client.read_until_close();
    CHECK(answer.starts_with(c.begins));
    CHECK(answer.ends_with(c.ends));
    CHECK(client.last_error() == "the server closed the connection");
  }
  CHECK(fixture.server.stats().refused == std::size(cases));
}

TEST_CASE("server: a refusal reaches a client that sends everything before it reads") {
  const std::string letters(64 * 1024, 'x');
  struct Case {
    const char* name;
    std::string head;
    std::string more;  // sent until 20 MB are
    const char* begins;
  };
  const Case cases[] = {
      {"a length above the bound", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000000\r\n\r\n",
       letters, "HTTP/1.1 413 "},
      {"chunks that go on", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
       "10000\r\n" + letters + "\r\n", "HTTP/1.1 413 "},
      {"a header that goes on", "GET / HTTP/1.1\r\nHost: a\r\nX: ", letters, "HTTP/1.1 431 "},
      {"a target that goes on", "GET /", letters, "HTTP/1.1 414 "},
      {"a body behind a bad head", "POST / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n", letters,
       "HTTP/1.1 400 "},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Fixture fixture;
    HttpClient client = fixture.client();
    REQUIRE(client.send_raw(c.head));
    for (size_t sent = 0; sent < 20'000'000; sent += c.more.size())
      REQUIRE(client.send_raw(c.more));
    CHECK(client.read_until_close().starts_with(c.begins));
    CHECK(client.last_error() == "the server closed the connection");
  }
}

TEST_CASE("server: a refused client is not waited for without end") {
  struct Case {
    const char* name;
    ServerTimeouts timeouts;
    bool sends;
  };
  const Case cases[] = {{"silent", {.linger_quiet = 50ms}, false},
                        {"sending", {.linger = 100ms, .linger_quiet = 10'000ms}, true}};
  for (const Case& c : cases) {
    INFO(c.name);
    Fixture fixture({.timeouts = c.timeouts});
    HttpClient client = fixture.client();
    REQUIRE(client.send_raw("bad\r\n\r\n"));
    const auto begin = std::chrono::steady_clock::now();
    while (fixture.server.stats().accepted == 0 || fixture.server.stats().open > 0) {
      REQUIRE(std::chrono::steady_clock::now() - begin < 5s);
      if (c.sends) client.send_raw("more");
      std::this_thread::yield();
    }
  }
}

TEST_CASE("server: pipelined requests are answered one by one, in order") {
  Fixture fixture;
  HttpClient client = fixture.client();
  std::string requests = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 50; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx";
  }
  REQUIRE(client.send_raw(requests));
  std::shared_ptr<Exchange> held = fixture.handler.take_held();
  CHECK(fixture.server.stats().requests == 1);  // the rest waits
  held->respond({.body = {Slice::literal("first")}});
  CHECK(client.read_reply().body == "first");
  for (int i = 0; i < 50; ++i) {
    CHECK(client.read_reply().body == "<POST /" + std::to_string(i) + "  x>");
  }
}

TEST_CASE("server: more pipelined bytes than it will hold") {
  Fixture fixture({.limits = {.pipelined_bytes_max = 1000}});
  HttpClient client = fixture.client();
  REQUIRE(client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> held = fixture.handler.take_held();
  std::string requests;
  for (int i = 0; i < 3000; ++i) requests += "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
  REQUIRE(client.send_raw(requests));
  held->respond({});
  CHECK(client.read_reply().status == 200);
  for (int i = 0; i < 3000; ++i) REQUIRE(client.read_reply().body == "<GET /a  >");
}

TEST_CASE("server: bodies") {
  Fixture fixture;
  HttpClient client = fixture.client();
  const std::string big(3 * 1024 * 1024, 'b');
  CHECK(client.request("POST", "/size", big).body == "<POST /size  3145728>");
  CHECK(client.request("POST", "/size", big + "b").status == 413);

  SECTION("chunked, with 100-continue") {
    HttpClient other = fixture.client();
    REQUIRE(
        other.send_raw("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                       "Expect: 100-continue\r\n\r\n"));
    REQUIRE(other.send_raw("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
    CHECK(other.read_reply().body == "<POST /c  hello world>");
  }
  SECTION("100-continue comes before the body") {
    HttpClient other({.port = fixture.server.port(), .timeout = 200ms});
    REQUIRE(
        other.send_raw("POST /c HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                       "Expect: 100-continue\r\n\r\n"));
    CHECK(other.read_until_close() == "HTTP/1.1 100 Continue\r\n\r\n");
    REQUIRE(other.send_raw("h"));
    CHECK(other.read_until_close() == "");
    REQUIRE(other.send_raw("i"));
    CHECK(other.read_reply().body == "<POST /c  hi>");
  }
  SECTION("answers of many slices and megabytes") {
    HttpClient other = fixture.client();
    REQUIRE(other.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    Response response;
    const Slice piece = Slice::of(std::string(1000, 'p'));
    for (int i = 0; i < 20'000; ++i) response.body.push_back(piece);
    fixture.handler.take_held()->respond(std::move(response));
    const HttpReply reply = other.read_reply();
    CHECK(reply.body.size() == 20'000'000);
    CHECK(reply.body.find_first_not_of('p') == std::string::npos);
  }
}

TEST_CASE("server: HTTP/1.0 and HEAD") {
  Fixture fixture;
  struct Case {
    const char* name;
    const char* request;
    std::string_view ends;
  };
  const Case cases[] = {
      {"1.0 closes", "GET /a HTTP/1.0\r\n\r\n", "\r\nConnection: close\r\n\r\n<GET /a  >"},
      {"HEAD has no body", "HEAD /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
       "Content-Length: 11\r\nConnection: close\r\n\r\n"},
      {"204 has no length", "GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
       "GMT\r\nConnection: close\r\n\r\n"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    HttpClient client = fixture.client();
    REQUIRE(client.send_raw(c.request));
    CHECK(client.read_until_close().ends_with(c.ends));
  }
}

TEST_CASE("server: headers of the Handler cannot break the framing") {
  Fixture fixture;
  HttpClient client = fixture.client();
  REQUIRE(client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  fixture.handler.take_held()->respond({.headers = {{"X-Bad", "a\r\nX-Evil: b"},
                                                    {"Content-Length", "99"},
                                                    {"Transfer-Encoding", "chunked"},
                                                    {"X-Good", "c"}},
                                        .body = {Slice::literal("ok")}});
  const HttpReply reply = client.read_reply();
  CHECK(reply.body == "ok");
  CHECK(reply.header("x-good") == "c");
  CHECK(reply.header("x-evil") == "");
  CHECK(reply.header("x-bad") == "");
}

TEST_CASE("server: streams") {
  Fixture fixture;
  HttpClient client = fixture.client();
  std::shared_ptr<Exchange> stream;
  std::thread opener([&] { CHECK(client.open_stream("/hold").status == 200); });
  stream = fixture.handler.take_held();
  stream->begin(200, {{"Content-Type", "application/json"}});
  opener.join();
  std::latch closed(1);
  stream->on_close([&] { closed.count_down(); });

  SECTION("lines arrive as they are written; the connection lives on") {
    for (int i = 0; i < 100; ++i) {
      REQUIRE(stream->write(
          {Slice::literal("line "), Slice::of(std::to_string(i)), Slice::literal("\n")}));
      CHECK(client.next_line() == "line " + std::to_string(i));
    }
    CHECK(stream->write({}));  // nothing, not the end
    CHECK(stream->write({Slice::literal("last\n")}));
    stream->finish();
    CHECK(client.next_line() == "last");
    CHECK(client.next_line() == std::nullopt);
    CHECK(client.get("/next").body == "<GET /next  >");
    CHECK_FALSE(closed.try_wait());
  }
  SECTION("a peer that leaves is noticed without a write") {
    client.close();
    closed.wait();
    CHECK_FALSE(stream->write({Slice::literal("x")}));
    std::latch late(1);
    stream->on_close([&] { late.count_down(); });  // at once
    late.wait();
  }
  SECTION("dropping it cuts the connection") {
    CHECK(stream->write({Slice::literal("half\n")}));
    stream.reset();
    CHECK(client.next_line() == "half");
    CHECK(client.next_line() == std::nullopt);
    CHECK(client.last_error() == "the server closed the connection");
    closed.wait();
  }
  SECTION("stop() ends it cleanly") {
    CHECK(stream->write({Slice::literal("before\n")}));
    fixture.server.stop();
    closed.wait();
    CHECK(client.next_line() == "before");
    CHECK(client.next_line() == std::nullopt);
    CHECK(client.last_error() == "");
    CHECK_FALSE(stream->write({Slice::literal("x")}));
    std::latch late(1);
    stream->on_close([&] { late.count_down(); });
    late.wait();
  }
}

TEST_CASE("server: a stream that lags is cut off") {
  Fixture fixture({.limits = {.backlog_bytes_max = 1'000'000}});
  HttpClient client = fixture.client();
  REQUIRE(client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> stream = fixture.handler.take_held();
  std::latch closed(1);
  stream->on_close([&] { closed.count_down(); });
  stream->begin(200, {});
  const Slice chunk = Slice::of(std::string(100'000, 'c'));
  int written = 0;
  while (stream->write({chunk})) REQUIRE(++written < 1000);  // kernel buffers hold a few megabytes
  CHECK(written >= 9);
  closed.wait();
  CHECK(fixture.server.stats().cut_off == 1);
  CHECK_FALSE(stream->write({chunk}));
}

TEST_CASE("server: time-outs") {
  const auto fast = std::chrono::milliseconds(100);
  struct Case {
    const char* name;
    ServerTimeouts timeouts;
    const char* sent;
    const char* begins;  // of what comes back
  };
  const Case cases[] = {
      {"half a head", {.head = fast}, "GET / HT", "HTTP/1.1 408 "},
      {"half a body",
       {.body = fast},
       "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
       "HTTP/1.1 408 "},
      {"silence", {.idle = fast}, "", ""},
      {"silence after a request",
       {.idle = fast},
       "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
       "HTTP/1.1 200 "},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Fixture fixture({.timeouts = c.timeouts});
    HttpClient client = fixture.client();
    REQUIRE(client.send_raw(c.sent));
    const std::string answer = client.read_until_close();
    CHECK(client.last_error() == "the server closed the connection");
    CHECK(answer.substr(0, 13) == c.begins);
  }
}

TEST_CASE("server: a trickle does not extend the time for a head") {
  Fixture fixture({.timeouts = {.head = 150ms}});
  HttpClient client({.port = fixture.server.port(), .timeout = 10ms});
  const auto begin = std::chrono::steady_clock::now();
  std::string answer;
  for (int i = 0; answer.empty() && i < 500; ++i) {
    if (!client.send_raw("a")) break;
    answer = client.read_until_close();  // waits 10 ms
  }
  CHECK(answer.starts_with("HTTP/1.1 408 "));
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
}

TEST_CASE("server: a stalled reader is cut off") {
  Fixture fixture({.timeouts = {.stall = 100ms}});
  HttpClient client = fixture.client();
  REQUIRE(client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> exchange = fixture.handler.take_held();
  std::latch closed(1);
  exchange->on_close([&] { closed.count_down(); });
  exchange->begin(200, {});
  CHECK(exchange->write({Slice::of(std::string(30'000'000, 's'))}));
  closed.wait();
  CHECK(fixture.server.stats().cut_off == 1);
}

TEST_CASE("server: half-closed clients get their answers") {
  Fixture fixture;
  HttpClient client = fixture.client();
  REQUIRE(
      client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> held = fixture.handler.take_held();
  client.shutdown_write();
  const uint64_t wakeups = fixture.server.stats().wakeups;
  std::this_thread::sleep_for(50ms);  // room for a busy loop to show itself
  CHECK(fixture.server.stats().wakeups <= wakeups + 2);
  held->respond({.body = {Slice::literal("late")}});
  const std::string answers = client.read_until_close();
  CHECK(answers.find("late") != std::string::npos);
  CHECK(answers.ends_with("<GET /b  >"));
  CHECK(client.last_error() == "the server closed the connection");
}

TEST_CASE("server: a client that resets while it waits") {
  Fixture fixture;
  std::latch closed(1);
  std::shared_ptr<Exchange> held;
  {
    HttpClient client = fixture.client();
    REQUIRE(
        client.send_raw("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    held = fixture.handler.take_held();
    held->on_close([&] { closed.count_down(); });
  }  // closes with the first answer unread: the kernel sends a reset
  closed.wait();
  held->respond({.body = {Slice::literal("to nobody")}});
  CHECK(fixture.client().get("/still").status == 200);
}

TEST_CASE("server: stop waits for what runs, not for what idles") {
  Fixture fixture;
  HttpClient idle = fixture.client();
  CHECK(idle.get("/").status == 200);
  HttpClient busy = fixture.client();
  REQUIRE(busy.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> held = fixture.handler.take_held();
  std::thread stopper([&] { fixture.server.stop(); });
  CHECK(idle.read_until_close() == "");  // by now it is stopping
  held->respond({.body = {Slice::literal("done")}});
  const HttpReply reply = busy.read_reply();
  CHECK(reply.body == "done");
  CHECK(reply.header("connection") == "close");
  stopper.join();
  CHECK(fixture.client().get("/").status == 0);
}

TEST_CASE("server: stop cuts what does not end") {
  Fixture fixture({.timeouts = {.stop = 100ms}});
  HttpClient client = fixture.client();
  REQUIRE(client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> held = fixture.handler.take_held();
  bool closed = false;
  held->on_close([&] { closed = true; });
  fixture.server.stop();
  CHECK(closed);
  held->respond({});  // to nobody, harmless
}

TEST_CASE("server: at the most connections idle ones give way") {
  Fixture fixture({.limits = {.connections_max = 3}});
  std::vector<HttpClient> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(fixture.client());
    REQUIRE(clients.back().get("/").status == 200);
  }
  CHECK(fixture.server.stats().open == 3);
  CHECK(fixture.server.stats().accepted == 6);

  // All busy: the next one waits in the kernel until one is done.
  std::vector<std::shared_ptr<Exchange>> held;
  for (int i = 3; i < 6; ++i) {
    REQUIRE(clients[static_cast<size_t>(i)].send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    held.push_back(fixture.handler.take_held());
  }
  HttpClient late({.port = fixture.server.port(), .timeout = 50ms});
  CHECK(late.get("/").status == 0);
  HttpClient patient = fixture.client();
  REQUIRE(patient.send_raw("GET /p HTTP/1.1\r\nHost: a\r\n\r\n"));
  held[0]->respond({});
  clients[3].close();
  CHECK(patient.read_reply().status == 200);
}

TEST_CASE("server: no descriptors left") {
  Fixture fixture;
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  HttpClient waiting = fixture.client();
  HttpClient first = fixture.client();
  REQUIRE(first.get("/").status == 200);
  REQUIRE(first.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
  std::shared_ptr<Exchange> held = fixture.handler.take_held();
  REQUIRE(waiting.send_raw(""));  // our own socket exists; accept(2) will need another
  const rlimit low{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &low);
  HttpClient blocked({.port = fixture.server.port(), .timeout = 50ms});
  const uint64_t wakeups = fixture.server.stats().wakeups;
  std::this_thread::sleep_for(50ms);  // room for a busy loop to show itself
  CHECK(fixture.server.stats().wakeups <= wakeups + 3);
  setrlimit(RLIMIT_NOFILE, &before);
  held->respond({});
  CHECK(first.read_reply().status == 200);
  CHECK(waiting.get("/").status == 200);
  CHECK(blocked.get("/").error == "");
}

TEST_CASE("server: idle, it is not woken") {
  Fixture fixture;
  std::vector<HttpClient> watches;
  std::vector<std::shared_ptr<Exchange>> streams;
  for (int i = 0; i < 20; ++i) {
    watches.push_back(fixture.client());
    REQUIRE(watches.back().send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    streams.push_back(fixture.handler.take_held());
    streams.back()->begin(200, {});
    REQUIRE(streams.back()->write({Slice::literal("x\n")}));
  }
  // The last answer is out once its bytes are here.
  for (HttpClient& watch : watches) CHECK(watch.send_raw(""));
  std::this_thread::sleep_for(100ms);
  const uint64_t wakeups = fixture.server.stats().wakeups;
  std::this_thread::sleep_for(300ms);
  CHECK(fixture.server.stats().wakeups == wakeups);
}

TEST_CASE("server: many threads answer at once") {
  Fixture fixture;
  WorkerPool workers("answer", 4);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(fixture.client());
  for (int round = 0; round < 30; ++round) {
    for (HttpClient& client : clients) {
      REQUIRE(client.send_raw("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for (size_t i = 0; i < clients.size(); ++i) {
      workers.post([exchange = fixture.handler.take_held(), i] {
        if (i % 2 == 0) return exchange->respond({.body = {Slice::literal("r")}});
        exchange->begin(200, {});
        for (int n = 0; n < 10; ++n) exchange->write({Slice::literal("w")});
        exchange->finish();
      });
    }
    for (HttpClient& client : clients) {
      const HttpReply reply = client.read_reply();
      REQUIRE(reply.status == 200);
      CHECK((reply.body == "r" || reply.body == "wwwwwwwwww"));
    }
  }
}

TEST_CASE("server: addresses") {
  EchoHandler handler;
  Server taken({}, handler);
  REQUIRE(taken.start().ok());
  struct Case {
    const char* name;
    ServerOptions options;
    Code code;
  };
  const Case cases[] = {
      {"a name", {.bind_address = "localhost"}, Code::kInvalid},
      {"empty", {.bind_address = ""}, Code::kInvalid},
      {"taken", {.port = taken.port()}, Code::kAlreadyExists},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Server server(c.options, handler);
    const Result<> started = server.start();
    REQUIRE_FALSE(started.ok());
    CHECK(started.error().code == c.code);
  }
  Server both({.bind_address = "::"}, handler);
  const Result<> started = both.start();
  if (started.ok()) {  // no IPv6 in some containers
    HttpClient client({.port = both.port()});
    CHECK(client.get("/").status == 200);
  }
}

}  // namespace
}  // namespace kist::net
