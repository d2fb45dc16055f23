// Every field of every served kind, given null, other types and empty values, through every verb
// that takes a body: each is stored or refused with a Status, none is a 5xx or ends the process.
//
// Method: walk the schema's tables, lay each value over a base object that is otherwise good, send.
#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "api_harness.h"
#include "kist/api/schema.h"
#include "kist/net/pki.h"
#include "src/apiserver/registry/resource.h"
#include "tests/unit/apiserver/kinds_testing.h"

namespace kist::apiserver::testing {
namespace {

using test::Answer;
using test::ApiHarness;

constexpr const char* kValues[] = {"null",
                                   "\"\"",
                                   "\"x\"",
                                   "0",
                                   "-1",
                                   "1.5",
                                   "9223372036854775807",
                                   "true",
                                   "[]",
                                   "{}",
                                   "[null]",
                                   "[\"\"]",
                                   "[1]",
                                   "[\"x\",\"x\"]",
                                   "[{}]",
                                   "[{},{}]",
                                   "[[]]",
                                   "{\"k\":null}",
                                   "{\"k\":1}",
                                   "{\"\":\"\"}",
                                   "{\"$patch\":\"replace\"}",
                                   "[{\"$patch\":\"delete\"}]"};

// What a good object of each kind has besides its name.
struct Base {
  const char *group, *plural, *object;
};
constexpr Base kBases[] = {
    {"", "bindings", "{'target':{'kind':'Node','name':'n'}}"},
    {"", "configmaps", "{'data':{'a':'b'}}"},
    {"", "endpoints",
     "{'subsets':[{'addresses':[{'ip':'192.0.2.9'}],'ports':[{'port':80,'protocol':'TCP'}]}]}"},
    {"", "events", "{'involvedObject':{'namespace':'default'}}"},
    {"", "namespaces", "{}"},
    {"", "nodes", "{}"},
    {"", "pods", "{'spec':{'containers':[{'name':'c','image':'i'}]}}"},
    {"", "podtemplates", "{'template':{'spec':{'containers':[{'name':'c','image':'i'}]}}}"},
    {"", "secrets", "{'data':{'a':'Yg=='}}"},
    {"", "serviceaccounts", "{}"},
    {"", "services", "{'spec':{'selector':{'a':'b'},'ports':[{'port':80}]}}"},
    {"apps", "controllerrevisions", "{'revision':1,'data':{}}"},
    {"apps", "deployments",
     "{'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}},"
     "'spec':{'containers':[{'name':'c','image':'i'}]}}}}"},
    {"apps", "replicasets",
     "{'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}},"
     "'spec':{'containers':[{'name':'c','image':'i'}]}}}}"},
    {"authentication.k8s.io", "selfsubjectreviews", "{}"},
    {"authentication.k8s.io", "tokenreviews", "{'spec':{'token':'t'}}"},
    {"authorization.k8s.io", "localsubjectaccessreviews",
     "{'spec':{'user':'u','resourceAttributes':{'namespace':'default','verb':'get'}}}"},
    {"authorization.k8s.io", "selfsubjectaccessreviews",
     "{'spec':{'resourceAttributes':{'verb':'get'}}}"},
    {"authorization.k8s.io", "selfsubjectrulesreviews", "{'spec':{'namespace':'default'}}"},
    {"authorization.k8s.io", "subjectaccessreviews",
     "{'spec':{'user':'u','resourceAttributes':{'verb':'get'}}}"},
    {"coordination.k8s.io", "leases", "{'spec':{'holderIdentity':'a'}}"},
    {"discovery.k8s.io", "endpointslices",
     "{'addressType':'IPv4','endpoints':[{'addresses':['192.0.2.9']}],'ports':[{'port':80}]}"},
    {"events.k8s.io", "events",
     "{'regarding':{'namespace':'default'},'eventTime':'2026-01-01T00:00:00.000000Z',"
     "'reportingController':'a/b','reportingInstance':'i','action':'a','reason':'r',"
     "'type':'Normal'}"},
};

// `change` laid over `base`; lists meet in their first elements, so that "containers[0].ports" can
// be changed and the container stays good.
void lay_over(api::Value& base, const api::Value& change, api::Allocator& pool) {
  if (base.IsObject() && change.IsObject() && !change.ObjectEmpty()) {
    for (const auto& member : change.GetObject()) {
      std::string_view name(member.name.GetString(), member.name.GetStringLength());
      api::Value* there = api::find(base, name);
      if (there != nullptr) {
        lay_over(*there, member.value, pool);
      } else {
        api::set(base, name, api::copy(member.value, pool), pool);
      }
    }
  } else if (base.IsArray() && change.IsArray() && !base.Empty() && change.Size() == 1 &&
             change[0].IsObject() && !change[0].ObjectEmpty()) {
    lay_over(base[0], change[0], pool);
  } else {
    base.CopyFrom(change, pool);
  }
}

std::string laid_over(std::string_view base, const std::string& change) {
  api::Json object = json(base);
  Result<api::Json> parsed = api::parse_json(change);
  REQUIRE(parsed.ok());
  lay_over(object.root(), parsed.value().root(), object.allocator());
  return api::to_text(object.root());
}

// A place for a value: `before` + value + `after` is an object with just that.
struct Spot {
  std::string before, after, top;
};

// All fields below `type`. A type within itself is entered once; Pods are looked at in depth as
// Pods, not again in each template.
void collect(const api::Type& type, const Spot& at, std::set<const api::Type*>& open,
             std::vector<Spot>& out) {
  if (!open.insert(&type).second) return;
  for (const api::Field* field : type.members) {
    Spot spot{at.before + "{\"" + std::string(field->name) + "\":", "}" + at.after,
              at.top.empty() ? std::string(field->name) : at.top};
    out.push_back(spot);
    if (field->scalar != api::Scalar::kStruct) continue;
    if (field->shape == api::Shape::kList) {
      spot.before += "[";
      spot.after.insert(0, "]");
    } else if (field->shape == api::Shape::kMap) {
      spot.before += "{\"k\":";
      spot.after.insert(0, "}");
    }
    collect(*field->type, spot, open, out);
  }
  open.erase(&type);
}

const api::Type* type_named(std::string_view name) {
  const api::Type* type = api::find_type(name);
  REQUIRE(type != nullptr);
  return type;
}

std::vector<Spot> spots_of(const api::Type& type, bool with_metadata, bool with_pod_spec) {
  std::set<const api::Type*> open;
  if (!with_metadata) open.insert(type_named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"));
  if (!with_pod_spec) open.insert(type_named("io.k8s.api.core.v1.PodSpec"));
  std::vector<Spot> spots;
  collect(type, {}, open, spots);
  return spots;
}

class Assault {
 public:
  Assault(ApiHarness& api, const Resource& row)
      : api_(api), row_(row), base_(base_of(row)), collection_(path_of(row)) {}

  void run() {
    const api::Kind* kind = api::find_kind(row_.group, row_.version, row_.kind);
    REQUIRE(kind != nullptr);
    bool pod = row_.plural == "pods";
    bool stored = row_.verbs.size() > 1;
    if (stored) renew();
    for (const Spot& spot :
         spots_of(*kind->type, pod || row_.plural == "configmaps" || !stored, pod)) {
      for (const char* value : kValues) {
        const std::string change = spot.before + value + spot.after;
        INFO(change);
        bool decodes = create(change, stored);
        if (!stored) continue;
        send("PATCH", object(), change, "merge-patch+json");
        if (decodes) modify(spot, change);
      }
    }
  }

 private:
  static std::string_view base_of(const Resource& row) {
    for (const Base& base : kBases) {
      if (base.group == row.group && base.plural == row.plural) return base.object;
    }
    FAIL("a base object is missing here for " << row.plural << "." << row.group);
    return {};
  }
  static std::string path_of(const Resource& row) {
    std::string path = row.group.empty() ? "/api/" : "/apis/" + std::string(row.group) + "/";
    path += row.version;
    if (row.namespaced) path += "/namespaces/default";
    return path + "/" + std::string(row.plural);
  }

  std::string object() const { return collection_ + "/there"; }

  std::string body(const std::string& name, const std::string& change) const {
    std::string named = laid_over(base_, R"({"metadata":{"name":")" + name + "\"}}");
    return change == "{}" ? named : laid_over(named, change);
  }

  Answer send(const char* method, const std::string& path, std::string body, const char* type) {
    INFO(method << " " << path << " as " << type << ": " << body);
    Answer answer = api_.ask(
        {method, path, std::move(body), {{"Content-Type", std::string("application/") + type}}});
    INFO(answer.body);
    bool fine = answer.status >= 200 && answer.status < 500;
    CHECK(fine);
    if (answer.status >= 400) CHECK(answer.at("kind") == "Status");
    return answer;
  }
  bool changes(const char* method, const std::string& path, std::string body, const char* type) {
    return send(method, path, std::move(body), type).status == 200;
  }

  // Answers whether the body could be decoded.
  bool create(const std::string& change, bool stored) {
    Answer answer = send("POST", collection_, body("made", change), "json");
    if (answer.status == 201 && stored) {
      const std::string made = collection_ + "/" + answer.at("metadata.name");
      show(made);
      remove(made);
    }
    return answer.status != 400;
  }

  void modify(const Spot& spot, const std::string& change) {
    bool changed = changes("PUT", object(), body("there", change), "json");
    if (changed) show(object());
    changed |= changes("PATCH", object(), change, "strategic-merge-patch+json");
    Result<api::Json> parsed = api::parse_json(body("there", change));
    REQUIRE(parsed.ok());
    const api::Value* top = api::find(parsed.value().root(), spot.top);
    REQUIRE(top != nullptr);
    changed |= changes(
        "PATCH", object(),
        R"([{"op":"add","path":"/)" + spot.top + R"(","value":)" + api::to_text(*top) + "}]",
        "json-patch+json");
    for (std::string_view subresource : row_.subresources) {
      if (subresource != "status") continue;
      changed |= changes("PUT", object() + "/status", body("there", change), "json");
      changed |= changes("PATCH", object() + "/status", change, "merge-patch+json");
      show(object());
    }
    if (changed) renew();
  }

  // Printers and other forms see the odd value as well.
  void show(const std::string& path) {
    for (const char* accept : {"application/json;as=Table;v=v1;g=meta.k8s.io",
                               "application/vnd.kubernetes.protobuf", "application/yaml"}) {
      Answer answer = api_.ask({"GET", path, "", {{"Accept", accept}}});
      INFO(accept << ": " << answer.body);
      CHECK(answer.status == 200);
    }
  }

  void remove(const std::string& path) {
    api_.patch(path, R"({"metadata":{"finalizers":null}})");
    api_.remove(path, R"({"gracePeriodSeconds":0})");
    if (row_.plural == "namespaces") {
      api_.put(path + "/finalize",
               R"({"metadata":{"name":")" + path.substr(path.rfind('/') + 1) + "\"}}");
    }
  }

  void renew() {
    remove(object());
    REQUIRE(api_.post(collection_, body("there", "{}")).status == 201);
  }

  ApiHarness& api_;
  const Resource& row_;
  const std::string_view base_;
  const std::string collection_;
};

}  // namespace

TEST_CASE("hostile values: every field of every kind, by every verb") {
  for (const Resource& row : all_resources()) {
    DYNAMIC_SECTION(row.plural << "." << row.group) {
      ApiHarness api;
      REQUIRE(api.started().ok());
      Assault(api, row).run();
    }
  }
}

// Bodies of subresources and of deletions, which are kinds of their own.
TEST_CASE("hostile values: subresources and options") {
  struct Row {
    const char *method, *path, *type, *base;
  };
  const Row rows[] = {
      {"POST", "/api/v1/namespaces/default/pods/there/eviction", "io.k8s.api.policy.v1.Eviction",
       "{'metadata':{'name':'there'}}"},
      {"POST", "/api/v1/namespaces/default/pods/there/binding", "io.k8s.api.core.v1.Binding",
       "{'metadata':{'name':'there'},'target':{'name':'n'}}"},
      {"PUT", "/api/v1/namespaces/default/pods/there/ephemeralcontainers", "io.k8s.api.core.v1.Pod",
       "{'metadata':{'name':'there'},'spec':{'ephemeralContainers':[{'name':'e','image':'i'}]}}"},
      {"POST", "/api/v1/namespaces/default/serviceaccounts/default/token",
       "io.k8s.api.authentication.v1.TokenRequest", "{'spec':{'audiences':['a']}}"},
      {"PUT", "/apis/apps/v1/namespaces/default/deployments/there/scale",
       "io.k8s.api.autoscaling.v1.Scale", "{'metadata':{'name':'there'},'spec':{'replicas':1}}"},
      {"PATCH", "/apis/apps/v1/namespaces/default/deployments/there/scale",
       "io.k8s.api.autoscaling.v1.Scale", "{'spec':{'replicas':1}}"},
      {"PUT", "/api/v1/namespaces/default/finalize", "io.k8s.api.core.v1.Namespace",
       "{'metadata':{'name':'default'}}"},
      {"DELETE", "/api/v1/namespaces/default/pods/there",
       "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", "{'gracePeriodSeconds':0}"},
      {"DELETE", "/api/v1/namespaces/default/configmaps",
       "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", "{}"},
  };
  const std::string pod = R"({"metadata":{"name":"there"},"spec":{"containers":[{"name":"c",)"
                          R"("image":"i"}]}})";
  const std::string deployment =
      R"({"metadata":{"name":"there"},"spec":{"selector":{"matchLabels":{"a":"b"}},)"
      R"("template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c",)"
      R"("image":"i"}]}}}})";
  apiserver::Options options = ApiHarness::default_options();
  options.service_account_key_pem = std::move(net::make_ca("test", system_clock())).value().key_pem;
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.method << " " << row.path) {
      ApiHarness api(options);
      REQUIRE(api.started().ok());
      REQUIRE(api.post("/apis/apps/v1/namespaces/default/deployments", deployment).status == 201);
      for (const Spot& spot : spots_of(*type_named(row.type), true, false)) {
        for (const char* value : kValues) {
          api.post("/api/v1/namespaces/default/pods", pod);  // there already, or gone by the last
          const std::string body = laid_over(row.base, spot.before + value + spot.after);
          INFO(body);
          const std::string type = std::string(row.method) == "PATCH" ? "application/merge-patch"
                                                                        "+json"
                                                                      : "application/json";
          Answer answer = api.ask({row.method, row.path, body, {{"Content-Type", type}}});
          INFO(answer.body);
          bool fine = answer.status >= 200 && answer.status < 500;
          CHECK(fine);
        }
      }
    }
  }
}

// What a strategic merge patch may say beyond fields.
TEST_CASE("hostile values: directives of patches") {
  ApiHarness api;
  REQUIRE(api.started().ok());
  const std::string pods = "/api/v1/namespaces/default/pods";
  REQUIRE(api.post(pods, R"({"metadata":{"name":"p","finalizers":["a.b/c"]},"spec":{"containers":)"
                         R"([{"name":"c","image":"i"}]}})")
              .status == 201);
  const char* directives[] = {"\"$patch\"",
                              "\"$retainKeys\"",
                              "\"$setElementOrder/containers\"",
                              "\"$setElementOrder/nothing\"",
                              "\"$setElementOrder/\"",
                              "\"$deleteFromPrimitiveList/finalizers\"",
                              "\"$deleteFromPrimitiveList/containers\"",
                              "\"$deleteFromPrimitiveList/\"",
                              "\"$unknown\""};
  const std::pair<const char*, const char*> places[] = {
      {"{", "}"},
      {R"({"metadata":{)", "}}"},
      {R"({"spec":{)", "}}"},
      {R"({"spec":{"containers":[{)", "}]}}"},
      {R"({"spec":{"containers":[{"name":"c",)", "}]}}"},
      {R"({"spec":{"containers":[{"name":null,)", "}]}}"},
      {R"({"spec":{"containers":[{"name":7,)", "}]}}"}};
  for (const char* directive : directives) {
    for (const auto& [before, after] : places) {
      for (const char* value : kValues) {
        const std::string body = std::string(before) + directive + ":" + value + after;
        INFO(body);
        Answer answer = api.patch(pods + "/p?dryRun=All", body, "strategic-merge-patch");
        INFO(answer.body);
        bool fine = answer.status >= 200 && answer.status < 500;
        CHECK(fine);
      }
    }
  }
  const char* operations[] = {"add", "remove", "replace", "move", "copy", "test", "", "x"};
  const char* paths[] = {"null",
                         "\"\"",
                         "\"/\"",
                         "\"x\"",
                         "1",
                         "\"/spec/containers/-\"",
                         "\"/spec/containers/9\"",
                         "\"/spec/containers/-1\"",
                         "\"/metadata/labels/a\"",
                         "\"/~2\"",
                         "\"/spec/containers/01\""};
  for (const char* operation : operations) {
    for (const char* path : paths) {
      for (const char* value : kValues) {
        const std::string body = std::string(R"([{"op":")") + operation + R"(","path":)" + path +
                                 R"(,"from":)" + path + R"(,"value":)" + value + "}]";
        INFO(body);
        Answer answer = api.patch(pods + "/p?dryRun=All", body, "json-patch");
        INFO(answer.body);
        bool fine = answer.status >= 200 && answer.status < 500;
        CHECK(fine);
      }
    }
  }
}

}  // namespace kist::apiserver::testing
