// The proxy between an API in memory and a table in memory, whose writes can fail.
#include "kist/proxy/proxy.h"

#include <catch2/catch.hpp>
#include <thread>

#include "fake_api.h"
#include "kist/base/mutex.h"
#include "kist/client/client.h"

using namespace kist;
using cni::Services;

namespace {

class FakeTable : public cni::ServiceTable {
 public:
  Result<> start() override { return {}; }
  Result<> replace(const Services& services) override {
    MutexLock lock(mutex_);
    services_ = services;
    return {};
  }
  Result<> apply(const cni::ServiceChanges& changes) override {
    MutexLock lock(mutex_);
    if (failures_ > 0) {
      --failures_;
      return Error{Code::kUnavailable, "injected"};
    }
    for (const auto& [frontend, backends] : changes) {
      services_.erase(frontend);
      if (backends) services_[frontend] = *backends;
    }
    changed_.notify_all();
    return {};
  }
  const Services& current() const override { return services_; }
  Result<> remove_all() override { return {}; }

  void fail(int times) {
    MutexLock lock(mutex_);
    failures_ = times;
  }
  // Waits until the table has this many Services with this many endpoints in all.
  bool becomes(size_t services, size_t endpoints) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    MutexLock lock(mutex_);
    for (;;) {
      size_t there = 0;
      for (const auto& [frontend, backends] : services_) there += backends.endpoints.size();
      if (services_.size() == services && there == endpoints) return true;
      if (!changed_.wait_until(mutex_, until)) return false;
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  Services services_;
  int failures_ = 0;
};

struct World {
  testing::FakeApi api;
  client::Client user{api, {"test", {}}};
  FakeTable table;

  void create(const client::ResourceId& resource, const std::string& json) {
    REQUIRE(user.create(resource, "n", kist::api::parse_json(json).value().root()).ok());
  }
  void service(const std::string& name, const std::string& ip) {
    create(client::kServices, R"({"metadata":{"name":")" + name +
                                  R"(","namespace":"n"},"spec":{"clusterIP":")" + ip +
                                  R"(","ports":[{"port":80}]}})");
  }
  void slice(const std::string& name, const std::string& service, const std::string& address) {
    create(client::kEndpointSlices,
           R"({"metadata":{"name":")" + name +
               R"(","namespace":"n","labels":{"kubernetes.io/service-name":")" + service +
               R"("}},"addressType":"IPv4","ports":[{"port":8080}],"endpoints":[{"addresses":[")" +
               address + R"("]}]})");
  }
};

}  // namespace

TEST_CASE("proxy: follows Services and their slices") {
  World world;
  world.service("a", "10.43.0.1");
  world.slice("a1", "a", "10.42.0.2");
  const auto proxy = proxy::make_proxy(world.api, system_clock(), world.table, {});
  REQUIRE(proxy->start().ok());
  CHECK(world.table.becomes(1, 1));  // before start() returned
  world.slice("a2", "a", "10.42.0.3");
  CHECK(world.table.becomes(1, 2));
  world.slice("b1", "b", "10.42.0.4");  // before its Service
  world.service("b", "10.43.0.2");
  CHECK(world.table.becomes(2, 3));
  world.table.fail(2);
  REQUIRE(world.user.remove(client::kEndpointSlices, "n", "a1").ok());
  CHECK(world.table.becomes(2, 2));  // tried again
  REQUIRE(world.user.remove(client::kServices, "n", "a").ok());
  CHECK(world.table.becomes(1, 1));
  proxy->stop();
  CHECK(world.table.becomes(1, 1));  // rules stay
}
