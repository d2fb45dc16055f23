// All controllers on an API in memory, for tests of whole passes.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "fake_api.h"
#include "kist/client/client.h"
#include "kist/controllers/manager.h"

namespace kist::controllers::testing {

inline constexpr std::string_view kPodsOfN = "/api/v1/namespaces/n/pods/";
inline constexpr std::string_view kSetsOfN = "/apis/apps/v1/namespaces/n/replicasets/";
inline constexpr std::string_view kMapsOfN = "/api/v1/namespaces/n/configmaps/";

struct Cluster {
  kist::testing::FakeApi fake;
  client::Client api_client{fake, {"test", {}}};
  std::unique_ptr<ControllerManager> manager = make_controller_manager(fake, system_clock(), {});

  Cluster() {
    fake.spare("test");
    REQUIRE(manager->start().ok());
  }
  ~Cluster() { manager->stop(); }

  // A bound on waiting, not a sleep for luck: the condition itself ends it.
  bool eventually(const std::function<bool()>& condition) const {
    using std::chrono::steady_clock;
    const auto deadline = steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  // Test data is written with ' for ".
  static std::string quoted(std::string_view text) {
    std::string json(text);
    for (char& c : json)
      if (c == '\'') c = '"';
    return json;
  }
  Result<api::Json> create(const client::ResourceId& resource, std::string_view text,
                           std::string_view space = "n") const {
    Result<api::Json> json = api::parse_json(quoted(text));
    INFO(text);
    REQUIRE(json.ok());
    return api_client.create(resource, space, json.value().root());
  }
  Result<> patch(std::string_view path, std::string_view text) const {
    Result<Slice> answer = api_client.call({.method = "PATCH",
                                            .path = std::string(path),
                                            .content_type = "application/merge-patch+json",
                                            .body = quoted(text)});
    if (!answer.ok()) return answer.error();
    return {};
  }
  size_t count(std::string_view prefix) const { return fake.list(std::string(prefix)).size(); }
  bool there(std::string_view path) const { return !fake.get(std::string(path)).empty(); }
  bool says(std::string_view path, std::string_view text) const {
    return fake.get(std::string(path)).find(quoted(text)) != std::string::npos;
  }

  // Whatever was written before has been seen by the controllers, and they are done with it. Caches
  // apply events in the order in which they came, so a ReplicaSet that is made last is seen last.
  bool settled() const {
    static int number = 0;
    const std::string name = "settled-" + std::to_string(++number);
    if (!create(client::kReplicaSets,
                "{'apiVersion':'apps/v1','kind':'ReplicaSet','metadata':{'name':'" + name +
                    "'},'spec':{'replicas':1,'selector':{'matchLabels':{'s':'" + name +
                    "'}},'template':{'metadata':{'labels':{'s':'" + name + "'}},'spec':{}}}}",
                "settled")
             .ok())
      return false;
    return eventually([&] {
      return says("/apis/apps/v1/namespaces/settled/replicasets/" + name,
                  "'status':{'replicas':1") &&
             manager->idle();
    });
  }

  void make_ready() const {
    for (const std::string& path : fake.list(std::string(kPodsOfN)))
      (void)patch(path,
                  "{'status':{'phase':'Running','podIP':'10.42.0.1','podIPs':[{'ip':'10.42.0.1'}],"
                  "'conditions':[{'type':'Ready','status':'True',"
                  "'lastTransitionTime':'2020-01-01T00:00:00Z'}]}}");
  }
};

}  // namespace kist::controllers::testing
