// Services, workloads, ConfigMaps, Secrets and the rest: one row for each rule.
#include <algorithm>
#include <catch2/catch.hpp>

#include "src/apiserver/registry/kinds/kinds.h"
#include "tests/unit/apiserver/kinds_testing.h"

namespace kist::apiserver::testing {
namespace {

constexpr const char* kService = R"({'metadata':{'name':'web','namespace':'default'},
  'spec':{'selector':{'a':'b'},'ports':[{'port':80}],'clusterIP':'10.43.0.9',
  'clusterIPs':['10.43.0.9']}})";
constexpr const char* kDeployment = R"({'metadata':{'name':'web','namespace':'default'},
  'spec':{'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}},
  'spec':{'containers':[{'name':'c','image':'nginx:1'}]}}}})";
constexpr const char* kConfigMap = R"({'metadata':{'name':'c','namespace':'default'}})";

struct DefaultRow {
  const char* name;
  const Strategy* strategy;
  const char *base, *change, *path, *want;
};

TEST_CASE("defaults of other kinds") {
  const DefaultRow rows[] = {
      {"service type", &kServiceStrategy, kService, "{}", "spec.type", "\"ClusterIP\""},
      {"target port", &kServiceStrategy, kService, "{}", "spec.ports[0].targetPort", "80"},
      {"named target port", &kServiceStrategy, kService,
       "{'spec':{'ports':[{'port':80,'targetPort':'web'}]}}", "spec.ports[0].targetPort",
       "\"web\""},
      {"affinity", &kServiceStrategy, kService, "{}", "spec.sessionAffinity", "\"None\""},
      {"affinity seconds", &kServiceStrategy, kService, "{'spec':{'sessionAffinity':'ClientIP'}}",
       "spec.sessionAffinityConfig.clientIP.timeoutSeconds", "10800"},
      {"internal policy", &kServiceStrategy, kService, "{}", "spec.internalTrafficPolicy",
       "\"Cluster\""},
      {"no external policy", &kServiceStrategy, kService, "{}", "spec.externalTrafficPolicy", ""},
      {"external policy", &kServiceStrategy, kService, "{'spec':{'type':'NodePort'}}",
       "spec.externalTrafficPolicy", "\"Cluster\""},
      {"balancer node ports", &kServiceStrategy, kService, "{'spec':{'type':'LoadBalancer'}}",
       "spec.allocateLoadBalancerNodePorts", "true"},
      {"replicas", &kDeploymentStrategy, kDeployment, "{}", "spec.replicas", "1"},
      {"replicas of zero stay", &kDeploymentStrategy, kDeployment, "{'spec':{'replicas':0}}",
       "spec.replicas", "0"},
      {"surge", &kDeploymentStrategy, kDeployment, "{}", "spec.strategy.rollingUpdate",
       "{\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}"},
      {"recreate has no surge", &kDeploymentStrategy, kDeployment,
       "{'spec':{'strategy':{'type':'Recreate'}}}", "spec.strategy", "{\"type\":\"Recreate\"}"},
      {"history", &kDeploymentStrategy, kDeployment, "{}", "spec.revisionHistoryLimit", "10"},
      {"deadline", &kDeploymentStrategy, kDeployment, "{}", "spec.progressDeadlineSeconds", "600"},
      {"template", &kDeploymentStrategy, kDeployment, "{}", "spec.template.spec.schedulerName",
       "\"default-scheduler\""},
      {"templates have no service links", &kDeploymentStrategy, kDeployment, "{}",
       "spec.template.spec.enableServiceLinks", ""},
      {"secret type", &kSecretStrategy, kConfigMap, "{}", "type", "\"Opaque\""},
      {"string data", &kSecretStrategy, kConfigMap, "{'stringData':{'a':'hello'}}", "data.a",
       "\"aGVsbG8=\""},
      {"string data wins", &kSecretStrategy, kConfigMap,
       "{'data':{'a':'eA=='},'stringData':{'a':'hi'}}", "data.a", "\"aGk=\""},
      {"string data is gone", &kSecretStrategy, kConfigMap, "{'stringData':{'a':'hi'}}",
       "stringData", ""},
      {"endpoint protocol", &kEndpointsStrategy, kConfigMap, "{'subsets':[{'ports':[{'port':1}]}]}",
       "subsets[0].ports[0].protocol", "\"TCP\""},
      {"slice port name", &kEndpointSliceStrategy, kConfigMap, "{'ports':[{'port':1}]}",
       "ports[0].name", "\"\""},
      {"node allocatable", &kNodeStrategy, kConfigMap, "{'status':{'capacity':{'cpu':'1'}}}",
       "status.allocatable.cpu", "\"1\""},
      {"token seconds", &kTokenRequestStrategy, kConfigMap, "{}", "spec.expirationSeconds", "3600"},
  };
  for (const DefaultRow& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json object = merged(row.base, row.change);
      row.strategy->set_defaults(object.root(), object.allocator());
      CHECK(value_at(object.root(), row.path) == row.want);
    }
  }
}

TEST_CASE("nulls in lists and missing parts harm nobody") {
  for (const char* text : {"{}", "{'spec':{}}", "{'spec':{'ports':[null],'template':null}}",
                           "{'spec':{'containers':[null],'volumes':[null],'tolerations':[null]}}",
                           "{'spec':{'template':{'spec':{'containers':[null]}}},'subsets':[null],'"
                           "endpoints':[null]}"}) {
    for (const Resource& resource : all_resources()) {
      DYNAMIC_SECTION(text << resource.group << resource.plural) {
        api::Json object = json(text), old = json("{}");
        if (resource.strategy == nullptr) continue;
        create_errors(*resource.strategy, object);
        if (resource.strategy->prepare_create) {
          resource.strategy->prepare_create(object.root(), object.allocator());
        }
        update_errors(*resource.strategy, object, old);
        std::vector<std::string> out;
        if (resource.strategy->warnings) resource.strategy->warnings(object.root(), nullptr, out);
        if (resource.printer == nullptr) continue;
        api::Value cells(rapidjson::kArrayType);
        resource.printer->print(object.root(), 0, cells, object.allocator());
        CHECK(cells.Size() == resource.printer->columns.size());
      }
    }
  }
}

TEST_CASE("a namespace is made whole") {
  api::Json object = json("{'metadata':{'name':'x'}}");
  kNamespaceStrategy.set_defaults(object.root(), object.allocator());
  kNamespaceStrategy.prepare_create(object.root(), object.allocator());
  CHECK(value_at(object.root(), "metadata.labels") == "{\"kubernetes.io/metadata.name\":\"x\"}");
  CHECK(value_at(object.root(), "spec.finalizers") == "[\"kubernetes\"]");
  CHECK(value_at(object.root(), "status.phase") == "\"Active\"");
}

struct RuleRow {
  const char* name;
  const Strategy* strategy;
  const char *base, *change;
  std::vector<std::string> want;
};

void check_rules(const std::vector<RuleRow>& rows) {
  for (const RuleRow& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json object = merged(row.base, row.change);
      CHECK(create_errors(*row.strategy, object) == row.want);
    }
  }
}

TEST_CASE("service rules") {
  const Strategy* s = &kServiceStrategy;
  check_rules({
      {"a plain service", s, kService, "{}", {}},
      {"no ports", s, kService, "{'spec':{'ports':[]}}", {"spec.ports: Required value"}},
      {"headless needs no ports",
       s,
       kService,
       "{'spec':{'ports':[],'clusterIP':'None','clusterIPs':['None']}}",
       {}},
      {"two ports without names",
       s,
       kService,
       "{'spec':{'ports':[{'port':1},{'port':2}]}}",
       {"spec.ports[0].name: Required value", "spec.ports[1].name: Required value"}},
      {"the same port twice",
       s,
       kService,
       "{'spec':{'ports':[{'name':'a','port':80},{'name':'b','port':80}]}}",
       {"spec.ports[1]: Duplicate value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,"
        "\"Port\":80,\"TargetPort\":0,\"NodePort\":0}"}},
      {"the same node port twice",
       s,
       kService,
       "{'spec':{'type':'NodePort','ports':[{'name':'a','port':80,'nodePort':30000},{'name':'b',"
       "'port':81,'nodePort':30000}]}}",
       {"spec.ports[1].nodePort: Duplicate value: 30000"}},
      {"port of zero",
       s,
       kService,
       "{'spec':{'ports':[{'port':0,'targetPort':1}]}}",
       {"spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"}},
      {"unknown protocol",
       s,
       kService,
       "{'spec':{'ports':[{'port':1,'protocol':'FTP'}]}}",
       {"spec.ports[0].protocol: Unsupported value: \"FTP\": supported values: \"SCTP\", \"TCP\", "
        "\"UDP\""}},
      {"unknown type",
       s,
       kService,
       "{'spec':{'type':'Magic'}}",
       {"spec.type: Unsupported value: \"Magic\": supported values: \"ClusterIP\", "
        "\"ExternalName\", \"LoadBalancer\", \"NodePort\""}},
      {"node port of a ClusterIP",
       s,
       kService,
       "{'spec':{'ports':[{'port':1,'nodePort':30000}]}}",
       {"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"}},
      {"headless NodePort",
       s,
       kService,
       "{'spec':{'type':'NodePort','clusterIP':'None','clusterIPs':['None']}}",
       {"spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort "
        "services"}},
      {"external name without name",
       s,
       kService,
       "{'spec':{'type':'ExternalName','clusterIP':null,'clusterIPs':null}}",
       {"spec.externalName: Required value"}},
      {"affinity",
       s,
       kService,
       "{'spec':{'sessionAffinity':'Cookie'}}",
       {"spec.sessionAffinity: Unsupported value: \"Cookie\": supported values: \"ClientIP\", "
        "\"None\""}},
      {"external policy of a ClusterIP",
       s,
       kService,
       "{'spec':{'externalTrafficPolicy':'Local'}}",
       {"spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for "
        "externally-accessible services"}},
      {"source ranges",
       s,
       kService,
       "{'spec':{'loadBalancerSourceRanges':['10.0.0.0/8']}}",
       {"spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is "
        "'LoadBalancer'"}},
  });
}

TEST_CASE("workload rules") {
  const Strategy* d = &kDeploymentStrategy;
  check_rules({
      {"a plain deployment", d, kDeployment, "{}", {}},
      {"negative replicas",
       d,
       kDeployment,
       "{'spec':{'replicas':-1}}",
       {"spec.replicas: Invalid value: -1: must be greater than or equal to 0"}},
      {"no selector",
       d,
       kDeployment,
       "{'spec':{'selector':null}}",
       {"spec.selector: Required value"}},
      {"selector misses the template",
       d,
       kDeployment,
       "{'spec':{'selector':{'matchLabels':{'a':'c'}}}}",
       {"spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match "
        "template `labels`"}},
      {"restart policy",
       d,
       kDeployment,
       "{'spec':{'template':{'spec':{'restartPolicy':'Never'}}}}",
       {"spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
        "\"Always\""}},
      {"percentage",
       d,
       kDeployment,
       "{'spec':{'strategy':{'rollingUpdate':{'maxSurge':'many'}}}}",
       {"spec.strategy.rollingUpdate.maxSurge: Invalid value: \"many\": a valid percent string "
        "must "
        "be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
        "validation is '[0-9]+%')"}},
      {"no room to move",
       d,
       kDeployment,
       "{'spec':{'strategy':{'rollingUpdate':{'maxSurge':0,'maxUnavailable':'0%'}}}}",
       {"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when "
        "`maxSurge` is 0"}},
      {"recreate with surge",
       d,
       kDeployment,
       "{'spec':{'strategy':{'type':'Recreate','rollingUpdate':{}}}}",
       {"spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is "
        "'Recreate'"}},
      {"deadline too short",
       d,
       kDeployment,
       "{'spec':{'progressDeadlineSeconds':5,'minReadySeconds':5}}",
       {"spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds"}},
      {"replica set without image",
       &kReplicaSetStrategy,
       kDeployment,
       "{'spec':{'template':{'spec':{'containers':[{'name':'c'}]}}}}",
       {"spec.template.spec.containers[0].image: Required value"}},
      {"revision without data",
       &kControllerRevisionStrategy,
       kConfigMap,
       "{'revision':1}",
       {"data: Required value: data is mandatory"}},
      {"scale",
       &kScaleStrategy,
       kConfigMap,
       "{'spec':{'replicas':-1}}",
       {"spec.replicas: Invalid value: -1: must be greater than or equal to 0"}},
  });
}

TEST_CASE("rules of other kinds") {
  std::string big(1'100'000, 'x');
  std::string big_map = "{'data':{'a':'" + big + "'}}";
  check_rules({
      {"config map key",
       &kConfigMapStrategy,
       kConfigMap,
       "{'data':{'a/b':'x'}}",
       {"data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric "
        "characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used "
        "for validation is '[-._a-zA-Z0-9]+')"}},
      {"key in both",
       &kConfigMapStrategy,
       kConfigMap,
       "{'data':{'a':'x'},'binaryData':{'a':'eA=='}}",
       {"data[a]: Invalid value: \"a\": duplicate of key present in binaryData"}},
      {"too big",
       &kConfigMapStrategy,
       kConfigMap,
       big_map.c_str(),
       {": Too long: may not be more than 1048576 bytes"}},
      {"tls secret",
       &kSecretStrategy,
       kConfigMap,
       "{'type':'kubernetes.io/tls','data':{'tls.crt':''}}",
       {"data[tls.key]: Required value"}},
      {"docker secret",
       &kSecretStrategy,
       kConfigMap,
       "{'type':'kubernetes.io/dockerconfigjson'}",
       {"data[.dockerconfigjson]: Required value"}},
      {"endpoints without address",
       &kEndpointsStrategy,
       kConfigMap,
       "{'subsets':[{}]}",
       {"subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"}},
      {"loopback endpoint",
       &kEndpointsStrategy,
       kConfigMap,
       "{'subsets':[{'addresses':[{'ip':'127.0.0.1'}]}]}",
       {"subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback "
        "range "
        "(127.0.0.0/8, ::1/128)"}},
      {"slice without type",
       &kEndpointSliceStrategy,
       kConfigMap,
       "{'endpoints':[]}",
       {"addressType: Required value"}},
      {"slice endpoint without address",
       &kEndpointSliceStrategy,
       kConfigMap,
       "{'addressType':'IPv4','endpoints':[{'addresses':[]}]}",
       {"endpoints[0].addresses: Required value: must contain at least 1 address"}},
      {"event elsewhere",
       &kEventStrategy,
       kConfigMap,
       "{'involvedObject':{'namespace':'other'}}",
       {"involvedObject.namespace: Invalid value: \"other\": does not match event.namespace"}},
      {"lease of no length",
       &kLeaseStrategy,
       kConfigMap,
       "{'spec':{'leaseDurationSeconds':0}}",
       {"spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"}},
      {"taint effect",
       &kNodeStrategy,
       kConfigMap,
       "{'spec':{'taints':[{'key':'a','effect':'X'}]}}",
       {"spec.taints[0].effect: Unsupported value: \"X\": supported values: \"NoExecute\", "
        "\"NoSchedule\", \"PreferNoSchedule\""}},
      {"short token",
       &kTokenRequestStrategy,
       kConfigMap,
       "{'spec':{'expirationSeconds':1}}",
       {"spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 "
        "minutes"}},
      {"binding to a pod",
       &kBindingStrategy,
       kConfigMap,
       "{'target':{'kind':'Pod','name':'x'}}",
       {"target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\""}},
      {"access review of nothing",
       &kSelfSubjectAccessReviewStrategy,
       kConfigMap,
       "{'spec':{}}",
       {"spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
        "resourceAttributes must be specified"}},
  });
}

TEST_CASE("update rules of other kinds") {
  struct Row {
    const char* name;
    const Strategy* strategy;
    const char *base, *old, *next;
    std::vector<std::string> want;
  };
  const std::vector<Row> rows = {
      {"cluster IP moved",
       &kServiceStrategy,
       kService,
       "{}",
       "{'spec':{'clusterIP':'10.43.0.8','clusterIPs':['10.43.0.8']}}",
       {"spec.clusterIPs[0]: Invalid value: [\"10.43.0.8\"]: may not change once set"}},
      {"to ExternalName",
       &kServiceStrategy,
       kService,
       "{}",
       "{'spec':{'type':'ExternalName','externalName':'a.b'}}",
       {}},
      {"selector of a deployment",
       &kDeploymentStrategy,
       kDeployment,
       "{}",
       "{'spec':{'selector':{'matchLabels':{'x':'y'}},'template':{'metadata':{'labels':{'x':'y'}}}}"
       "}",
       {"spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"x\":\"y\"}}: field is "
        "immutable"}},
      {"immutable config map",
       &kConfigMapStrategy,
       kConfigMap,
       "{'immutable':true,'data':{'a':'b'}}",
       "{'immutable':true,'data':{'a':'c'}}",
       {"data: Forbidden: field is immutable when `immutable` is set"}},
      {"no longer immutable",
       &kConfigMapStrategy,
       kConfigMap,
       "{'immutable':true}",
       "{}",
       {"immutable: Forbidden: field is immutable when `immutable` is set"}},
      {"secret type",
       &kSecretStrategy,
       kConfigMap,
       "{'type':'a/b'}",
       "{'type':'c/d'}",
       {"type: Invalid value: \"c/d\": field is immutable"}},
      {"revision data",
       &kControllerRevisionStrategy,
       kConfigMap,
       "{'data':{'a':1}}",
       "{'data':{'a':2}}",
       {"data: Invalid value: {\"a\":2}: field is immutable"}},
      {"slice address type",
       &kEndpointSliceStrategy,
       kConfigMap,
       "{'addressType':'IPv4'}",
       "{'addressType':'FQDN'}",
       {"addressType: Invalid value: \"FQDN\": field is immutable"}},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json old = merged(row.base, row.old), next = merged(row.base, row.next);
      CHECK(update_errors(*row.strategy, next, old) == row.want);
    }
  }
}

TEST_CASE("events in both forms") {
  api::Json event = json(R"({'apiVersion':'events.k8s.io/v1','kind':'Event','metadata':{'name':'e'},
    'regarding':{'kind':'Pod','name':'p'},'note':'hello','reportingController':'c',
    'deprecatedCount':3,'reason':'R'})");
  std::string before = api::to_text(event.root());
  event_to_core(event.root(), event.allocator());
  CHECK(value_at(event.root(), "involvedObject.name") == "\"p\"");
  CHECK(value_at(event.root(), "message") == "\"hello\"");
  CHECK(value_at(event.root(), "count") == "3");
  CHECK(value_at(event.root(), "apiVersion") == "\"v1\"");
  CHECK(value_at(event.root(), "regarding").empty());
  event_from_core(event.root(), event.allocator());
  CHECK(api::equal(event.root(), json(before).root()));
}

TEST_CASE("rows of resources are complete") {
  for (const Resource& resource : all_resources()) {
    DYNAMIC_SECTION(resource.group << "/" << resource.plural) {
      CHECK(find_resource(resource.group, resource.version, resource.plural) == &resource);
      CHECK(std::is_sorted(resource.verbs.begin(), resource.verbs.end()));
      bool stored = resource.verbs.size() > 1;
      CHECK((!stored || (resource.printer != nullptr && resource.strategy != nullptr)));
      if (!resource.storage_version.empty()) {
        CHECK(find_resource(resource.storage_group, resource.storage_version, resource.plural));
      }
      for (std::string_view name : resource.subresources) {
        CHECK_FALSE(describe_subresource(resource, name).verbs.empty());
      }
    }
  }
}

}  // namespace
}  // namespace kist::apiserver::testing
