// Which endpoints stand behind which address of a Service.
#include "src/proxy/plan.h"

#include <catch2/catch.hpp>

using namespace kist;

namespace {

api::Json parse(const std::string& text) { return api::parse_json(text).value(); }

// One line for each frontend: "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.0.3:8080 (60 s)".
std::string text_of(const cni::Services& services) {
  std::string text;
  for (const auto& [frontend, backends] : services) {
    text += (text.empty() ? "" : "\n") + frontend.text() + " ->";
    for (const cni::Endpoint& endpoint : backends.endpoints)
      text += " " + endpoint.address.text() + ":" + std::to_string(endpoint.port);
    if (backends.affinity.count() > 0)
      text += " (" + std::to_string(backends.affinity.count()) + " s)";
  }
  return text;
}

constexpr const char* kPorts = R"("ports":[{"name":"web","port":8080}])";

std::string slice(const std::string& endpoints, const std::string& more = kPorts) {
  return R"({"addressType":"IPv4","endpoints":[)" + endpoints + "]," + more + "}";
}

}  // namespace

TEST_CASE("proxy plan: endpoints behind addresses") {
  const std::string web =
      R"("clusterIP":"10.43.0.1","ports":[{"name":"web","port":80,"nodePort":30080}])";
  const std::string two = slice(R"({"addresses":["10.42.0.2"],"nodeName":"n1"},
                                    {"addresses":["10.42.9.3"],"nodeName":"n2"})");
  struct Case {
    const char* name;
    std::string spec, slice, plan;
  };
  const Case cases[] = {
      {"cluster IP", web, two, "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080"},
      {"no endpoints", web, slice(""), "10.43.0.1:80/TCP ->"},
      {"headless", R"("clusterIP":"None","ports":[{"port":80}])", two, ""},
      {"external name", R"("type":"ExternalName","externalName":"x")", two, ""},
      {"not yet allocated", R"("ports":[{"port":80}])", two, ""},
      {"node port", web + R"(,"type":"NodePort")", two,
       "0.0.0.0:30080/TCP -> 10.42.0.2:8080 10.42.9.3:8080\n"
       "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080"},
      {"external policy Local", web + R"(,"type":"NodePort","externalTrafficPolicy":"Local")", two,
       "0.0.0.0:30080/TCP -> 10.42.0.2:8080\n"
       "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080"},
      {"internal policy Local", web + R"(,"internalTrafficPolicy":"Local")", two,
       "10.43.0.1:80/TCP -> 10.42.0.2:8080"},
      {"external IP", web + R"(,"externalIPs":["192.0.2.7","nonsense"])", two,
       "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080\n"
       "192.0.2.7:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080"},
      {"affinity, default time", web + R"(,"sessionAffinity":"ClientIP")", two,
       "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080 (10800 s)"},
      {"affinity",
       web +
           R"(,"sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}})",
       two, "10.43.0.1:80/TCP -> 10.42.0.2:8080 10.42.9.3:8080 (5 s)"},
      {"another port's endpoints", web,
       slice(R"({"addresses":["10.42.0.2"]})", R"("ports":[{"name":"x","port":1}])"),
       "10.43.0.1:80/TCP ->"},
      {"another protocol's", web,
       slice(R"({"addresses":["10.42.0.2"]})",
             R"("ports":[{"name":"web","protocol":"UDP","port":1}])"),
       "10.43.0.1:80/TCP ->"},
      {"not ready", web,
       slice(
           R"({"addresses":["10.42.0.2"],"conditions":{"ready":false}},{"addresses":["10.42.0.3"]})"),
       "10.43.0.1:80/TCP -> 10.42.0.3:8080"},
      {"ready before terminating", web,
       slice(
           R"({"addresses":["10.42.0.2"],"conditions":{"ready":false,"serving":true,"terminating":true}},
                 {"addresses":["10.42.0.3"]})"),
       "10.43.0.1:80/TCP -> 10.42.0.3:8080"},
      {"only terminating ones serve", web,
       slice(
           R"({"addresses":["10.42.0.2"],"conditions":{"ready":false,"serving":true,"terminating":true}},
                 {"addresses":["10.42.0.3"],"conditions":{"ready":false,"serving":false,"terminating":true}})"),
       "10.43.0.1:80/TCP -> 10.42.0.2:8080"},
      {"bad address", web, slice(R"({"addresses":["x"]},{"addresses":[]})"), "10.43.0.1:80/TCP ->"},
      {"IPv6 is not served here", R"("clusterIP":"fd00::1","ports":[{"port":80}])", two, ""},
      {"UDP", R"("clusterIP":"10.43.0.1","ports":[{"name":"web","protocol":"UDP","port":53}])",
       slice(R"({"addresses":["10.42.0.2"]})",
             R"("ports":[{"name":"web","protocol":"UDP","port":5353}])"),
       "10.43.0.1:53/UDP -> 10.42.0.2:5353"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const api::Json service = parse(R"({"spec":{)" + c.spec + "}}");
    const api::Json slices = parse(c.slice);
    CHECK(text_of(proxy::plan_service(service.root(), {&slices.root()}, {.node = "n1"})) == c.plan);
  }
}
