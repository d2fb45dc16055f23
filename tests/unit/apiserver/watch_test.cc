// Watches: where they begin, what they tell, how they end and resume.
#include <catch2/catch.hpp>

#include "api_harness.h"

namespace kist {
namespace {

using test::Answer;
using test::ApiHarness;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";

std::string map(const std::string& name, const std::string& value = "1",
                const std::string& labels = "{}") {
  return R"({"metadata":{"name":")" + name + R"(","labels":)" + labels + R"(},"data":{"k":")" +
         value + R"("}})";
}

// "ADDED a", "BOOKMARK", "ERROR 410"
std::string told(const std::string& chunk) {
  Answer event{200, {}, chunk};
  std::string type = event.at("type");
  if (type == "ERROR") return type + " " + event.at("object.code");
  if (type == "BOOKMARK") return type;
  return type + " " + event.at("object.metadata.name");
}

std::vector<std::string> told(const std::vector<std::string>& chunks) {
  std::vector<std::string> all;
  for (const std::string& chunk : chunks) all.push_back(told(chunk));
  return all;
}

using Told = std::vector<std::string>;

TEST_CASE("watch: where it begins") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  std::string before = api.get(kMaps).at("metadata.resourceVersion");
  REQUIRE(api.post(kMaps, map("a")).status == 201);
  std::string between = api.get(kMaps).at("metadata.resourceVersion");
  REQUIRE(api.post(kMaps, map("b")).status == 201);
  const struct {
    const char* name;
    std::string query;
    Told told;
  } rows[] = {
      {"unset: with what there is", "", {"ADDED a", "ADDED b", "ADDED kube-root-ca.crt"}},
      {"0: with what there is",
       "&resourceVersion=0",
       {"ADDED a", "ADDED b", "ADDED kube-root-ca.crt"}},
      {"exact: what came after", "&resourceVersion=" + between, {"ADDED b"}},
      {"exact: all that came after", "&resourceVersion=" + before, {"ADDED a", "ADDED b"}},
      {"one name", "&fieldSelector=metadata.name%3Db", {"ADDED b"}},
      {"initial events with their end",
       "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
       {"ADDED a", "ADDED b", "ADDED kube-root-ca.crt", "BOOKMARK"}},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    auto watch = api.start({"GET", std::string(kMaps) + "?watch=true" + row.query});
    REQUIRE(watch->wait_chunks(row.told.size()));
    CHECK(told(watch->chunks()) == row.told);
    watch->hang_up();
  }
}

TEST_CASE("watch: the closing bookmark says so and carries a revision") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  auto watch = api.start({"GET", std::string(kMaps) + "?watch=true&sendInitialEvents=true&"
                                                      "resourceVersionMatch=NotOlderThan&"
                                                      "allowWatchBookmarks=true&resourceVersion="});
  REQUIRE(watch->wait_chunks(2));
  Answer bookmark{200, {}, watch->chunks()[1]};
  CHECK(bookmark.at("object.kind") == "ConfigMap");
  CHECK(bookmark.body.find(R"("k8s.io/initial-events-end":"true")") != std::string::npos);
  CHECK(std::stoll(bookmark.at("object.metadata.resourceVersion")) > 0);
  watch->hang_up();
}

TEST_CASE("watch: options that do not fit together") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  for (const char* query :
       {"sendInitialEvents=true", "resourceVersionMatch=NotOlderThan", "resourceVersion=x",
        "sendInitialEvents=true&resourceVersionMatch=Exact", "labelSelector=(",
        "fieldSelector=x"}) {
    INFO(query);
    Answer answer = api.get(std::string(kMaps) + "?watch=1&" + query);
    CHECK(answer.status >= 400);
    CHECK(answer.at("kind") == "Status");
  }
}

TEST_CASE("watch: entering and leaving a selection") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  auto watch = api.start({"GET", std::string(kMaps) + "?watch=1&labelSelector=in"});
  REQUIRE(watch->wait_begun());
  std::string path = std::string(kMaps) + "/a";
  REQUIRE(api.post(kMaps, map("a")).status == 201);
  REQUIRE(api.put(path, map("a", "1", R"({"in":"1"})")).status == 200);
  REQUIRE(api.put(path, map("a", "2", R"({"in":"1"})")).status == 200);
  Answer left = api.put(path, map("a", "3"));
  REQUIRE(api.put(path, map("a", "4", R"({"in":"1"})")).status == 200);
  REQUIRE(api.remove(path).status == 200);
  REQUIRE(watch->wait_chunks(5));
  CHECK(told(watch->chunks()) ==
        Told{"ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"});
  // The client saw the object as it was, at the revision that took it away.
  Answer event{200, {}, watch->chunks()[2]};
  CHECK(event.at("object.data.k") == "2");
  CHECK(event.at("object.metadata.resourceVersion") == left.at("metadata.resourceVersion"));
  watch->hang_up();
}

TEST_CASE("watch: other forms of the same events") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  auto table = api.start({"GET",
                          std::string(kMaps) + "?watch=1&resourceVersion=0",
                          "",
                          {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}}});
  auto partial = api.start({"GET",
                            std::string(kMaps) + "?watch=1",
                            "",
                            {{"Accept",
                              "application/json;as=PartialObjectMetadata;v=v1;"
                              "g=meta.k8s.io"}}});
  auto protobuf = api.start({"GET",
                             std::string(kMaps) + "?watch=1",
                             "",
                             {{"Accept", "application/vnd.kubernetes.protobuf"}}});
  REQUIRE(table->wait_chunks(1));
  REQUIRE(partial->wait_chunks(1));
  REQUIRE(protobuf->wait_chunks(1));
  CHECK(Answer{200, {}, table->chunks()[0]}.at("object.kind") == "Table");
  CHECK(Answer{200, {}, table->chunks()[0]}.at("object.rows.0.cells.0") == "kube-root-ca.crt");
  Answer metadata{200, {}, partial->chunks()[0]};
  CHECK(metadata.at("object.kind") == "PartialObjectMetadata");
  CHECK(metadata.at("object.metadata.name") == "kube-root-ca.crt");
  CHECK(metadata.at("object.data") == "<absent>");
  std::string frame = protobuf->chunks()[0];
  REQUIRE(frame.size() > 4);
  size_t length =
      (static_cast<unsigned char>(frame[2]) << 8) | static_cast<unsigned char>(frame[3]);
  CHECK(length == frame.size() - 4);
  CHECK(frame.find("k8s") != std::string::npos);
  for (auto& watch : {table, partial, protobuf}) watch->hang_up();
}

TEST_CASE("watch: it ends in time, and with the server") {
  SECTION("timeoutSeconds") {
    ApiHarness api;
    REQUIRE(api.started().ok());
    auto watch = api.start(
        {"GET", std::string(kMaps) + "?watch=1&timeoutSeconds=1&allowWatchBookmarks=true"});
    REQUIRE(watch->wait());
    CHECK(told(watch->chunks()).back() == "BOOKMARK");
  }
  SECTION("stop") {
    auto api = std::make_unique<ApiHarness>();
    auto watch = api->start({"GET", std::string(kMaps) + "?watch=1"});
    REQUIRE(watch->wait_begun());
    api.reset();
    CHECK(watch->wait());
  }
}

TEST_CASE("watch: everything once and in order, however many write") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  constexpr int kWrites = 150;
  std::string from = api.get(kMaps).at("metadata.resourceVersion");
  std::vector<std::shared_ptr<test::RecordingExchange>> watches, writes;
  for (int i = 0; i < kWrites; ++i) {
    writes.push_back(api.start({"POST", kMaps, map("m" + std::to_string(i)), {}}));
    if (i % 30 == 0) {
      watches.push_back(
          api.start({"GET", std::string(kMaps) + "?watch=1&resourceVersion=" + from}));
    }
  }
  for (auto& write : writes) {
    REQUIRE(write->wait());
    CHECK(write->status() == 201);
  }
  for (auto& watch : watches) {
    REQUIRE(watch->wait_chunks(kWrites));
    int64_t last = 0;
    for (const std::string& chunk : watch->chunks()) {
      int64_t revision = std::stoll(Answer{200, {}, chunk}.at("object.metadata.resourceVersion"));
      CHECK(revision > last);
      last = revision;
    }
    CHECK(watch->chunks().size() == kWrites);
    watch->hang_up();
  }
}

TEST_CASE("watch: many writers of one object lose nothing") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  REQUIRE(api.post(kMaps, map("a")).status == 201);
  std::vector<std::shared_ptr<test::RecordingExchange>> writes;
  for (int i = 0; i < 40; ++i) {
    std::string key = "k" + std::to_string(i);
    writes.push_back(api.start({"PATCH",
                                std::string(kMaps) + "/a",
                                R"({"data":{")" + key + R"(":"1"}})",
                                {{"Content-Type", "application/merge-patch+json"}}}));
  }
  for (auto& write : writes) {
    REQUIRE(write->wait());
    CHECK(write->status() == 200);
  }
  Answer all = api.get(std::string(kMaps) + "/a");
  for (int i = 0; i < 40; ++i) CHECK(all.at("data.k" + std::to_string(i)) == "1");
}

}  // namespace
}  // namespace kist
