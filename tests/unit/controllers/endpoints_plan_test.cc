// Endpoints and EndpointSlices of a Service's pods: pure, the kubelet's part is in the test data.
#include "src/controllers/endpoint_slice.h"
#include "src/controllers/endpoints.h"
#include "tests/unit/controllers/pod_objects.h"

using namespace kist;
using namespace kist::controllers;
using namespace kist::controllers::testing;

namespace {

std::string service_json(const std::string& spec) {
  return "{'apiVersion':'v1','kind':'Service','metadata':{'name':'s','namespace':'n','uid':'u'},"
         "'spec':" +
         spec + "}";
}

client::ObjectPtr backend(const std::string& name, const std::string& ip, bool ready = true,
                          bool deleting = false, const std::string& ports = "[]") {
  return pod_of(
      {name, "{'containers':[{'ports':" + ports + "}]}",
       "{'phase':'Running','podIP':'" + ip + "','podIPs':[{'ip':'" + ip +
           "'}],'conditions':[{'type':'Ready','status':'" + (ready ? "True" : "False") + "'}]}"},
      deleting);
}

std::vector<std::string> ips(const Value& subset, const char* list) {
  std::vector<std::string> all;
  for (const Value& address : elements(subset, list)) all.emplace_back(api::text_of(address, "ip"));
  return all;
}

}  // namespace

TEST_CASE("endpoints: which addresses, ready or not") {
  using Ips = std::vector<std::string>;
  const client::ObjectList pods = {backend("a", "10.0.0.1"), backend("b", "10.0.0.2", false),
                                   backend("c", "10.0.0.3", true, true)};
  struct Case {
    const char *name, *more;
    Ips ready, not_ready;
  };
  const Case cases[] = {
      {"plain", "", {"10.0.0.1"}, {"10.0.0.2"}},
      {"not ready ones published, those that go as well",
       ",'publishNotReadyAddresses':true",
       {"10.0.0.1", "10.0.0.2", "10.0.0.3"},
       {}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Json service = json_of(service_json(
        std::string("{'selector':{'app':'web'},'ports':[{'port':80,'targetPort':8080}]") + c.more +
        "}"));
    const Json made = make_endpoints(view_service(service.root()), pods, Value());
    REQUIRE(elements(made.root(), "subsets").size() == 1);
    const Value& subset = elements(made.root(), "subsets")[0];
    CHECK(ips(subset, "addresses") == c.ready);
    CHECK(ips(subset, "notReadyAddresses") == c.not_ready);
    CHECK(api::int_of(elements(subset, "ports")[0], "port") == 8080);
  }
}

TEST_CASE("endpoints: ports by name differ among pods") {
  const Json service = json_of(service_json(
      "{'selector':{'app':'web'},'ports':[{'port':80,'targetPort':'http','protocol':'TCP'}]}"));
  const ServiceView view = view_service(service.root());
  const client::ObjectList pods = {
      backend("a", "10.0.0.1", true, false, "[{'name':'http','containerPort':8080}]"),
      backend("b", "10.0.0.2", true, false, "[{'name':'http','containerPort':9090}]"),
      backend("c", "10.0.0.3", true, false, "[{'name':'http','containerPort':1,'protocol':'UDP'}]"),
      backend("d", "10.0.0.4")};
  const Json made = make_endpoints(view, pods, Value());
  CHECK(elements(made.root(), "subsets").size() == 2);  // c and d have no such port
  CHECK(plan_slices(view, pods, {}).create.size() == 3);
}

TEST_CASE("endpoint slices: conditions") {
  struct Case {
    const char* name;
    bool publish, ready, deleting;
    const char* wanted;
  };
  const Case cases[] = {
      {"ready", false, true, false, R"({"ready":true,"serving":true,"terminating":false})"},
      {"not ready", false, false, false, R"({"ready":false,"serving":false,"terminating":false})"},
      {"terminating, still serving", false, true, true,
       R"({"ready":false,"serving":true,"terminating":true})"},
      {"published", true, false, false, R"({"ready":true,"serving":false,"terminating":false})"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Json service =
        json_of(service_json(std::string("{'selector':{'app':'web'},'ports':[{'port':80}]") +
                             (c.publish ? ",'publishNotReadyAddresses':true}" : "}")));
    const SlicePlan plan = plan_slices(view_service(service.root()),
                                       {backend("a", "10.0.0.1", c.ready, c.deleting)}, {});
    REQUIRE(plan.create.size() == 1);
    const Value& endpoint = elements(plan.create[0].root(), "endpoints")[0];
    CHECK(api::to_text(child_of(endpoint, "conditions")) == c.wanted);
  }
}

TEST_CASE("endpoint slices: 100 to a slice, and an empty one for nobody") {
  const Json service = json_of(service_json("{'selector':{'app':'web'},'ports':[{'port':80}]}"));
  client::ObjectList pods;
  for (int i = 0; i < 250; ++i)
    pods.push_back(backend("p" + std::to_string(i), "10.0.1." + std::to_string(i)));
  const SlicePlan plan = plan_slices(view_service(service.root()), pods, {});
  REQUIRE(plan.create.size() == 3);
  CHECK(elements(plan.create[0].root(), "endpoints").size() == kSliceEndpointsMax);
  CHECK(elements(plan.create[2].root(), "endpoints").size() == 50);
  const SlicePlan empty = plan_slices(view_service(service.root()), {}, {});
  REQUIRE(empty.create.size() == 1);
  CHECK(elements(empty.create[0].root(), "endpoints").empty());
}

TEST_CASE("services: ports of sidecars have names too") {
  const client::ObjectPtr pod =
      pod_of({"a",
              "{'containers':[{}],'initContainers':[{'ports':[{'name':'once','containerPort':1"
              "}]},{'restartPolicy':'Always','ports':[{'name':'side','containerPort':2}]}]}"});
  REQUIRE(pod_view(*pod).ports.size() == 1);
  CHECK(pod_view(*pod).ports[0].name == "side");
}
