// Admission: what is refused, what is added, and that addresses and ports come back.
#include <catch2/catch.hpp>
#include <map>

#include "src/apiserver/admission/plugins.h"
#include "src/apiserver/registry/kinds/kinds.h"
#include "tests/unit/apiserver/kinds_testing.h"

namespace kist::apiserver::testing {
namespace {

class FakeReader : public ObjectReader {
 public:
  FakeReader() {
    put("namespaces", "", "default", "{'metadata':{'name':'default'}}");
    put("namespaces", "", "going",
        "{'metadata':{'name':'going','deletionTimestamp':'2023-11-14T22:13:20Z'}}");
    put("serviceaccounts", "default", "default", "{'metadata':{'name':'default'}}");
    put("serviceaccounts", "default", "quiet", "{'automountServiceAccountToken':false}");
  }
  void put(std::string resource, std::string ns, std::string name, std::string_view text) {
    objects_[resource + "/" + ns + "/" + name] = api::to_text(json(text).root());
  }
  Result<Slice> get(std::string_view, std::string_view resource, std::string_view ns,
                    std::string_view name) override {
    auto found =
        objects_.find(std::string(resource) + "/" + std::string(ns) + "/" + std::string(name));
    if (found == objects_.end()) return Error{Code::kNotFound, "not found"};
    return Slice::of(found->second);
  }
  std::vector<Slice> list(std::string_view, std::string_view resource) override {
    std::vector<Slice> out;
    for (const auto& [key, text] : objects_) {
      if (key.starts_with(std::string(resource) + "/")) out.push_back(Slice::of(text));
    }
    return out;
  }

 private:
  std::map<std::string, std::string> objects_;
};

// A /28 has 14 addresses, and four ports: small enough to run out.
struct Fixture {
  FakeReader reader;
  std::unique_ptr<Admission> admission = Admission::create({"10.43.0.0/28", 30000, 30003}).value();

  Result<Reservation> admit(Operation operation, std::string_view resource, std::string_view name,
                            api::Json& object, const api::Value* old = nullptr,
                            std::string_view ns = "default") {
    if (resource == "services") kServiceStrategy.set_defaults(object.root(), object.allocator());
    Attributes attributes{.operation = operation,
                          .resource = resource,
                          .namespace_name = ns,
                          .name = name,
                          .old = old};
    return admission->admit(attributes, object.root(), object.allocator(), reader);
  }
};

TEST_CASE("namespaces that are missing, leaving or immortal") {
  struct Row {
    const char* name;
    Operation operation;
    const char *resource, *ns, *object, *want;
  };
  const Row rows[] = {
      {"fine", Operation::kCreate, "configmaps", "default", "x", ""},
      {"missing", Operation::kCreate, "configmaps", "nope", "x", "namespaces \"nope\" not found"},
      {"terminating", Operation::kCreate, "configmaps", "going", "x",
       "configmaps \"x\" is forbidden: unable to create new content in namespace going because it "
       "is being terminated"},
      {"update while terminating", Operation::kUpdate, "configmaps", "going", "x", ""},
      {"delete default", Operation::kDelete, "namespaces", "", "default",
       "namespaces \"default\" is forbidden: this namespace may not be deleted"},
      {"delete another", Operation::kDelete, "namespaces", "", "x", ""},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Fixture f;
      api::Json object = json("{}");
      auto result = f.admit(row.operation, row.resource, row.object, object, nullptr, row.ns);
      CHECK((result.ok() ? "" : result.error().message) == row.want);
    }
  }
}

TEST_CASE("a terminating namespace says so as a cause") {
  Fixture f;
  api::Json object = json("{}");
  auto result = f.admit(Operation::kCreate, "configmaps", "x", object, nullptr, "going");
  REQUIRE_FALSE(result.ok());
  REQUIRE(result.error().causes.size() == 1);
  CHECK(result.error().causes[0].reason == "NamespaceTerminating");
}

constexpr const char* kPod = "{'spec':{'containers':[{'name':'c','image':'a'}]}}";

TEST_CASE("pods get an account, a token, tolerations and a priority") {
  Fixture f;
  api::Json pod = json(kPod);
  REQUIRE(f.admit(Operation::kCreate, "pods", "p", pod).ok());
  CHECK(value_at(pod.root(), "spec.serviceAccountName") == "\"default\"");
  CHECK(value_at(pod.root(), "spec.volumes[0].name").starts_with("\"kube-api-access-"));
  CHECK(value_at(pod.root(), "spec.volumes[0].projected.sources[0].serviceAccountToken") ==
        "{\"expirationSeconds\":3607,\"path\":\"token\"}");
  CHECK(value_at(pod.root(), "spec.containers[0].volumeMounts[0].mountPath") ==
        "\"/var/run/secrets/kubernetes.io/serviceaccount\"");
  CHECK(value_at(pod.root(), "spec.tolerations[1]") ==
        "{\"key\":\"node.kubernetes.io/unreachable\",\"operator\":\"Exists\",\"effect\":"
        "\"NoExecute\",\"tolerationSeconds\":300}");
  CHECK(value_at(pod.root(), "spec.priority") == "0");
  CHECK(value_at(pod.root(), "spec.preemptionPolicy") == "\"PreemptLowerPriority\"");
}

TEST_CASE("pods that are refused or left alone") {
  struct Row {
    const char *name, *change, *want, *path, *value;
  };
  const Row rows[] = {
      {"missing account", "{'spec':{'serviceAccountName':'x'}}",
       "pods \"p\" is forbidden: error looking up service account default/x: serviceaccount \"x\" "
       "not found",
       "", ""},
      {"unknown class", "{'spec':{'priorityClassName':'gold'}}",
       "pods \"p\" is forbidden: no PriorityClass with name gold was found", "", ""},
      {"system class", "{'spec':{'priorityClassName':'system-node-critical'}}", "", "spec.priority",
       "2000001000"},
      {"own priority", "{'spec':{'priority':7}}",
       "pods \"p\" is forbidden: the integer value of priority (7) must not be provided in pod "
       "spec; priority admission controller computed 0 from the given PriorityClass name",
       "", ""},
      {"no token by account", "{'spec':{'serviceAccountName':'quiet'}}", "", "spec.volumes", ""},
      {"no token by pod", "{'spec':{'automountServiceAccountToken':false}}", "", "spec.volumes",
       ""},
      {"tolerates all", "{'spec':{'tolerations':[{'operator':'Exists'}]}}", "", "spec.tolerations",
       "[{\"operator\":\"Exists\"}]"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      Fixture f;
      api::Json pod = merged(kPod, row.change);
      auto result = f.admit(Operation::kCreate, "pods", "p", pod);
      CHECK((result.ok() ? "" : result.error().message) == row.want);
      if (result.ok()) CHECK(value_at(pod.root(), row.path) == row.value);
    }
  }
}

constexpr const char* kService = "{'spec':{'ports':[{'port':80}],'selector':{'a':'b'}}}";

TEST_CASE("a service gets an address and families") {
  Fixture f;
  api::Json service = json(kService);
  auto reservation = f.admit(Operation::kCreate, "services", "s", service);
  REQUIRE(reservation.ok());
  CHECK(value_at(service.root(), "spec.clusterIP").starts_with("\"10.43.0."));
  CHECK(value_at(service.root(), "spec.clusterIPs[0]") ==
        value_at(service.root(), "spec.clusterIP"));
  CHECK(value_at(service.root(), "spec.ipFamilies") == "[\"IPv4\"]");
  CHECK(value_at(service.root(), "spec.ipFamilyPolicy") == "\"SingleStack\"");
}

TEST_CASE("addresses and ports are held, refused and given back") {
  Fixture f;
  constexpr const char* kFixed = R"({'spec':{'type':'NodePort','clusterIP':'10.43.0.3',
    'ports':[{'port':80,'nodePort':30001}]}})";
  api::Json first = json(kFixed);
  {
    auto dropped = f.admit(Operation::kCreate, "services", "s", first);
    REQUIRE(dropped.ok());  // not kept: the write failed
  }
  auto kept = f.admit(Operation::kCreate, "services", "s", first);
  REQUIRE(kept.ok());
  kept.value().keep();

  api::Json second = json(kFixed);
  auto refused = f.admit(Operation::kCreate, "services", "t", second);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::kInvalid);
  CHECK(refused.error().message ==
        "[spec.clusterIPs: Invalid value: [\"10.43.0.3\"]: failed to allocate IP 10.43.0.3: "
        "provided IP is already allocated, spec.ports[0].nodePort: Invalid value: 30001: provided "
        "port is already allocated]");

  SECTION("deletion frees them") {
    api::Json gone = json(api::to_text(first.root()));
    auto deleted = f.admit(Operation::kDelete, "services", "s", gone, &first.root());
    REQUIRE(deleted.ok());
    deleted.value().keep();
    api::Json again = json(kFixed);
    CHECK(f.admit(Operation::kCreate, "services", "t", again).ok());
  }
  SECTION("an update without them keeps them") {
    api::Json next = json("{'spec':{'type':'NodePort','ports':[{'port':80}]}}");
    REQUIRE(f.admit(Operation::kUpdate, "services", "s", next, &first.root()).ok());
    CHECK(value_at(next.root(), "spec.clusterIP") == "\"10.43.0.3\"");
    CHECK(value_at(next.root(), "spec.ports[0].nodePort") == "30001");
  }
  SECTION("another type frees the port only") {
    api::Json next = merged(kFixed, "{'spec':{'type':'ClusterIP','ports':[{'port':80}]}}");
    auto changed = f.admit(Operation::kUpdate, "services", "s", next, &first.root());
    REQUIRE(changed.ok());
    changed.value().keep();
    api::Json other = json("{'spec':{'type':'NodePort','ports':[{'port':1,'nodePort':30001}]}}");
    CHECK(f.admit(Operation::kCreate, "services", "t", other).ok());
  }
  SECTION("a rebuilt server knows what is held") {
    Fixture again;
    again.reader.put("services", "default", "s", api::to_text(first.root()));
    again.admission->rebuild(again.reader);
    api::Json third = json(kFixed);
    CHECK_FALSE(again.admit(Operation::kCreate, "services", "t", third).ok());
  }
}

TEST_CASE("what is outside the ranges, and ranges that are full") {
  Fixture f;
  api::Json outside = json("{'spec':{'clusterIP':'10.99.0.1','ports':[{'port':80}]}}");
  auto refused = f.admit(Operation::kCreate, "services", "s", outside);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message ==
        "spec.clusterIPs: Invalid value: [\"10.99.0.1\"]: failed to allocate IP 10.99.0.1: the "
        "provided IP (10.99.0.1) is not in the valid range. The range of valid IPs is "
        "10.43.0.0/28");

  std::vector<Reservation> held;
  for (int i = 0; i < 14; ++i) {
    api::Json service = json(kService);
    auto taken = f.admit(Operation::kCreate, "services", "s", service);
    REQUIRE(taken.ok());
    held.push_back(std::move(taken).value());
  }
  api::Json service = json(kService);
  auto full = f.admit(Operation::kCreate, "services", "s", service);
  REQUIRE_FALSE(full.ok());
  held.pop_back();
  CHECK(f.admit(Operation::kCreate, "services", "s", service).ok());
}

TEST_CASE("headless services hold nothing") {
  Fixture f;
  api::Json service = json("{'spec':{'clusterIP':'None'}}");
  REQUIRE(f.admit(Operation::kCreate, "services", "s", service).ok());
  CHECK(value_at(service.root(), "spec.clusterIPs") == "[\"None\"]");
  CHECK(value_at(service.root(), "spec.ipFamilyPolicy") == "\"RequireDualStack\"");
}

}  // namespace
}  // namespace kist::apiserver::testing
