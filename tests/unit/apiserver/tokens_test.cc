// Tokens of service accounts: what they are bound to, and how long they are good.
#include <catch2/catch.hpp>

#include "api_harness.h"
#include "kist/base/base64.h"
#include "kist/net/pki.h"

namespace kist {
namespace {

using test::Answer;
using test::ApiHarness;

constexpr const char* kToken = "/api/v1/namespaces/default/serviceaccounts/default/token";
constexpr const char* kReview = "/apis/authentication.k8s.io/v1/tokenreviews";

apiserver::Options with_key() {
  apiserver::Options options = ApiHarness::default_options();
  options.service_account_key_pem = std::move(net::make_ca("test", system_clock())).value().key_pem;
  return options;
}

// Test data is written with ' for ".
std::string quotes(std::string text) {
  for (char& c : text)
    if (c == '\'') c = '"';
  return text;
}

void make_objects(ApiHarness& api) {
  REQUIRE(api.started().ok());
  const std::pair<const char*, const char*> objects[] = {
      {"/api/v1/nodes", "{'metadata':{'name':'here'}}"},
      {"/api/v1/namespaces/default/secrets", "{'metadata':{'name':'s'}}"},
      {"/api/v1/namespaces/default/serviceaccounts", "{'metadata':{'name':'other'}}"},
      {"/api/v1/namespaces/default/pods",
       "{'metadata':{'name':'p'},'spec':{'nodeName':'here','terminationGracePeriodSeconds':0,"
       "'containers':[{'name':'c','image':'i'}]}}"},
      {"/api/v1/namespaces/default/pods",
       "{'metadata':{'name':'lost'},'spec':{'nodeName':'nowhere','containers':[{'name':'c','image':"
       "'i'}]}}"},
      {"/api/v1/namespaces/default/pods",
       "{'metadata':{'name':'stranger'},'spec':{'serviceAccountName':'other','containers':[{'name':"
       "'c','image':'i'}]}}"},
  };
  for (const auto& [path, body] : objects) {
    Answer made = api.post(path, quotes(body));
    INFO(made.body);
    REQUIRE(made.status == 201);
  }
}

Answer ask_token(ApiHarness& api, const std::string& spec) {
  return api.post(kToken, quotes("{'spec':{" + spec + "}}"));
}

std::string bound_to(const std::string& kind, const std::string& name) {
  return "'boundObjectRef':{'apiVersion':'v1','kind':'" + kind + "','name':'" + name + "'}";
}

Answer review(ApiHarness& api, const std::string& token) {
  return api.post(kReview, quotes("{'spec':{'token':'" + token + "'}}"));
}

// The claims, as JSON text.
std::string claims_of(const std::string& token) {
  const size_t first = token.find('.'), last = token.rfind('.');
  REQUIRE(first < last);
  return std::move(decode_base64url(token.substr(first + 1, last - first - 1))).value();
}

TEST_CASE("tokens: what they may be bound to") {
  struct Row {
    const char *name, *spec;
    int status;
    const char* message;
  };
  const Row rows[] = {
      {"nothing", "'audiences':null", 201, ""},
      {"a pod", "'boundObjectRef':{'apiVersion':'v1','kind':'Pod','name':'p'}", 201, ""},
      {"a secret", "'boundObjectRef':{'apiVersion':'v1','kind':'Secret','name':'s'}", 201, ""},
      {"a node", "'boundObjectRef':{'apiVersion':'v1','kind':'Node','name':'here'}", 201, ""},
      {"another's pod", "'boundObjectRef':{'apiVersion':'v1','kind':'Pod','name':'stranger'}", 400,
       "cannot bind token for serviceaccount \"default\" to pod running with different "
       "serviceaccount name."},
      {"no such secret", "'boundObjectRef':{'apiVersion':'v1','kind':'Secret','name':'x'}", 404,
       "secrets \"x\" not found"},
      {"no such node", "'boundObjectRef':{'apiVersion':'v1','kind':'Node','name':'x'}", 404,
       "nodes \"x\" not found"},
      {"another kind", "'boundObjectRef':{'apiVersion':'v1','kind':'ConfigMap','name':'x'}", 400,
       "cannot bind token to object of type /v1, Kind=ConfigMap"},
      {"another group", "'boundObjectRef':{'apiVersion':'apps/v1','kind':'Pod','name':'p'}", 400,
       "cannot bind token to object of type apps/v1, Kind=Pod"},
      {"another uid", "'boundObjectRef':{'apiVersion':'v1','kind':'Secret','name':'s','uid':'old'}",
       409,
       "Operation cannot be fulfilled on Secret \"s\": the UID in the bound object reference (old) "
       "does not match the UID in record. The object might have been deleted and then recreated"},
  };
  ApiHarness api(with_key());
  make_objects(api);
  for (const Row& row : rows) {
    INFO(row.name);
    Answer answer = ask_token(api, row.spec);
    INFO(answer.body);
    CHECK(answer.status == row.status);
    if (answer.status != 201) CHECK(answer.at("message") == row.message);
  }
  Answer misnamed = api.post(kToken, quotes("{'metadata':{'name':'other'},'spec':{}}"));
  CHECK(misnamed.status == 422);
  CHECK(misnamed.at("message") ==
        "TokenRequest.authentication.k8s.io \"default\" is invalid: metadata.name: Invalid value: "
        "\"other\": must match the service account name if specified");
}

TEST_CASE("tokens: those of pods tell pod and node") {
  ApiHarness api(with_key());
  make_objects(api);
  const std::string node_uid = api.get("/api/v1/nodes/here").at("metadata.uid");
  Answer answer = review(api, ask_token(api, bound_to("Pod", "p")).at("status.token"));
  INFO(answer.body);
  CHECK(answer.at("status.authenticated") == "true");
  CHECK(answer.body.find(quotes("'authentication.kubernetes.io/node-name':['here']")) !=
        std::string::npos);
  CHECK(answer.body.find(quotes("'authentication.kubernetes.io/node-uid':['" + node_uid + "']")) !=
        std::string::npos);
  CHECK(answer.body.find(quotes("'authentication.kubernetes.io/pod-name':['p']")) !=
        std::string::npos);
  CHECK(answer.body.find(quotes("'authentication.kubernetes.io/credential-id':['JTI=")) !=
        std::string::npos);
  Answer lost = review(api, ask_token(api, bound_to("Pod", "lost")).at("status.token"));
  CHECK(lost.body.find("node-name") != std::string::npos);
  CHECK(lost.body.find("node-uid") == std::string::npos);
}

TEST_CASE("tokens: good as long as what they are bound to") {
  struct Row {
    const char *name, *kind, *object, *path, *again;
    const char* error;  // how it begins
  };
  constexpr const char* kGone =
      "[invalid bearer token, service account token has been invalidated]";
  const Row rows[] = {
      {"a pod that is gone", "Pod", "p", "/api/v1/namespaces/default/pods", nullptr, kGone},
      {"a secret that is gone", "Secret", "s", "/api/v1/namespaces/default/secrets", nullptr,
       kGone},
      {"a node that is gone", "Node", "here", "/api/v1/nodes", nullptr, kGone},
      {"a secret of the same name", "Secret", "s", "/api/v1/namespaces/default/secrets",
       "{'metadata':{'name':'s'}}", "[invalid bearer token, secret UID ("},
      {"a node of the same name", "Node", "here", "/api/v1/nodes", "{'metadata':{'name':'here'}}",
       "[invalid bearer token, node UID ("},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    ApiHarness api(with_key());
    make_objects(api);
    const std::string token = ask_token(api, bound_to(row.kind, row.object)).at("status.token");
    CHECK(review(api, token).at("status.authenticated") == "true");
    REQUIRE(api.remove(std::string(row.path) + "/" + row.object, quotes("{'gracePeriodSeconds':0}"))
                .status == 200);
    if (row.again != nullptr) REQUIRE(api.post(row.path, quotes(row.again)).status == 201);
    Answer after = review(api, token);
    INFO(after.body);
    CHECK(after.at("status.authenticated") == "<absent>");
    CHECK(after.at("status.error").starts_with(row.error));
    CHECK(api.ask({"GET", "/api", "", {{"Authorization", "Bearer " + token}}, false}).status ==
          401);
  }
}

TEST_CASE("tokens: of a pod, and where the pod's node goes") {
  ApiHarness api(with_key());
  make_objects(api);
  const std::string token = ask_token(api, bound_to("Pod", "p")).at("status.token");
  REQUIRE(api.remove("/api/v1/nodes/here").status == 200);
  CHECK(review(api, token).at("status.authenticated") == "true");
}

TEST_CASE("tokens: an account of the same name is another") {
  ApiHarness api(with_key());
  make_objects(api);
  const std::string accounts = "/api/v1/namespaces/default/serviceaccounts";
  Answer made = api.post(accounts + "/other/token", "{}");
  REQUIRE(made.status == 201);
  REQUIRE(api.remove(accounts + "/other").status == 200);
  CHECK(review(api, made.at("status.token")).at("status.error") ==
        "[invalid bearer token, serviceaccounts \"other\" not found]");
  REQUIRE(api.post(accounts, quotes("{'metadata':{'name':'other'}}")).status == 201);
  CHECK(review(api, made.at("status.token"))
            .at("status.error")
            .starts_with("[invalid bearer token, service account UID ("));
  CHECK(review(api, "no.such.token").at("status.error") == "invalid bearer token");
}

TEST_CASE("tokens: those of pods outlive the hour that was asked for") {
  struct Row {
    const char* name;
    std::string spec;
    bool extended;
  };
  const Row rows[] = {
      {"a pod's, as the admission plugin asks", "'expirationSeconds':3607," + bound_to("Pod", "p"),
       true},
      {"a pod's, of another length", "'expirationSeconds':3600," + bound_to("Pod", "p"), false},
      {"a pod's, for somebody else",
       "'expirationSeconds':3607,'audiences':['vault']," + bound_to("Pod", "p"), false},
      {"a secret's", "'expirationSeconds':3607," + bound_to("Secret", "s"), false},
  };
  ApiHarness api(with_key());
  make_objects(api);
  for (const Row& row : rows) {
    INFO(row.name);
    Answer answer = ask_token(api, row.spec);
    INFO(answer.body);
    REQUIRE(answer.status == 201);
    const api::Json claims =
        std::move(api::parse_json(claims_of(answer.at("status.token")))).value();
    const int64_t life = api::int_of(claims.root(), "exp") - api::int_of(claims.root(), "iat");
    CHECK((life == 365 * 24 * 60 * 60) == row.extended);
    const api::Value* kubernetes = api::find(claims.root(), "kubernetes.io");
    REQUIRE(kubernetes != nullptr);
    CHECK((api::int_of(*kubernetes, "warnafter") == api::int_of(claims.root(), "iat") + 3607) ==
          row.extended);
  }
}

}  // namespace
}  // namespace kist
