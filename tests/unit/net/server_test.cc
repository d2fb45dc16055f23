// The server through real sockets: what a client sends, byte for byte, and what it gets.
#include "kist/net/server.h"

#include <catch2/catch.hpp>
#include <latch>

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

}  // namespace
}  // namespace kist::net
