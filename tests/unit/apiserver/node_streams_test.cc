// Logs, exec, attach and port-forward: what is refused, and what a node gets to see.
#include <catch2/catch.hpp>

#include "api_harness.h"

namespace kist::test {
namespace {

// Answers with what it was asked.
struct EchoNode : net::Handler {
  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override {
    std::string text = request.method + " " + request.path + "?" + request.query;
    for (const net::Header& header : request.headers) text += " " + header.name;
    text += " as " + (request.peer ? request.peer->common_name : "nobody");
    exchange->respond({.status = 200, .body = {Slice::of(text)}});
  }
};

const std::vector<net::Header> kUpgrade = {
    {"Connection", "Upgrade"}, {"Upgrade", "websocket"}, {"Authorization", "Bearer secret"}};

struct Cluster {
  Cluster() {
    api.post("/api/v1/nodes", R"({"metadata":{"name":"near"}})");
    api.post("/api/v1/nodes", R"({"metadata":{"name":"far"}})");
    pod("one", R"("nodeName":"near","containers":[{"name":"a","image":"i"}])");
    pod("two", R"("nodeName":"near","containers":[{"name":"a","image":"i"},)"
               R"({"name":"b","image":"i"}],"initContainers":[{"name":"c","image":"i"}])");
    pod("away", R"("nodeName":"far","containers":[{"name":"a","image":"i"}])");
    pod("lost", R"("nodeName":"nowhere","containers":[{"name":"a","image":"i"}])");
    pod("waiting", R"("containers":[{"name":"a","image":"i"}])");
  }
  void pod(const std::string& name, const std::string& spec) {
    const Answer answer =
        api.post("/api/v1/namespaces/default/pods",
                 R"({"metadata":{"name":")" + name + R"("},"spec":{)" + spec + "}}");
    INFO(answer.body);
    REQUIRE(answer.status == 201);
  }
  Answer ask(const std::string& target, const std::vector<net::Header>& headers = kUpgrade,
             const std::string& method = "GET") {
    return api.ask({method, "/api/v1/namespaces/default/pods/" + target, "", headers});
  }

  EchoNode node;
  ApiHarness api{
      ApiHarness::default_options(), datastore::open_memory_store(),
      [this](std::string_view name) -> net::Handler* { return name == "near" ? &node : nullptr; }};
};

TEST_CASE("node streams: what the node gets") {
  Cluster cluster;
  struct Case {
    const char* target;
    const char* seen;
  };
  const Case cases[] = {
      {"one/exec?command=sh&command=-c&command=a%26b&stdin=true&stdout=true&tty=true",
       "/exec/default/one/a?command=sh&command=-c&command=a%26b&input=1&output=1&tty=1"},
      {"two/exec?container=b&stderr=1&stdin=false", "/exec/default/two/b?error=1"},
      {"two/exec?container=c&stdout=true", "/exec/default/two/c?output=1"},
      {"one/attach?stdout=true&command=x", "/attach/default/one/a?output=1"},
      {"two/portforward", "/portForward/default/two?"},
      {"two/portforward?ports=80", "/portForward/default/two?port=80"},
      {"one/log", "/containerLogs/default/one/a?"},
      {"two/log?container=b&follow=true&previous=true&timestamps=true&tailLines=0&limitBytes=1"
       "&sinceSeconds=5",
       "/containerLogs/default/two/b?follow=true&previous=true&timestamps=true&tailLines=0"
       "&limitBytes=1&sinceSeconds=5"},
      {"one/log?sinceTime=2026-11-25T00%3A00%3A00Z",
       "/containerLogs/default/one/a?sinceTime=2026-11-25T00%3A00%3A00Z"},
  };
  for (const Case& c : cases) {
    INFO(c.target);
    const Answer answer = cluster.ask(c.target);
    CHECK(answer.status == 200);
    CHECK(answer.body == "GET " + std::string(c.seen) + " Connection Upgrade as kube-apiserver");
  }
  CHECK(cluster.ask("one/exec?stdout=1", kUpgrade, "POST").body.starts_with("POST /exec/"));
}

TEST_CASE("node streams: what is refused") {
  Cluster cluster;
  struct Case {
    const char* target;
    int status;
    const char* message;
  };
  const Case cases[] = {
      {"none/exec", 404, "pods \"none\" not found"},
      {"two/exec", 400,
       "a container name must be specified for pod two, choose one of: [a b] or one of the init "
       "containers: [c]"},
      {"two/log", 400,
       "a container name must be specified for pod two, choose one of: [a b] or one of the init "
       "containers: [c]"},
      {"two/exec?container=x", 400, "container x is not valid for pod two"},
      {"waiting/exec", 400, "pod waiting does not have a host assigned"},
      {"waiting/portforward", 400, "pod waiting does not have a host assigned"},
      {"lost/exec", 404, "nodes \"nowhere\" not found"},
      {"away/log", 503, "node \"far\" is not connected"},
      {"one/log?tailLines=-1", 422,
       "PodLogOptions \"one\" is invalid: tailLines: Invalid value: -1: must be greater than or "
       "equal to 0"},
      {"one/log?limitBytes=0", 422,
       "PodLogOptions \"one\" is invalid: limitBytes: Invalid value: 0: must be greater than 0"},
      {"one/log?tailLines=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax"},
      {"one/log?tailLines=99999999999999999999", 400,
       "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
  };
  for (const Case& c : cases) {
    INFO(c.target);
    const Answer answer = cluster.ask(c.target);
    CHECK(answer.status == c.status);
    CHECK(answer.at("message") == c.message);
  }
  CHECK(cluster.ask("one/exec", {}).at("message") == "Upgrade request required");
  CHECK(cluster.ask("one/log", {}, "POST").status == 405);
  const Answer both = cluster.ask("one/log?sinceSeconds=1&sinceTime=2026-11-25T00:00:00Z");
  CHECK(both.status == 422);
  CHECK(both.at("details.causes.0.reason") == "FieldValueForbidden");
  const Answer unborn = cluster.ask("waiting/log", {});
  CHECK(unborn.status == 200);
  CHECK(unborn.body.empty());
}

TEST_CASE("node streams: discovery names them") {
  Cluster cluster;
  const std::string list = cluster.api.get("/api/v1").body;
  for (
      const char* entry :
      {R"({"name":"pods/attach","singularName":"","namespaced":true,"kind":"PodAttachOptions","verbs":["create","get"]})",
       R"({"name":"pods/exec","singularName":"","namespaced":true,"kind":"PodExecOptions","verbs":["create","get"]})",
       R"({"name":"pods/log","singularName":"","namespaced":true,"kind":"Pod","verbs":["get"]})",
       R"({"name":"pods/portforward","singularName":"","namespaced":true,"kind":"PodPortForwardOptions","verbs":["create","get"]})"}) {
    CHECK_THAT(list, Catch::Contains(entry));
  }
}

}  // namespace
}  // namespace kist::test
