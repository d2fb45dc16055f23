// canonicalize and the declared defaults, in Go's words and Go's order.
#include "kist/api/codec.h"

#include <catch2/catch.hpp>

using namespace kist;
using namespace kist::api;

namespace {

const Type& type_of(std::string_view group, std::string_view version, std::string_view kind) {
  const Kind* found = find_kind(group, version, kind);
  REQUIRE(found != nullptr);
  return *found->type;
}

struct Outcome {
  std::string text, error;
  std::vector<std::string> unknown;
};

Outcome canonical(const Type& type, std::string_view text) {
  auto parsed = parse_json(text);
  REQUIRE(parsed.ok());
  Json json = std::move(parsed).value();
  Outcome outcome;
  auto result = canonicalize(type, json.root(), json.allocator(), &outcome.unknown);
  if (result.ok()) {
    outcome.text = to_text(json.root());
  } else {
    outcome.error = result.error().message;
    CHECK(result.error().code == Code::kBadRequest);
  }
  return outcome;
}

}  // namespace

TEST_CASE("canonical form") {
  struct Case {
    const char *name, *group, *version, *kind, *in, *out;
  };
  const Case cases[] = {
      {"order, status and creationTimestamp", "", "v1", "Namespace",
       R"({"metadata":{"name":"x"},"apiVersion":"v1","kind":"Namespace"})",
       R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":"x","creationTimestamp":null},"spec":{},"status":{}})"},
      {"empty deployment: what Go always writes", "apps", "v1", "Deployment", "{}",
       R"({"metadata":{"creationTimestamp":null},"spec":{"selector":null,"template":{"metadata":{"creationTimestamp":null},"spec":{"containers":null}},"strategy":{}},"status":{}})"},
      {"nulls dropped, zero pointers kept, zero values left out", "apps", "v1", "ReplicaSet",
       R"({"spec":{"replicas":0,"minReadySeconds":0,"selector":{},"template":null}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"replicas":0,"selector":{},"template":{"metadata":{"creationTimestamp":null},"spec":{"containers":null}}},"status":{"replicas":0}})"},
      {"maps sorted, null values are empty", "", "v1", "ConfigMap",
       R"({"data":{"b":"2","a":null,"B":"1"},"binaryData":{"x":"YQ=="}})",
       R"({"metadata":{"creationTimestamp":null},"data":{"B":"1","a":"","b":"2"},"binaryData":{"x":"YQ=="}})"},
      {"empty lists and maps left out", "", "v1", "Pod",
       R"({"metadata":{"labels":{},"finalizers":[]},"spec":{"containers":[],"volumes":[]}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"containers":[]},"status":{}})"},
      {"inline structs", "", "v1", "Pod",
       R"({"spec":{"containers":[{"name":"c","livenessProbe":{"periodSeconds":3,"httpGet":{"port":80}}}],"volumes":[{"emptyDir":{},"name":"v"}]}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"volumes":[{"name":"v","emptyDir":{}}],"containers":[{"name":"c","resources":{},"livenessProbe":{"httpGet":{"port":80},"periodSeconds":3}}]},"status":{}})"},
      {"int or string", "", "v1", "Service",
       R"({"spec":{"ports":[{"port":80},{"port":1,"targetPort":"web"}]}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"ports":[{"port":80,"targetPort":0},{"port":1,"targetPort":"web"}]},"status":{"loadBalancer":{}}})"},
      {"times in UTC", "", "v1", "Event",
       R"({"eventTime":"2026-01-02T03:04:05.5+01:00","firstTimestamp":"2026-01-02T03:04:05.9Z","involvedObject":{}})",
       R"({"metadata":{"creationTimestamp":null},"involvedObject":{},"source":{},"firstTimestamp":"2026-01-02T03:04:05Z","lastTimestamp":null,"eventTime":"2026-01-02T02:04:05.500000Z","reportingComponent":"","reportingInstance":""})"},
      {"Go's zero time is null", "", "v1", "ConfigMap",
       R"({"metadata":{"creationTimestamp":"0001-01-01T00:00:00Z"}})",
       R"({"metadata":{"creationTimestamp":null}})"},
      {"base64 without line ends", "", "v1", "Secret", R"({"data":{"a":"aGVs\nbG8="}})",
       R"({"metadata":{"creationTimestamp":null},"data":{"a":"aGVsbG8="}})"},
      {"any JSON", "apps", "v1", "ControllerRevision",
       R"({"data":{"z":1,"a":[null]},"revision":3})",
       R"({"metadata":{"creationTimestamp":null},"data":{"z":1,"a":[null]},"revision":3})"},
      {"quantities", "", "v1", "Node",
       R"({"status":{"capacity":{"cpu":2,"memory":"2048Mi","x":"1000m","y":0.5}}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{},"status":{"capacity":{"cpu":"2","memory":"2Gi","x":"1","y":"500m"},"daemonEndpoints":{"kubeletEndpoint":{"Port":0}},"nodeInfo":{"machineID":"","systemUUID":"","bootID":"","kernelVersion":"","osImage":"","containerRuntimeVersion":"","kubeletVersion":"","kubeProxyVersion":"","operatingSystem":"","architecture":""}}})"},
      {"null items", "", "v1", "Pod", R"({"spec":{"containers":[null],"nodeSelector":{"a":null}}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"containers":[{"name":"","resources":{}}],"nodeSelector":{"a":""}},"status":{}})"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    const Type& type = type_of(each.group, each.version, each.kind);
    Outcome outcome = canonical(type, each.in);
    CHECK(outcome.error == "");
    CHECK(outcome.text == each.out);
    CHECK(canonical(type, outcome.text).text == outcome.text);  // once is enough
  }
}

TEST_CASE("type errors in the words of Go's decoder") {
  struct Case {
    const char *name, *group, *version, *kind, *in, *error;
  };
  const Case cases[] = {
      {"string for int32", "apps", "v1", "Deployment", R"({"spec":{"replicas":"3"}})",
       "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type "
       "int32"},
      {"lists count no index", "", "v1", "Pod",
       R"({"spec":{"containers":[{"ports":[{"containerPort":"x"}]}]}})",
       "json: cannot unmarshal string into Go struct field "
       "ContainerPort.spec.containers.ports.containerPort of type int32"},
      {"number in labels", "", "v1", "Pod", R"({"metadata":{"labels":{"a":1}}})",
       "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type "
       "string"},
      {"object for list", "", "v1", "Pod", R"({"spec":{"containers":{}}})",
       "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type "
       "[]v1.Container"},
      {"list for object", "", "v1", "Pod", R"({"spec":[]})",
       "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"},
      {"named string", "", "v1", "Pod", R"({"spec":{"restartPolicy":true}})",
       "json: cannot unmarshal bool into Go struct field PodSpec.spec.restartPolicy of type "
       "v1.RestartPolicy"},
      {"beyond int32", "apps", "v1", "Deployment", R"({"spec":{"replicas":2147483648}})",
       "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas "
       "of "
       "type int32"},
      {"fraction for an integer", "apps", "v1", "Deployment", R"({"spec":{"replicas":1.5}})",
       "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of "
       "type "
       "int32"},
      {"string map", "", "v1", "ConfigMap", R"({"data":"x"})",
       "json: cannot unmarshal string into Go struct field ConfigMap.data of type "
       "map[string]string"},
      {"inline member", "", "v1", "Pod", R"({"kind":5})",
       "json: cannot unmarshal number into Go struct field Pod.kind of type string"},
      {"not an object", "", "v1", "Pod", "[]",
       "json: cannot unmarshal array into Go value of type v1.Pod"},
      {"base64", "", "v1", "Secret", R"({"data":{"a":"a?=="}})",
       "illegal base64 data at input byte 1"},
      {"time", "", "v1", "Pod", R"({"metadata":{"deletionTimestamp":"soon"}})",
       R"(parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006")"},
      {"day out of range", "", "v1", "Pod",
       R"({"metadata":{"deletionTimestamp":"2025-02-29T00:00:00Z"}})",
       R"(parsing time "2025-02-29T00:00:00Z": day out of range)"},
      {"quantity", "", "v1", "Node", R"({"status":{"capacity":{"cpu":"two"}}})",
       "quantities must match the regular expression "
       "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"},
      {"the first in the text counts", "apps", "v1", "Deployment",
       R"({"spec":{"paused":1,"replicas":"x"}})",
       "json: cannot unmarshal number into Go struct field DeploymentSpec.spec.paused of type "
       "bool"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    CHECK(canonical(type_of(each.group, each.version, each.kind), each.in).error == each.error);
  }
}

TEST_CASE("unknown fields are pruned and told") {
  Outcome outcome = canonical(
      type_of("apps", "v1", "Deployment"),
      R"({"spec":{"replica":3,"Replicas":1,"template":{"spec":{"containers":[{},{"imge":"x"}]}}}})");
  CHECK(outcome.unknown == std::vector<std::string>{
                               "unknown field \"spec.replica\"", "unknown field \"spec.Replicas\"",
                               "unknown field \"spec.template.spec.containers[1].imge\""});
  CHECK(outcome.text.find("imge") == std::string::npos);
}

TEST_CASE("a key twice in a value that no parser made") {
  Json json;
  json.root().SetObject();
  for (int i = 0; i < 2; ++i) {
    Value kind("Pod", json.allocator());
    json.root().AddMember("kind", kind, json.allocator());
  }
  REQUIRE(canonicalize(type_of("", "v1", "Pod"), json.root(), json.allocator(), nullptr).ok());
  CHECK(
      to_text(json.root()) ==
      R"({"kind":"Pod","metadata":{"creationTimestamp":null},"spec":{"containers":null},"status":{}})");
}

TEST_CASE("what Go adds is bounded") {
  for (const char* item : {"{},", "null,"}) {
    std::string text = R"({"spec":{"containers":[)";
    for (int i = 0; i < 600000; ++i) text += item;
    text.back() = ']';
    CHECK(parse_json(text + "}}").ok());
    Json json = parse_json(text + "}}").value();
    auto result = canonicalize(type_of("", "v1", "Pod"), json.root(), json.allocator(), nullptr);
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().code == Code::kTooLarge);
  }
}

TEST_CASE("declared defaults") {
  struct Case {
    const char *name, *group, *version, *kind, *in, *out;
  };
  const Case cases[] = {
      {"deployment", "apps", "v1", "Deployment",
       R"({"spec":{"replicas":0,"selector":{},"template":{"spec":{"containers":[{"name":"c","ports":[{"containerPort":80}],"readinessProbe":{"exec":{}}}]}}}})",
       R"({"metadata":{"creationTimestamp":null},"spec":{"replicas":0,"selector":{},"template":{"metadata":{"creationTimestamp":null},"spec":{"containers":[{"name":"c","ports":[{"containerPort":80,"protocol":"TCP"}],"resources":{},"readinessProbe":{"exec":{},"timeoutSeconds":1,"periodSeconds":10,"successThreshold":1,"failureThreshold":3},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler"}},"strategy":{"type":"RollingUpdate"},"revisionHistoryLimit":10,"progressDeadlineSeconds":600},"status":{}})"},
      {"what is set stays", "", "v1", "Secret", R"({"type":"x/y"})",
       R"({"metadata":{"creationTimestamp":null},"type":"x/y"})"},
      {"secret", "", "v1", "Secret", "{}",
       R"({"metadata":{"creationTimestamp":null},"type":"Opaque"})"},
  };
  for (const Case& each : cases) {
    INFO(each.name);
    const Type& type = type_of(each.group, each.version, each.kind);
    Json json = parse_json(each.in).value();
    REQUIRE(canonicalize(type, json.root(), json.allocator(), nullptr).ok());
    apply_declared_defaults(type, json.root(), json.allocator());
    CHECK(to_text(json.root()) == each.out);
  }
}
