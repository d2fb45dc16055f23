// What others meet while the store has not answered a write yet.
#include <catch2/catch.hpp>
#include <future>
#include <utility>

#include "kist/base/mutex.h"
#include "tests/support/api_harness.h"

namespace kist {
namespace {

using namespace std::chrono_literals;

// A store that holds back its answer to one write.
class HoldingStore : public datastore::Store {
 public:
  void submit(datastore::Write write, Done done) override {
    store_->submit(std::move(write),
                   [this, done = std::move(done)](Result<datastore::Entry> entry) {
                     {
                       MutexLock lock(mutex_);
                       if (std::exchange(holding_, false)) {
                         held_ = [done, entry = std::move(entry)] { done(entry); };
                         changed_.notify_all();
                         return;
                       }
                     }
                     done(std::move(entry));
                   });
  }
  Result<datastore::Entry> get(std::string_view key) override { return store_->get(key); }
  Result<datastore::Page> list(std::string_view prefix,
                               const datastore::ListOptions& options) override {
    return store_->list(prefix, options);
  }
  Result<std::unique_ptr<datastore::Watch>> watch(std::string_view prefix,
                                                  datastore::Revision after, Sink sink) override {
    return store_->watch(prefix, after, std::move(sink));
  }
  Result<std::vector<datastore::Change>> changes(std::string_view prefix,
                                                 datastore::Revision after) override {
    return store_->changes(prefix, after);
  }
  datastore::Revision current() const override { return store_->current(); }
  Result<> compact(datastore::Revision upto) override { return store_->compact(upto); }
  Result<datastore::Stat> stat() override { return store_->stat(); }

  void hold_next() {
    MutexLock lock(mutex_);
    holding_ = true;
  }
  void wait_held() {
    MutexLock lock(mutex_);
    while (!held_) changed_.wait(mutex_);
  }
  void give_back() {
    std::function<void()> held;
    {
      MutexLock lock(mutex_);
      held.swap(held_);
    }
    held();
  }

 private:
  std::unique_ptr<datastore::Store> store_ = datastore::open_memory_store();
  Mutex mutex_;
  CondVar changed_;
  bool holding_ GUARDED_BY(mutex_) = false;
  std::function<void()> held_ GUARDED_BY(mutex_);
};

std::shared_ptr<test::RecordingExchange> post_map(apiserver::ApiServer& server,
                                                  const std::string& name,
                                                  const std::string& from = "test") {
  auto exchange = std::make_shared<test::RecordingExchange>();
  net::Request request = test::ApiHarness::request_of({"POST",
                                                       "/api/v1/namespaces/default/configmaps",
                                                       R"({"metadata":{"name":")" + name + "\"}}",
                                                       {{"Content-Type", "application/json"}}});
  request.remote_address = from;
  server.handle(std::move(request), exchange);
  return exchange;
}

TEST_CASE("limit: writes of others count, in-process ones do not") {
  HoldingStore store;
  apiserver::Options options = test::ApiHarness::default_options();
  options.writes_inflight_max = 1;
  auto server = apiserver::ApiServer::create(store, system_clock(), std::move(options));
  REQUIRE(server->start().ok());
  struct Case {
    const char *name, *first, *second;
    int status;
  };
  const Case cases[] = {
      {"others", "127.0.0.1:1", "127.0.0.1:2", 429},
      {"in-process first", "in-process", "127.0.0.1:2", 201},
      {"in-process second", "127.0.0.1:1", "in-process", 201},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const std::string name = "m" + std::to_string(&c - cases);
    store.hold_next();
    auto first = post_map(*server, name + "a", c.first);
    store.wait_held();
    auto second = post_map(*server, name + "b", c.second);
    CHECK(second->wait());
    CHECK(second->status() == c.status);
    store.give_back();
    CHECK(first->wait());
    CHECK(first->status() == 201);
  }
  server->stop();
}

TEST_CASE("stop: waits for writes that the store has not answered") {
  HoldingStore store;
  auto server =
      apiserver::ApiServer::create(store, system_clock(), test::ApiHarness::default_options());
  REQUIRE(server->start().ok());
  store.hold_next();
  auto exchange = post_map(*server, "late");
  store.wait_held();
  std::future<void> stopped = std::async(std::launch::async, [&] {
    server->stop();
    server.reset();
  });
  // It can only be seen not to happen for a while; without the wait it takes microseconds.
  CHECK(stopped.wait_for(100ms) == std::future_status::timeout);
  store.give_back();
  stopped.get();
  REQUIRE(exchange->wait());
  CHECK(exchange->status() == 201);
}

}  // namespace
}  // namespace kist
