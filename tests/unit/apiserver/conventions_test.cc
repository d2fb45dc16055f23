// API conventions, a row each: what is asked, what is answered, in which words.
#include <catch2/catch.hpp>

#include "api_harness.h"

namespace kist {
namespace {

using test::Answer;
using test::ApiHarness;
using test::Ask;

constexpr const char* kMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kDeployments = "/apis/apps/v1/namespaces/default/deployments";

const std::vector<net::Header> kJson = {{"Content-Type", "application/json"}};

std::string pod(const std::string& name, const std::string& extra = {}) {
  return R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":")" + name +
         R"("},"spec":{"containers":[{"name":"c","image":"i"}])" + extra + "}}";
}

std::string deployment(const std::string& name, int replicas) {
  return R"({"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":")" + name +
         R"("},"spec":{"replicas":)" + std::to_string(replicas) +
         R"(,"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}},)"
         R"("spec":{"containers":[{"name":"c","image":"i"}]}}}})";
}

struct Expected {
  std::string path, value;
};

struct Row {
  const char* name;
  Ask ask;
  int status;
  std::vector<Expected> expected;
};

void check(ApiHarness& api, const Row& row) {
  INFO(row.name);
  Answer answer = api.ask(row.ask);
  INFO(answer.body);
  CHECK(answer.status == row.status);
  for (const Expected& expected : row.expected) {
    INFO(expected.path);
    CHECK(answer.at(expected.path) == expected.value);
  }
}

TEST_CASE("conventions: refusals in Kubernetes' words") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  std::string maps = kMaps, pods = kPods;
  REQUIRE(api.post(kMaps, R"({"metadata":{"name":"a"}})").status == 201);
  const Row rows[] = {
      {"unknown resource",
       {"GET", "/api/v1/namespaces/default/foos"},
       404,
       {{"message", "the server could not find the requested resource"}, {"reason", "NotFound"}}},
      {"cluster resource below a namespace", {"GET", "/api/v1/namespaces/default/nodes"}, 404, {}},
      {"verb that is not served",
       {"DELETE", "/api/v1/namespaces"},
       405,
       {{"message", "the server does not allow this method on the requested resource"},
        {"reason", "MethodNotAllowed"}}},
      {"POST with a name", {"POST", maps + "/a", "{}", kJson}, 405, {}},
      {"unknown method", {"BREW", maps}, 405, {}},
      {"kind of another resource",
       {"POST", maps, R"({"kind":"Secret","apiVersion":"v1","metadata":{"name":"b"}})", kJson},
       400,
       {{"message",
         "Secret in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Secret) to "
         "(v1.ConfigMap): unknown conversion"}}},
      {"version of another group",
       {"POST", maps, R"({"kind":"ConfigMap","apiVersion":"v2","metadata":{"name":"b"}})", kJson},
       400,
       {{"message",
         "the API version in the data (v2) does not match the expected API version (v1)"}}},
      {"no namespace for a namespaced object",
       {"POST", "/api/v1/configmaps", "{}", kJson},
       400,
       {}},
      {"another namespace than the URL's",
       {"POST", maps, R"({"metadata":{"name":"b","namespace":"kube-system"}})", kJson},
       400,
       {{"message",
         "the namespace of the provided object does not match the namespace sent on the request"}}},
      {"another name than the URL's",
       {"PUT", maps + "/a", R"({"metadata":{"name":"b"}})", kJson},
       400,
       {{"message", "the name of the object (b) does not match the name on the URL (a)"}}},
      {"no name on PUT",
       {"PUT", maps + "/a", "{}", kJson},
       400,
       {{"message",
         "the name of the object (a based on URL) was undeterminable: name must be provided"}}},
      {"PUT of what is not there",
       {"PUT", maps + "/z", R"({"metadata":{"name":"z"}})", kJson},
       404,
       {{"message", "configmaps \"z\" not found"}, {"details.name", "z"}}},
      {"resourceVersion on create",
       {"POST", maps, R"({"metadata":{"name":"b","resourceVersion":"7"}})", kJson},
       400,
       {{"message", "resourceVersion should not be set on objects to be created"}}},
      {"no name at all",
       {"POST", maps, R"({"metadata":{}})", kJson},
       422,
       {{"reason", "Invalid"},
        {"details.kind", "ConfigMap"},
        {"message",
         "ConfigMap \"\" is invalid: metadata.name: Required value: name or "
         "generateName is required"}}},
      {"invalid name",
       {"POST", maps, R"({"metadata":{"name":"A_"}})", kJson},
       422,
       {{"details.causes.0.field", "metadata.name"},
        {"details.causes.0.reason", "FieldValueInvalid"}}},
      {"namespace that is not there",
       {"POST", "/api/v1/namespaces/nope/configmaps", R"({"metadata":{"name":"b"}})", kJson},
       404,
       {{"message", "namespaces \"nope\" not found"},
        {"details.kind", "namespaces"},
        {"details.name", "nope"}}},
      {"unknown patch type",
       {"PATCH", maps + "/a", "{}", {{"Content-Type", "text/plain"}}},
       415,
       {{"reason", "UnsupportedMediaType"}}},
      {"server-side apply, not yet",
       {"PATCH",
        maps + "/a?fieldManager=x",
        "{}",
        {{"Content-Type", "application/apply-patch+yaml"}}},
       415,
       {{"reason", "UnsupportedMediaType"}}},
      {"unknown body type", {"POST", maps, "{}", {{"Content-Type", "text/plain"}}}, 415, {}},
      {"unknown answer type",
       {"GET", maps, "", {{"Accept", "text/html"}}},
       406,
       {{"reason", "NotAcceptable"},
        {"message",
         "only the following media types are accepted: application/json, "
         "application/yaml, application/vnd.kubernetes.protobuf"}}},
      {"unknown dryRun", {"POST", maps + "?dryRun=Some", "{}", kJson}, 422, {}},
      {"unknown fieldValidation", {"POST", maps + "?fieldValidation=Hard", "{}", kJson}, 422, {}},
      {"field selector nobody knows", {"GET", maps + "?fieldSelector=spec.x%3D1"}, 400, {}},
      {"broken label selector", {"GET", maps + "?labelSelector=a%20in%20(b"}, 400, {}},
      {"match without revision",
       {"GET", maps + "?resourceVersionMatch=Exact"},
       422,
       {{"message",
         "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: "
         "resourceVersionMatch is forbidden unless resourceVersion is provided"}}},
      {"unknown match", {"GET", maps + "?resourceVersionMatch=X&resourceVersion=1"}, 422, {}},
      {"exactly nothing", {"GET", maps + "?resourceVersionMatch=Exact&resourceVersion=0"}, 422, {}},
      {"initial events of a list", {"GET", maps + "?sendInitialEvents=true"}, 422, {}},
      {"revision that is no number", {"GET", maps + "?resourceVersion=abc"}, 400, {}},
      {"revision of the future",
       {"GET", maps + "?resourceVersion=999999"},
       504,
       {{"reason", "Timeout"}, {"details.causes.0.reason", "ResourceVersionTooLarge"}}},
      {"forged continue token", {"GET", maps + "?continue=forged"}, 400, {}},
      {"continue token and revision",
       {"GET", maps + "?continue=a&resourceVersion=1"},
       400,
       {{"message", "specifying resource version is not allowed when using continue"}}},
      {"limit that is no number", {"GET", maps + "?limit=many"}, 400, {}},
      {"unknown subresource", {"GET", pods + "/x/flavour"}, 404, {}},
      {"wrong uid on delete",
       {"DELETE", maps + "/a", R"({"preconditions":{"uid":"no"}})", kJson},
       409,
       {{"reason", "Conflict"}, {"details.name", "a"}, {"details.kind", "configmaps"}}},
      {"wrong revision on delete",
       {"DELETE", maps + "/a", R"({"preconditions":{"resourceVersion":"1"}})", kJson},
       409,
       {}},
      {"unknown propagation", {"DELETE", maps + "/a?propagationPolicy=Up"}, 422, {}},
      {"a system namespace stays",
       {"DELETE", "/api/v1/namespaces/default"},
       403,
       {{"reason", "Forbidden"}}},
      {"unknown includeObject",
       {"GET",
        maps + "?includeObject=All",
        "",
        {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}}},
       400,
       {}},
  };
  for (const Row& row : rows) check(api, row);
  CHECK(api.get(maps + "/a").status == 200);  // nothing of it changed anything
}

TEST_CASE("conventions: bodies that are no objects") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  std::string deep(2000, '[');
  const struct {
    const char* name;
    std::string body;
    int status;
  } rows[] = {
      {"empty", "", 400},
      {"cut off", R"({"metadata":{"name":"a")", 400},
      {"a list", "[]", 400},
      {"a text", "\"x\"", 400},
      {"null", "null", 400},
      {"deep", R"({"metadata":{"name":"a"},"data":)" + deep, 400},
      {"invalid UTF-8", "{\"metadata\":{\"name\":\"a\xff\"}}", 400},
      {"wrong type", R"({"metadata":{"name":7}})", 400},
      {"metadata is a list", R"({"metadata":[]})", 400},
      {"metadata is null", R"({"metadata":null})", 422},
      {"labels hold numbers", R"({"metadata":{"name":"a","labels":{"x":1}}})", 400},
      {"bytes behind", R"({"metadata":{"name":"a"}} {})", 400},
      {"a NUL behind", std::string(R"({"metadata":{"name":"a"}})") + '\0', 400},
      {"a huge number", R"({"metadata":{"name":"a","generation":99999999999999999999}})", 400},
      {"too large", "{\"data\":{\"x\":\"" + std::string(4 << 20, 'x') + "\"}}", 413},
  };
  for (const auto& row : rows) {
    INFO(row.name);
    Answer answer = api.post(kMaps, row.body);
    INFO(answer.body.substr(0, 300));
    CHECK(answer.status == row.status);
    CHECK(answer.at("kind") == "Status");
  }
  for (const char* type : {"json-patch", "merge-patch", "strategic-merge-patch"}) {
    REQUIRE(api.started().ok());
    for (const char* body : {"", "7", "null", "{", "[{}]", "[[]]", "{\"metadata\":7}",
                             R"([{"op":"remove","path":"/nope"}])", R"({"kind":"Pod"})"}) {
      INFO(type << " " << body);
      Answer answer = api.patch(std::string(kMaps) + "/kube-root-ca.crt", body, type);
      INFO(answer.body);
      CHECK(answer.status >= 400);
      CHECK(answer.status < 500);
    }
  }
  CHECK(api.get(std::string(kMaps) + "/a").status == 404);
}

TEST_CASE("conventions: hostile paths") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  const struct {
    const char* path;
    int status;
  } rows[] = {
      {"/api/v1/namespaces/default/../kube-system/configmaps", 404},
      {"/api/v1//namespaces", 404},
      {"/api/v1/namespaces/%2e%2e/configmaps", 404},
      {"/api/v1/namespaces/default%2Fconfigmaps/x", 404},
      {"/api/v1/namespaces/default/configmaps/%00", 400},
      {"/api/v1/namespaces/default/configmaps/%zz", 400},
      {"/api/v1/namespaces/default/configmaps?watch=%", 400},
      {"/api/v1/namespaces/default/configmaps/a/b/c/d/e", 404},
      {"/apis/apps/v1", 200},
      {"/apis/apps/v9/deployments", 404},
      {"/nothing", 404},
      {"/healthz/nothing", 404},
      {"/api/v1/namespaces/default/configmaps/kube-root-ca.crt/", 200},
  };
  for (const auto& row : rows) {
    INFO(row.path);
    CHECK(api.get(row.path).status == row.status);
  }
  CHECK(api.get("/api/v1/" + std::string(20'000, 'x')).status == 400);
}

TEST_CASE("conventions: generateName, dry runs, field validation") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  Answer generated = api.post(kMaps, R"({"metadata":{"generateName":"g-"}})");
  CHECK(generated.status == 201);
  CHECK(generated.at("metadata.name").size() == 7);
  CHECK(generated.at("metadata.name").starts_with("g-"));

  Answer dry = api.post(std::string(kMaps) + "?dryRun=All", R"({"metadata":{"name":"dry"}})");
  INFO(dry.body);
  CHECK(dry.status == 201);
  CHECK(dry.at("metadata.uid").size() == 36);
  CHECK(dry.at("metadata.resourceVersion") == "<absent>");
  CHECK(api.get(std::string(kMaps) + "/dry").status == 404);
  CHECK(api.remove(std::string(kMaps) + "/kube-root-ca.crt?dryRun=All").status == 200);
  CHECK(api.get(std::string(kMaps) + "/kube-root-ca.crt").status == 200);

  std::string odd = R"({"metadata":{"name":"odd"},"foo":1,"data":{"k":"1"},"data":{"k":"2"}})";
  Answer strict = api.post(std::string(kMaps) + "?fieldValidation=Strict", odd);
  CHECK(strict.status == 400);
  CHECK(strict.at("message").find("strict decoding error: ") != std::string::npos);
  CHECK(strict.at("message").find("unknown field \"foo\"") != std::string::npos);
  CHECK(strict.at("message").find("duplicate field \"data\"") != std::string::npos);
  Answer warned = api.post(kMaps, odd);
  CHECK(warned.status == 201);
  CHECK(warned.at("data.k") == "2");
  CHECK(warned.header("Warning").starts_with("299 - \""));
  CHECK(warned.body.find("foo") == std::string::npos);
  Answer ignored = api.put(std::string(kMaps) + "/odd?fieldValidation=Ignore", odd);
  CHECK(ignored.status == 200);
  CHECK(ignored.header("Warning").empty());
}

TEST_CASE("conventions: patches of three kinds") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  REQUIRE(api.post(kDeployments, deployment("d", 1)).status == 201);
  std::string path = std::string(kDeployments) + "/d";

  Answer merge = api.patch(path, R"({"spec":{"replicas":2},"metadata":{"labels":{"a":"b"}}})");
  INFO(merge.body);
  CHECK(merge.status == 200);
  CHECK(merge.at("spec.replicas") == "2");
  CHECK(merge.at("metadata.generation") == "2");

  Answer json =
      api.patch(path, R"([{"op":"replace","path":"/spec/replicas","value":3}])", "json-patch");
  CHECK(json.at("spec.replicas") == "3");

  Answer strategic =
      api.patch(path, R"({"spec":{"template":{"spec":{"containers":[{"name":"d","image":"j"}]}}}})",
                "strategic-merge-patch");
  INFO(strategic.body);
  CHECK(strategic.at("spec.template.spec.containers.1.name") != "<absent>");

  std::string revision = strategic.at("metadata.resourceVersion");
  Answer same = api.patch(path, R"({"spec":{"replicas":3}})");
  CHECK(same.at("metadata.resourceVersion") == revision);
  CHECK(api.patch(path, R"({"metadata":{"resourceVersion":"1"}})").status == 409);
  CHECK(api.patch(path, R"({"metadata":{"uid":"other"}})").status == 409);
  CHECK(api.patch(path, R"({"metadata":{"name":"other"}})").status == 400);
  CHECK(api.patch(path, R"({"spec":{"replicas":-1}})").status == 422);
  CHECK(api.patch(path, R"({"spec":{"selector":{"matchLabels":{"app":"y"}}}})").status == 422);
  CHECK(api.patch(std::string(kDeployments) + "/none", "{}").status == 404);
  CHECK(api.patch(path + "?fieldValidation=Strict", R"({"spec":{"foo":1}})").status == 422);
  CHECK(api.get(path).at("metadata.resourceVersion") == revision);
}

TEST_CASE("conventions: subresources") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  REQUIRE(api.post(kDeployments, deployment("d", 1)).status == 201);
  std::string path = std::string(kDeployments) + "/d";
  Answer scale = api.get(path + "/scale");
  CHECK(scale.at("kind") == "Scale");
  CHECK(scale.at("spec.replicas") == "1");
  CHECK(scale.at("status.selector") == "app=x");
  Answer scaled = api.patch(path + "/scale", R"({"spec":{"replicas":5}})");
  CHECK(scaled.at("spec.replicas") == "5");
  CHECK(api.get(path).at("spec.replicas") == "5");
  CHECK(api.get(path).at("metadata.generation") == "2");
  CHECK(api.patch(path + "/scale", R"({"spec":{"replicas":-5}})").status == 422);

  // status changes status alone, and the object leaves it alone
  Answer status = api.patch(path + "/status", R"({"spec":{"replicas":9},"status":{"replicas":4}})");
  INFO(status.body);
  CHECK(status.at("status.replicas") == "4");
  CHECK(status.at("spec.replicas") == "5");
  CHECK(status.at("metadata.generation") == "2");
  CHECK(api.patch(path, R"({"status":{"replicas":8}})").at("status.replicas") == "4");

  REQUIRE(api.post(kPods, pod("p")).status == 201);
  std::string binding = R"({"metadata":{"name":"p"},"target":{"kind":"Node","name":"n"}})";
  Answer bound = api.post(std::string(kPods) + "/p/binding", binding);
  INFO(bound.body);
  CHECK(bound.status == 201);
  CHECK(bound.at("status") == "Success");
  CHECK(api.get(std::string(kPods) + "/p").at("spec.nodeName") == "n");
  Answer twice = api.post(std::string(kPods) + "/p/binding", binding);
  CHECK(twice.status == 409);
  CHECK(api.get(std::string(kPods) + "?fieldSelector=spec.nodeName%3Dn")
            .at("items.0.metadata.name") == "p");

  Answer token = api.post("/api/v1/namespaces/default/serviceaccounts/default/token",
                          R"({"spec":{"audiences":null}})");
  CHECK(token.status == 503);  // no key was given
  Answer review = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                           R"({"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}})");
  INFO(review.body);
  CHECK(review.status == 201);
  CHECK(review.at("status.allowed") == "true");
  Answer self = api.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
  CHECK(self.at("status.userInfo.username") == "admin");
}

TEST_CASE("conventions: deletion") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  std::string pods = kPods, deployments = kDeployments;
  SECTION("an unscheduled pod goes at once and is the answer") {
    REQUIRE(api.post(kPods, pod("p")).status == 201);
    Answer gone = api.remove(pods + "/p");
    CHECK(gone.status == 200);
    CHECK(gone.at("kind") == "Pod");
    CHECK(api.get(pods + "/p").status == 404);
  }
  SECTION("a scheduled pod gets its grace") {
    REQUIRE(api.post(kPods, pod("p", R"(,"nodeName":"n")")).status == 201);
    Answer asked = api.remove(pods + "/p");
    CHECK(asked.at("metadata.deletionGracePeriodSeconds") == "30");
    CHECK(asked.at("metadata.deletionTimestamp") != "<absent>");
    Answer sooner = api.remove(pods + "/p?gracePeriodSeconds=5");
    CHECK(sooner.at("metadata.deletionGracePeriodSeconds") == "5");
    Answer later = api.remove(pods + "/p?gracePeriodSeconds=50");
    CHECK(later.at("metadata.deletionGracePeriodSeconds") == "5");
    CHECK(later.at("metadata.resourceVersion") == sooner.at("metadata.resourceVersion"));
    CHECK(api.remove(pods + "/p", R"({"gracePeriodSeconds":0})").status == 200);
    CHECK(api.get(pods + "/p").status == 404);
  }
  SECTION("finalizers hold it") {
    REQUIRE(api.post(kMaps, R"({"metadata":{"name":"f","finalizers":["x.io/y"]}})").status == 201);
    std::string path = std::string(kMaps) + "/f";
    Answer held = api.remove(path);
    CHECK(held.at("metadata.deletionTimestamp") != "<absent>");
    CHECK(api.get(path).status == 200);
    Answer freed = api.patch(path, R"({"metadata":{"finalizers":null}})");
    CHECK(freed.status == 200);
    CHECK(api.get(path).status == 404);
  }
  SECTION("propagation becomes a finalizer") {
    REQUIRE(api.post(kDeployments, deployment("d", 1)).status == 201);
    Answer orphan = api.remove(deployments + "/d?propagationPolicy=Orphan");
    CHECK(orphan.at("metadata.finalizers.0") == "orphan");
    REQUIRE(api.post(kDeployments, deployment("e", 1)).status == 201);
    Answer foreground = api.remove(deployments + "/e", R"({"propagationPolicy":"Foreground"})");
    CHECK(foreground.at("metadata.finalizers.0") == "foregroundDeletion");
    Answer background = api.remove(deployments + "/e", R"({"propagationPolicy":"Background"})");
    CHECK(api.get(deployments + "/e").status == 404);
  }
  SECTION("collections, by selector") {
    REQUIRE(api.post(kMaps, R"({"metadata":{"name":"a","labels":{"x":"1"}}})").status == 201);
    REQUIRE(api.post(kMaps, R"({"metadata":{"name":"b"}})").status == 201);
    Answer swept = api.remove(std::string(kMaps) + "?labelSelector=x%3D1");
    INFO(swept.body);
    CHECK(swept.at("items.0.metadata.name") == "a");
    CHECK(api.get(std::string(kMaps) + "/a").status == 404);
    CHECK(api.get(std::string(kMaps) + "/b").status == 200);
  }
  SECTION("eviction") {
    REQUIRE(api.post(kPods, pod("p")).status == 201);
    Answer evicted = api.post(pods + "/p/eviction", R"({"metadata":{"name":"p"}})");
    INFO(evicted.body);
    CHECK(evicted.status == 201);
    CHECK(api.get(pods + "/p").status == 404);
  }
  SECTION("what every cluster has comes back") {
    std::string account = "/api/v1/namespaces/default/serviceaccounts/default";
    std::string uid = api.get(account).at("metadata.uid");
    REQUIRE(api.remove(account).status == 200);
    auto watch = api.start({"GET", "/api/v1/namespaces/default/serviceaccounts?watch=1"});
    REQUIRE(watch->wait_chunks(1));
    CHECK(api.get(account).status == 200);
    CHECK(api.get(account).at("metadata.uid") != uid);
    watch->hang_up();
  }
}

TEST_CASE("api: a deprecated resource says so in every answer") {
  ApiHarness api;
  constexpr std::string_view kWarning =
      "299 - \"v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\"";
  const std::string path = "/api/v1/namespaces/default/endpoints";
  CHECK(api.get(path).header("Warning") == kWarning);
  CHECK(api.post(path, R"({"metadata":{"name":"e"}})").header("Warning") == kWarning);
  CHECK(api.get(path + "/e").header("Warning") == kWarning);
  CHECK(api.get("/api/v1/namespaces/default/services").header("Warning").empty());
}

}  // namespace
}  // namespace kist
