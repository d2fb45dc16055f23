// Calls and caches against an API in memory: sync, resume, beginning anew, waiting for writes.
#include "kist/client/cache.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "fake_api.h"
#include "kist/client/times.h"

using namespace kist;
using client::kConfigMaps;

namespace {

api::Json config_map(std::string_view name) {
  return std::move(api::parse_json(R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" +
                                   std::string(name) + "\"}}"))
      .value();
}

}  // namespace

TEST_CASE("client: a Status becomes the error it was") {
  testing::FakeApi fake;
  client::Client api_client(fake, {"test", {"system:masters"}});
  CHECK(api_client.get(kConfigMaps, "n", "none").error().code == Code::kNotFound);
  REQUIRE(api_client.create(kConfigMaps, "n", config_map("a").root()).ok());
  const auto again = api_client.create(kConfigMaps, "n", config_map("a").root());
  REQUIRE_FALSE(again.ok());
  CHECK(again.error().code == Code::kAlreadyExists);
  CHECK(again.error().message == "already exists");
}

TEST_CASE("client: many calls keep their order") {
  testing::FakeApi fake;
  client::Client api_client(fake, {"test", {}});
  std::vector<client::Call> calls;
  for (int i = 0; i < 350; ++i)
    calls.push_back({.method = "POST",
                     .path = kConfigMaps.path("n"),
                     .body = R"({"metadata":{"name":"c)" + std::to_string(i) + "\"}}"});
  const auto answers = api_client.call_all(std::move(calls));
  REQUIRE(answers.size() == 350);
  for (size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(answers[i].ok());
    CHECK(client::object_of(answers[i].value()).value()->name == "c" + std::to_string(i));
  }
}

TEST_CASE("cache: shows a write that was waited for") {
  testing::FakeApi fake;
  client::Client api_client(fake, {"test", {}});
  REQUIRE(api_client.create(kConfigMaps, "n", config_map("early").root()).ok());
  client::CacheSet caches(api_client);
  client::Cache& cache = caches.of(kConfigMaps);
  caches.start();
  REQUIRE(caches.wait_synced().ok());
  CHECK(cache.get("n", "early"));
  for (int i = 0; i < 50; ++i) {
    const std::string name = "c" + std::to_string(i);
    const auto made = api_client.create(kConfigMaps, "n", config_map(name).root());
    REQUIRE(made.ok());
    REQUIRE(cache.wait_for(client::revision_of(made.value().root())).ok());
    REQUIRE(cache.get("n", name));
  }
  const std::string uid(cache.get("n", "early")->uid);
  REQUIRE(api_client.remove(kConfigMaps, "n", "early").ok());
  REQUIRE(cache.wait_gone(uid).ok());
  CHECK_FALSE(cache.get("n", "early"));
  CHECK(cache.list("n").size() == 50);
  CHECK(cache.list("m").empty());
}

TEST_CASE("cache: survives watches that end, and a history that is forgotten") {
  struct Case {
    const char* name;
    bool forget;
  };
  for (const Case& c : {Case{"resumes", false}, Case{"begins anew", true}}) {
    INFO(c.name);
    testing::FakeApi fake;
    client::Client api_client(fake, {"test", {}});
    client::CacheSet caches(api_client);
    client::Cache& cache = caches.of(kConfigMaps);
    std::atomic<int> added = 0, gone = 0;
    cache.on_change([&](const client::ObjectPtr& old, const client::ObjectPtr& next) {
      added += !old;
      gone += !next;
    });
    REQUIRE(api_client.create(kConfigMaps, "n", config_map("stays").root()).ok());
    REQUIRE(api_client.create(kConfigMaps, "n", config_map("goes").root()).ok());
    caches.start();
    REQUIRE(caches.wait_synced().ok());
    const std::string uid(cache.get("n", "goes")->uid);
    fake.cut_watches(false);
    REQUIRE(api_client.remove(kConfigMaps, "n", "goes").ok());
    fake.cut_watches(c.forget);
    const auto made = api_client.create(kConfigMaps, "n", config_map("new").root());
    REQUIRE(cache.wait_for(client::revision_of(made.value().root())).ok());
    REQUIRE(cache.wait_gone(uid).ok());
    CHECK(cache.list().size() == 2);
    caches.stop();
    CHECK(added == 3);  // none twice
    CHECK(gone == 1);
  }
}

TEST_CASE("times: RFC 3339") {
  CHECK(client::unix_seconds("1970-01-01T00:00:10Z") == 10);
  CHECK(client::unix_seconds("2026-11-24T05:17:19Z") == 1795497439);
  CHECK(client::unix_seconds("2026-11-24T05:17:19.123456Z") == 1795497439);
  CHECK(client::unix_seconds("") == 0);
  CHECK(client::unix_seconds("2026-13-24T05:17:19Z") == 0);
}

TEST_CASE("object: texts are views into its bytes where these have them") {
  const Slice bytes = Slice::of(
      R"({"metadata":{"name":"p","namespace":"n","uid":"u1","labels":{"b":"2","a":"x\"y"},)"
      R"("ownerReferences":[{"apiVersion":"v1","kind":"K","name":"o","uid":"u2",)"
      R"("controller":true}],"finalizers":["f/g"]}})");
  const auto inside = [&](std::string_view text) {
    return text.data() >= bytes.view().data() &&
           text.data() + text.size() <= bytes.view().data() + bytes.size();
  };
  const client::ObjectPtr object = client::object_of(bytes).value();
  CHECK(object->key() == "n/p");
  CHECK(object->uid == "u1");
  CHECK(object->controller()->uid == "u2");
  CHECK(object->has_finalizer("f/g"));
  for (const std::string_view text :
       {object->name, object->space, object->uid, object->controller()->kind,
        object->finalizers.front(), object->labels[1].second})
    CHECK(inside(text));
  REQUIRE(object->labels.size() == 2);
  CHECK(object->labels[0].first == "a");
  CHECK(object->labels[0].second == "x\"y");
  CHECK_FALSE(inside(object->labels[0].second));  // escaped there
}
