// The API's conventions through TLS: restarts, deletion, namespaces, conflicts, pages, watches.
#include <sys/resource.h>

#include <cstdlib>
#include <set>
#include <thread>

#include "cluster.h"
#include "kist/api/codec.h"

namespace kist::integration {
namespace {

const testing::HttpHeaders kMergePatch = {{"Content-Type", "application/merge-patch+json"}};

std::string watch_path(const std::string& more) {
  return std::string(kConfigMaps) + "?watch=1" + more;
}

// Skips events of objects that others make (kube-root-ca.crt).
std::string next_event_of(HttpClient& client, const std::string& name) {
  while (const auto line = client.next_line()) {
    if (at(*line, "object.metadata.name") == name) return *line;
  }
  return "no event of " + name + ": " + client.last_error();
}

TEST_CASE("integration: a watch resumes across a restart") {
  const TempDir directory;
  Cluster cluster(directory.path());
  HttpClient client = cluster.client();
  must(client, 201, "POST", kConfigMaps, config_map("before"));
  const std::string seen =
      at(must(client, 201, "POST", kConfigMaps, config_map("seen")), "metadata.resourceVersion");
  cluster.restart();
  HttpClient again = cluster.client();
  CHECK(at(must(again, 200, "GET", std::string(kConfigMaps) + "/before"), "metadata.name") ==
        "before");
  HttpClient watcher = cluster.client();
  REQUIRE(watcher.open_stream(watch_path("&resourceVersion=" + seen)).status == 200);
  const std::string made =
      at(must(again, 201, "POST", kConfigMaps, config_map("after")), "metadata.resourceVersion");
  const auto event = watcher.next_line();
  REQUIRE(event);
  CHECK(at(*event, "type") == "ADDED");
  CHECK(at(*event, "object.metadata.name") == "after");
  CHECK(at(*event, "object.metadata.resourceVersion") == made);
  CHECK(std::stoll(made) > std::stoll(seen));
}

TEST_CASE("integration: deletion waits for finalizers and for grace") {
  Cluster cluster;
  HttpClient client = cluster.client();
  const std::string held = std::string(kConfigMaps) + "/held";
  must(client, 201, "POST", kConfigMaps, config_map("held", R"(,"finalizers":["example.org/x"])"));
  CHECK(at(must(client, 200, "DELETE", held), "metadata.deletionTimestamp") != "<absent>");
  CHECK(at(must(client, 200, "GET", held), "metadata.finalizers.0") == "example.org/x");
  must(client, 422, "PATCH", held, R"({"metadata":{"finalizers":["example.org/x","a.b/new"]}})",
       kMergePatch);
  must(client, 200, "PATCH", held, R"({"metadata":{"finalizers":null}})", kMergePatch);
  must(client, 404, "GET", held);

  const std::string pods = "/api/v1/namespaces/default/pods";
  must(
      client, 201, "POST", pods,
      R"({"metadata":{"name":"p"},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]}})");
  const std::string going = must(client, 200, "DELETE", pods + "/p");
  CHECK(at(going, "metadata.deletionGracePeriodSeconds") == "30");
  must(client, 200, "GET", pods + "/p");
  must(client, 200, "DELETE", pods + "/p?gracePeriodSeconds=0");
  must(client, 404, "GET", pods + "/p");
}

TEST_CASE("integration: a namespace is usable the moment it is there") {
  Cluster cluster;
  HttpClient client = cluster.client();
  for (int i = 0; i < 20; ++i) {
    const std::string name = "n" + std::to_string(i), space = "/api/v1/namespaces/" + name;
    must(client, 201, "POST", "/api/v1/namespaces", R"({"metadata":{"name":")" + name + "\"}}");
    must(client, 200, "GET", space + "/serviceaccounts/default");
    must(client, 200, "GET", space + "/configmaps/kube-root-ca.crt");
    must(client, 201, "POST", space + "/pods",
         R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})");
  }
}

TEST_CASE("integration: writers that read first lose nothing") {
  Cluster cluster;
  HttpClient client = cluster.client();
  const std::string path = std::string(kConfigMaps) + "/counter";
  const std::string first = must(client, 201, "POST", kConfigMaps, config_map("counter"));
  must(client, 200, "PATCH", path, R"({"data":{"n":"0"}})", kMergePatch);
  const HttpReply stale = client.request("PUT", path, first, json());
  CHECK(stale.status == 409);
  CHECK(at(stale.body, "reason") == "Conflict");
  CHECK(at(stale.body, "message") ==
        "Operation cannot be fulfilled on configmaps \"counter\": the object has been modified; "
        "please apply your changes to the latest version and try again");

  constexpr int kThreads = 4, kIncrements = 15;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        HttpClient own = cluster.client();
        for (int done = 0; done < kIncrements;) {
          const std::string now = own.get(path).body;
          const std::string next = std::to_string(std::stoi(at(now, "data.n")) + 1);
          const std::string version = at(now, "metadata.resourceVersion");
          const std::string body =
              config_map("counter", R"(,"resourceVersion":")" + version + "\"");
          const std::string changed =
              body.substr(0, body.size() - 1) + R"(,"data":{"n":")" + next + "\"}}";
          if (own.request("PUT", path, changed, json()).status == 200) ++done;
        }
      });
    }
  }
  CHECK(at(must(client, 200, "GET", path), "data.n") == std::to_string(kThreads * kIncrements));
}

TEST_CASE("integration: pages are of one moment while others write") {
  Cluster cluster;
  HttpClient client = cluster.client(), writer = cluster.client();
  std::set<std::string> expected = {"kube-root-ca.crt"};
  for (int i = 0; i < 40; ++i) {
    const std::string name = "c" + std::to_string(100 + i);
    must(client, 201, "POST", kConfigMaps, config_map(name));
    expected.insert(name);
  }
  std::set<std::string> seen;
  std::string next, version;
  int pages = 0;
  do {
    const std::string page =
        must(client, 200, "GET",
             std::string(kConfigMaps) + "?limit=7" + (next.empty() ? "" : "&continue=" + next));
    for (int i = 0;; ++i) {
      const std::string name = at(page, "items." + std::to_string(i) + ".metadata.name");
      if (name == "<absent>") break;
      CHECK(seen.insert(name).second);
    }
    if (version.empty()) version = at(page, "metadata.resourceVersion");
    CHECK(at(page, "metadata.resourceVersion") == version);
    next = at(page, "metadata.continue");
    const std::string round = std::to_string(pages++);
    must(writer, 201, "POST", kConfigMaps, config_map("b-new" + round));
    must(writer, 200, "DELETE", std::string(kConfigMaps) + "/c" + std::to_string(139 - pages));
  } while (!next.empty() && next != "<absent>");
  CHECK(pages == 6);
  CHECK(seen == expected);
}

TEST_CASE("integration: a streaming list ends with its bookmark") {
  Cluster cluster;
  HttpClient client = cluster.client(), watcher = cluster.client();
  for (const char* name : {"a", "b", "c"}) must(client, 201, "POST", kConfigMaps, config_map(name));
  REQUIRE(watcher
              .open_stream(watch_path("&sendInitialEvents=true&allowWatchBookmarks=true"
                                      "&resourceVersionMatch=NotOlderThan"))
              .status == 200);
  std::set<std::string> names;
  for (;;) {
    const auto line = watcher.next_line();
    REQUIRE(line);
    if (at(*line, "type") == "BOOKMARK") {
      CHECK(line->find(R"("k8s.io/initial-events-end":"true")") != line->npos);
      break;
    }
    CHECK(at(*line, "type") == "ADDED");
    names.insert(at(*line, "object.metadata.name"));
  }
  CHECK(names == std::set<std::string>{"a", "b", "c", "kube-root-ca.crt"});
  must(client, 200, "DELETE", std::string(kConfigMaps) + "/b");
  CHECK(at(next_event_of(watcher, "b"), "type") == "DELETED");
}

TEST_CASE("integration: protobuf in, protobuf out, JSON beside it") {
  Cluster cluster;
  HttpClient client = cluster.client();
  const std::string media = "application/vnd.kubernetes.protobuf";
  const api::Type& type = *api::find_kind("", "v1", "ConfigMap")->type;
  api::Json object = api::parse_json(R"({"metadata":{"name":"pb"},"data":{"k":"v"}})").value();
  const std::string body =
      api::seal_envelope("v1", "ConfigMap", api::encode_protobuf(type, object.root()));
  const std::string made =
      must(client, 201, "POST", kConfigMaps, body, {{"Content-Type", media}, {"Accept", media}});
  const api::Envelope envelope = api::open_envelope(made).value();
  CHECK(envelope.kind == "ConfigMap");
  const api::Json back = api::decode_protobuf(type, envelope.raw).value();
  CHECK(at(api::to_text(back.root()), "data.k") == "v");
  CHECK(at(must(client, 200, "GET", std::string(kConfigMaps) + "/pb"), "metadata.uid") ==
        at(api::to_text(back.root()), "metadata.uid"));
}

TEST_CASE("integration: a thousand watches at once") {
  const char* wanted = std::getenv("KIST_TEST_WATCHES");  // fewer under sanitizers
  const size_t count = wanted ? static_cast<size_t>(std::atoi(wanted)) : 1000;
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  REQUIRE(files.rlim_cur > 2 * count + 100);
  Cluster cluster;
  HttpClient client = cluster.client();
  const std::string version = at(must(client, 200, "GET", kConfigMaps), "metadata.resourceVersion");
  std::vector<HttpClient> watchers;
  for (size_t i = 0; i < count; ++i) {
    watchers.push_back(cluster.client());
    REQUIRE(watchers.back().open_stream(watch_path("&resourceVersion=" + version)).status == 200);
  }
  must(client, 201, "POST", kConfigMaps, config_map("all"));
  for (HttpClient& watcher : watchers) {
    REQUIRE(at(next_event_of(watcher, "all"), "type") == "ADDED");
  }
  watchers.clear();
  must(client, 200, "GET", "/readyz");
}

}  // namespace
}  // namespace kist::integration
