// The garbage collector through whole passes: who goes, who stays, in which order.
#include <algorithm>
#include <vector>

#include "tests/unit/controllers/cluster.h"

using namespace kist;
using controllers::testing::Cluster;
using controllers::testing::kMapsOfN;

namespace {

struct Owner {
  std::string name;
  std::string uid = {};  // empty: the name's
  bool block = true;     // blockOwnerDeletion
  std::string kind = "ConfigMap";
};

struct Map {
  std::string name;
  std::vector<Owner> owners = {};
  std::string finalizer = {};
};

std::string json_of(const Map& map) {
  std::string owners;
  for (const Owner& owner : map.owners)
    owners += (owners.empty() ? "" : ",") + std::string("{'apiVersion':'v1','kind':'") +
              owner.kind + "','name':'" + owner.name + "','uid':'" +
              (owner.uid.empty() ? owner.name : owner.uid) +
              "','blockOwnerDeletion':" + (owner.block ? "true" : "false") + "}";
  return "{'apiVersion':'v1','kind':'ConfigMap','metadata':{'name':'" + map.name + "','uid':'" +
         map.name + "','ownerReferences':[" + owners + "],'finalizers':[" +
         (map.finalizer.empty() ? "" : "'" + map.finalizer + "'") + "]}}";
}

std::vector<std::string> names(std::vector<std::string> paths) {
  for (std::string& path : paths) path = path.substr(path.rfind('/') + 1);
  std::erase_if(paths, [](const std::string& name) { return name.starts_with("settled"); });
  return paths;
}

}  // namespace

TEST_CASE("garbage collector: what stays") {
  struct Case {
    const char* name;
    std::vector<Map> maps;
    const char *remove, *policy;  // null: nobody deletes anything
    std::vector<std::string> left;
  };
  const Case cases[] = {
      {"an owner that never was", {{"a", {{"ghost"}}}}, nullptr, nullptr, {}},
      {"the owner's name with another uid",
       {{"a"}, {"b", {{"a", "the a before this one"}}}},
       nullptr,
       nullptr,
       {"a"}},
      {"a kind that nobody serves is not ours to judge",
       {{"a", {{"w", "w", true, "Widget"}}}},
       nullptr,
       nullptr,
       {"a"}},
      {"one owner of two is left",
       {{"a"}, {"b"}, {"c", {{"a"}, {"b"}}}},
       "a",
       "Background",
       {"b", "c"}},
      {"a circle rests", {{"a", {{"b"}}}, {"b", {{"a"}}}}, nullptr, nullptr, {"a", "b"}},
      {"a circle, background", {{"a", {{"b"}}}, {"b", {{"a"}}}}, "a", "Background", {}},
      {"a circle, foreground", {{"a", {{"b"}}}, {"b", {{"a"}}}}, "a", "Foreground", {}},
      {"a circle of three, foreground",
       {{"a", {{"c"}}}, {"b", {{"a"}}}, {"c", {{"b"}}}},
       "a",
       "Foreground",
       {}},
      {"its own owner, foreground", {{"a", {{"a"}}}}, "a", "Foreground", {}},
      {"orphans stay, and theirs",
       {{"a"}, {"b", {{"a"}}}, {"c", {{"b"}}}},
       "a",
       "Orphan",
       {"b", "c"}},
      {"foreground waits for one that is held",
       {{"a"}, {"b", {{"a"}}, "example.com/hold"}},
       "a",
       "Foreground",
       {"a", "b"}},
      {"foreground does not wait for one that does not block",
       {{"a"}, {"b", {{"a", "", false}}, "example.com/hold"}},
       "a",
       "Foreground",
       {"b"}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Cluster cluster;
    // All of one test are there before the first can be judged: owners that come second are absent.
    // What goes at once is complete when it is made: it may be gone before a patch.
    const bool in_two_steps = c.remove != nullptr || c.left.size() == c.maps.size();
    for (const Map& map : c.maps) {
      Map first = map;
      if (in_two_steps) first.owners.clear();
      REQUIRE(cluster.create(client::kConfigMaps, json_of(first)).ok());
    }
    for (const Map& map : c.maps)
      if (in_two_steps) REQUIRE(cluster.patch(std::string(kMapsOfN) + map.name, json_of(map)).ok());
    REQUIRE(cluster.settled());
    if (c.remove != nullptr)
      REQUIRE(cluster.api_client
                  .remove(client::kConfigMaps, "n", c.remove, {.propagation_policy = c.policy})
                  .ok());
    const auto left = [&] { return names(cluster.fake.list(std::string(kMapsOfN))); };
    CHECK(cluster.eventually([&] { return left() == c.left; }));
    REQUIRE(cluster.settled());
    CHECK(left() == c.left);
  }
}

TEST_CASE("garbage collector: foreground goes from the leaves to the root") {
  Cluster cluster;
  for (const Map& map : {Map{"a"}, Map{"b", {{"a"}}}, Map{"c", {{"b"}}}})
    REQUIRE(cluster.create(client::kConfigMaps, json_of(map)).ok());
  REQUIRE(
      cluster.api_client.remove(client::kConfigMaps, "n", "a", {.propagation_policy = "Foreground"})
          .ok());
  REQUIRE(cluster.eventually([&] { return cluster.count(kMapsOfN) == 0; }));
  CHECK(names(cluster.fake.deleted()) == std::vector<std::string>{"c", "b", "a"});
}

TEST_CASE("garbage collector: owners that are gone are forgotten, those that are left are kept") {
  Cluster cluster;
  for (const Map& map : {Map{"a"}, Map{"b"}, Map{"c", {{"a"}, {"b"}}}})
    REQUIRE(cluster.create(client::kConfigMaps, json_of(map)).ok());
  const std::string c = std::string(kMapsOfN) + "c";
  REQUIRE(cluster.api_client.remove(client::kConfigMaps, "n", "a").ok());
  CHECK(cluster.eventually([&] { return !cluster.says(c, "'uid':'a'"); }));
  CHECK(cluster.says(c, "'uid':'b'"));
  REQUIRE(cluster.api_client.remove(client::kConfigMaps, "n", "b", {.propagation_policy = "Orphan"})
              .ok());
  CHECK(cluster.eventually([&] { return cluster.count(kMapsOfN) == 1; }));
  CHECK(cluster.says(c, "'ownerReferences':[]"));
}
