// Pods: what is filled in, and one row for each rule.
#include <catch2/catch.hpp>

#include "src/apiserver/registry/kinds/go_diff.h"
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/pod_spec.h"
#include "tests/unit/apiserver/kinds_testing.h"

namespace kist::apiserver::testing {
namespace {

constexpr const char* kPod = R"({'metadata':{'name':'web','namespace':'default'},
  'spec':{'containers':[{'name':'c','image':'nginx:1'}]}})";

TEST_CASE("pod defaults") {
  struct Row {
    const char *name, *change, *path, *want;
  };
  const Row rows[] = {
      {"tagged image", "{}", "spec.containers[0].imagePullPolicy", "\"IfNotPresent\""},
      {"untagged image", "{'spec':{'containers':[{'name':'c','image':'reg:5000/nginx'}]}}",
       "spec.containers[0].imagePullPolicy", "\"Always\""},
      {"latest image", "{'spec':{'containers':[{'name':'c','image':'nginx:latest'}]}}",
       "spec.containers[0].imagePullPolicy", "\"Always\""},
      {"digest", "{'spec':{'containers':[{'name':'c','image':'nginx@sha256:ab'}]}}",
       "spec.containers[0].imagePullPolicy", "\"IfNotPresent\""},
      {"security context", "{}", "spec.securityContext", "{}"},
      {"grace", "{}", "spec.terminationGracePeriodSeconds", "30"},
      {"grace of zero stays", "{'spec':{'terminationGracePeriodSeconds':0}}",
       "spec.terminationGracePeriodSeconds", "0"},
      {"service links", "{}", "spec.enableServiceLinks", "true"},
      {"volume without source", "{'spec':{'volumes':[{'name':'v'}]}}", "spec.volumes[0].emptyDir",
       "{}"},
      {"secret mode", "{'spec':{'volumes':[{'name':'v','secret':{'secretName':'s'}}]}}",
       "spec.volumes[0].secret.defaultMode", "420"},
      {"requests from limits",
       "{'spec':{'containers':[{'name':'c','image':'a:1','resources':{'limits':{'cpu':'1'}}}]}}",
       "spec.containers[0].resources.requests", "{\"cpu\":\"1\"}"},
      {"resize policy",
       "{'spec':{'containers':[{'name':'c','image':'a:1','resources':{'limits':{'cpu':'1'}}}]}}",
       "spec.containers[0].resizePolicy",
       "[{\"resourceName\":\"cpu\",\"restartPolicy\":\"NotRequired\"}]"},
      {"host network ports",
       "{'spec':{'hostNetwork':true,'containers':[{'name':'c','image':'a:1','ports':[{"
       "'containerPort':80}]}]}}",
       "spec.containers[0].ports[0].hostPort", "80"},
      {"probe",
       "{'spec':{'containers':[{'name':'c','image':'a:1','livenessProbe':{'httpGet':{'port':80}}}]}"
       "}",
       "spec.containers[0].livenessProbe.httpGet.path", "\"/\""},
      {"old account name", "{'spec':{'serviceAccount':'x'}}", "spec.serviceAccountName", "\"x\""},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json pod = merged(kPod, row.change);
      kPodStrategy.set_defaults(pod.root(), pod.allocator());
      CHECK(value_at(pod.root(), row.path) == row.want);
    }
  }
}

TEST_CASE("quality of service") {
  struct Row {
    const char *name, *resources, *want;
  };
  const Row rows[] = {
      {"nothing", "{}", "\"BestEffort\""},
      {"limits only", "{'limits':{'cpu':'1','memory':'1Gi'}}", "\"Guaranteed\""},
      {"equal in other words",
       "{'limits':{'cpu':'1','memory':'1Gi'},'requests':{'cpu':'1000m','memory':'1024Mi'}}",
       "\"Guaranteed\""},
      {"no memory", "{'limits':{'cpu':'1'}}", "\"Burstable\""},
      {"less requested", "{'limits':{'cpu':'1','memory':'1Gi'},'requests':{'cpu':'500m'}}",
       "\"Burstable\""},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json pod = merged(kPod, std::string("{'spec':{'containers':[{'name':'c','image':'a',"
                                               "'resources':") +
                                       row.resources + "}]}}");
      kPodStrategy.set_defaults(pod.root(), pod.allocator());
      kPodStrategy.prepare_create(pod.root(), pod.allocator());
      CHECK(value_at(pod.root(), "status.qosClass") == row.want);
      CHECK(value_at(pod.root(), "status.phase") == "\"Pending\"");
    }
  }
}

struct RuleRow {
  const char *name, *change;
  std::vector<std::string> want;
};

void check_rules(const std::vector<RuleRow>& rows) {
  for (const RuleRow& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json pod = merged(kPod, row.change);
      CHECK(create_errors(kPodStrategy, pod) == row.want);
    }
  }
}

TEST_CASE("pod rules: containers") {
  check_rules({
      {"a plain pod", "{}", {}},
      {"no containers", "{'spec':{'containers':[]}}", {"spec.containers: Required value"}},
      {"no name",
       "{'spec':{'containers':[{'image':'a'}]}}",
       {"spec.containers[0].name: Required value"}},
      {"no image",
       "{'spec':{'containers':[{'name':'a'}]}}",
       {"spec.containers[0].image: Required value"}},
      {"same name twice",
       "{'spec':{'containers':[{'name':'a','image':'a'},{'name':'a','image':'a'}]}}",
       {"spec.containers[1].name: Duplicate value: \"a\""}},
      {"init container of the same name",
       "{'spec':{'initContainers':[{'name':'c','image':'a'}]}}",
       {"spec.initContainers[0].name: Duplicate value: \"c\""}},
      {"padded image",
       "{'spec':{'containers':[{'name':'a','image':' a'}]}}",
       {"spec.containers[0].image: Invalid value: \" a\": must not have leading or trailing "
        "whitespace"}},
      {"pull policy",
       "{'spec':{'containers':[{'name':'a','image':'a','imagePullPolicy':'Sometimes'}]}}",
       {"spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: "
        "\"Always\", \"IfNotPresent\", \"Never\""}},
      {"port out of range",
       "{'spec':{'containers':[{'name':'a','image':'a','ports':[{'containerPort':70000}]}]}}",
       {"spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
        "65535, inclusive"}},
      {"port missing",
       "{'spec':{'containers':[{'name':'a','image':'a','ports':[{}]}]}}",
       {"spec.containers[0].ports[0].containerPort: Required value"}},
      {"host port twice",
       "{'spec':{'containers':[{'name':'a','image':'a','ports':[{'containerPort':1,'hostPort':2},{"
       "'containerPort':3,'hostPort':2}]}]}}",
       {"spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//2\""}},
      {"env without name",
       "{'spec':{'containers':[{'name':'a','image':'a','env':[{'value':'x'}]}]}}",
       {"spec.containers[0].env[0].name: Required value"}},
      {"env name with =",
       "{'spec':{'containers':[{'name':'a','image':'a','env':[{'name':'a=b'}]}]}}",
       {"spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name "
        "must consist only of printable ASCII characters other than '='"}},
      {"env from nothing",
       "{'spec':{'containers':[{'name':'a','image':'a','env':[{'name':'A','valueFrom':{}}]}]}}",
       {"spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: "
        "`fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"}},
      {"unknown field",
       "{'spec':{'containers':[{'name':'a','image':'a','env':[{'name':'A','valueFrom':{'fieldRef':{"
       "'fieldPath':'metadata.color'}}}]}]}}",
       {"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "
        "\"metadata.color\": error converting fieldPath: field label not supported: "
        "metadata.color"}},
      {"mount of no volume",
       "{'spec':{'containers':[{'name':'a','image':'a','volumeMounts':[{'name':'v','mountPath':'/"
       "v'}]}]}}",
       {"spec.containers[0].volumeMounts[0].name: Not found: \"v\""}},
      {"request above limit",
       "{'spec':{'containers':[{'name':'a','image':'a','resources':{'requests':{'cpu':'2'},'limits'"
       ":{'cpu':'1'}}}]}}",
       {"spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal "
        "to "
        "cpu limit of 1"}},
      {"probe without handler",
       "{'spec':{'containers':[{'name':'a','image':'a','livenessProbe':{}}]}}",
       {"spec.containers[0].livenessProbe: Required value: must specify a handler type"}},
      {"two handlers",
       "{'spec':{'containers':[{'name':'a','image':'a','readinessProbe':{'exec':{'command':['x']},"
       "'tcpSocket':{'port':1}}}]}}",
       {"spec.containers[0].readinessProbe.tcpSocket: Forbidden: may not specify more than 1 "
        "handler type"}},
      {"liveness success threshold",
       "{'spec':{'containers':[{'name':'a','image':'a','livenessProbe':{'successThreshold':2,'exec'"
       ":{'command':['x']}}}]}}",
       {"spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"}},
      {"restart policy of a container",
       "{'spec':{'containers':[{'name':'a','image':'a','restartPolicy':'Always'}]}}",
       {"spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers"}},
      {"probe of an init container",
       "{'spec':{'initContainers':[{'name':'i','image':'a','livenessProbe':{'exec':{'command':['x'"
       "]}}}]}}",
       {"spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
        "without restartPolicy=Always"}},
      {"sidecar with probe",
       "{'spec':{'initContainers':[{'name':'i','image':'a','restartPolicy':'Always',"
       "'livenessProbe':{'exec':{'command':['x']}}}]}}",
       {}},
      {"ephemeral at once",
       "{'spec':{'ephemeralContainers':[{'name':'e','image':'a'}]}}",
       {"spec.ephemeralContainers: Forbidden: cannot be set on create"}},
      {"privileged without escalation",
       "{'spec':{'containers':[{'name':'a','image':'a','securityContext':{'privileged':true,"
       "'allowPrivilegeEscalation':false}}]}}",
       {"spec.containers[0].securityContext: Invalid value: "
        "{\"privileged\":true,\"allowPrivilegeEscalation\":false}: cannot set "
        "`allowPrivilegeEscalation` to false and `privileged` to true"}},
  });
}

TEST_CASE("pod rules: volumes") {
  check_rules({
      {"no name",
       "{'spec':{'volumes':[{'emptyDir':{}}]}}",
       {"spec.volumes[0].name: Required value"}},
      {"same name",
       "{'spec':{'volumes':[{'name':'v'},{'name':'v'}]}}",
       {"spec.volumes[1].name: Duplicate value: \"v\""}},
      {"two sources",
       "{'spec':{'volumes':[{'name':'v','emptyDir':{},'hostPath':{'path':'/x'}}]}}",
       {"spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"}},
      {"host path without path",
       "{'spec':{'volumes':[{'name':'v','hostPath':{}}]}}",
       {"spec.volumes[0].hostPath.path: Required value"}},
      {"host path upwards",
       "{'spec':{'volumes':[{'name':'v','hostPath':{'path':'/a/../b'}}]}}",
       {"spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"}},
      {"config map without name",
       "{'spec':{'volumes':[{'name':'v','configMap':{}}]}}",
       {"spec.volumes[0].configMap.name: Required value"}},
      {"mode too big",
       "{'spec':{'volumes':[{'name':'v','secret':{'secretName':'s','defaultMode':512}}]}}",
       {"spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and "
        "0777 (octal), both inclusive"}},
      {"claim without name",
       "{'spec':{'volumes':[{'name':'v','persistentVolumeClaim':{}}]}}",
       {"spec.volumes[0].persistentVolumeClaim.claimName: Required value"}},
      {"short token",
       "{'spec':{'volumes':[{'name':'v','projected':{'sources':[{'serviceAccountToken':{'path':'t',"
       "'expirationSeconds':5}}]}}]}}",
       {"spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid "
        "value: 5: may not specify a duration less than 10 minutes"}},
  });
}

TEST_CASE("pod rules: the pod itself") {
  check_rules({
      {"restart policy",
       "{'spec':{'restartPolicy':'Maybe'}}",
       {"spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", "
        "\"OnFailure\", \"Never\""}},
      {"dns policy None alone",
       "{'spec':{'dnsPolicy':'None'}}",
       {"spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"}},
      {"deadline of zero",
       "{'spec':{'activeDeadlineSeconds':0}}",
       {"spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, "
        "inclusive"}},
      {"host pid and shared processes",
       "{'spec':{'hostPID':true,'shareProcessNamespace':true}}",
       {"spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot "
        "both be enabled"}},
      {"run as user",
       "{'spec':{'securityContext':{'runAsUser':-1}}}",
       {"spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, "
        "inclusive"}},
      {"toleration without key",
       "{'spec':{'tolerations':[{'operator':'Equal'}]}}",
       {"spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when "
        "`key` is empty, which means \"match all values and all keys\""}},
      {"toleration seconds",
       "{'spec':{'tolerations':[{'key':'a','tolerationSeconds':1}]}}",
       {"spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when "
        "`tolerationSeconds` is set"}},
      {"spread skew",
       "{'spec':{'topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'a','whenUnsatisfiable':"
       "'DoNotSchedule'}]}}",
       {"spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero"}},
      {"affinity without terms",
       "{'spec':{'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{"
       "'nodeSelectorTerms':[]}}}}}",
       {"spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
        "nodeSelectorTerms: Required value: must have at least one node selector term"}},
      {"sysctl name",
       "{'spec':{'securityContext':{'sysctls':[{'name':'A'}]}}}",
       {"spec.securityContext.sysctls[0].name: Invalid value: \"A\": must have at most 253 "
        "characters and match regex "
        "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"}},
      {"gate on a bound pod",
       "{'spec':{'nodeName':'n','schedulingGates':[{'name':'a/b'}]}}",
       {"spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"}},
  });
}

TEST_CASE("pod update rules") {
  struct Row {
    const char *name, *old, *next, *want;  // want: how the first error begins; "" for none
  };
  const Row rows[] = {
      {"image", "{}", "{'spec':{'containers':[{'name':'c','image':'nginx:2'}]}}", ""},
      {"node name", "{}", "{'spec':{'nodeName':'n'}}",
       "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"},
      {"one container more", "{}",
       "{'spec':{'containers':[{'name':'c','image':'nginx:1'},{'name':'d','image':'a'}]}}",
       "spec.containers: Forbidden: pod updates may not add or remove containers"},
      {"toleration added", "{}", "{'spec':{'tolerations':[{'key':'a','operator':'Exists'}]}}", ""},
      {"toleration removed", "{'spec':{'tolerations':[{'key':'a','operator':'Exists'}]}}", "{}",
       "spec.tolerations: Forbidden: existing toleration can not be modified except its "
       "tolerationSeconds"},
      {"deadline raised", "{'spec':{'activeDeadlineSeconds':5}}",
       "{'spec':{'activeDeadlineSeconds':6}}",
       "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous "
       "value"},
      {"gate removed", "{'spec':{'schedulingGates':[{'name':'a/b'}]}}", "{}", ""},
      {"gate added", "{}", "{'spec':{'schedulingGates':[{'name':'a/b'}]}}",
       "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate "
       "'a/b'"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json old = merged(kPod, row.old), next = merged(kPod, row.next);
      auto errors = update_errors(kPodStrategy, next, old);
      std::string first = errors.empty() ? "" : errors[0];
      CHECK(first.substr(0, std::string_view(row.want).size()) == row.want);
      CHECK(errors.empty() == std::string_view(row.want).empty());
    }
  }
}

TEST_CASE("pod update shows what differs, as Go does") {
  struct Row {
    const char *name, *old, *next;
    std::vector<std::string> lines;  // in this order, among others
  };
  const Row rows[] = {
      {"a text",
       "{}",
       "{'spec':{'nodeName':'n'}}",
       {"  core.PodSpec{\n  \t... // 10 identical fields\n",
        "- \tNodeName:                     \"\",\n+ \tNodeName:                     \"n\",\n",
        " identical fields\n  }\n"}},
      {"a pointer to a number",
       "{}",
       "{'spec':{'priority':7}}",
       {"- \tPriority:          nil,\n+ \tPriority:          &7,\n"}},
      {"a member of a member",
       "{}",
       "{'spec':{'securityContext':{'runAsUser':5}}}",
       {"  \tSecurityContext: &core.PodSecurityContext{\n",
        "- \t\tRunAsUser:      nil,\n+ \t\tRunAsUser:      &5,\n"}},
      {"an element of a list, and its map",
       "{'spec':{'containers':[{'name':'c','image':'a','resources':{'limits':{'cpu':'1'}}}]}}",
       "{'spec':{'containers':[{'name':'c','image':'a','resources':{'limits':{'cpu':'2'}}}]}}",
       {"  \tContainers: []core.Container{\n  \t\t{\n",
        "  \t\t\tResources: core.ResourceRequirements{\n", "  \t\t\t\tLimits: core.ResourceList{\n",
        "- \t\t\t\t\t\"cpu\": s\"1\",\n+ \t\t\t\t\t\"cpu\": s\"2\",\n", "  \t\t},\n  \t},\n"}},
      {"an element more",
       "{'spec':{'hostAliases':[{'ip':'10.0.0.1'}]}}",
       "{'spec':{'hostAliases':[{'ip':'10.0.0.1'},{'ip':'10.0.0.2','hostnames':['a','b']}]}}",
       {"  \tHostAliases: []core.HostAlias{\n  \t\t{IP: \"10.0.0.1\"},\n"
        "+ \t\t{IP: \"10.0.0.2\", Hostnames: {\"a\", \"b\"}},\n  \t},\n"}},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json old = merged(kPod, row.old), next = merged(kPod, row.next);
      auto errors = update_errors(kPodStrategy, next, old);
      REQUIRE(errors.size() == 1);
      INFO(errors[0]);
      size_t at = 0;
      for (const std::string& line : row.lines) {
        INFO(line);
        at = errors[0].find(line, at);
        CHECK(at != std::string::npos);
        if (at != std::string::npos) at += line.size();
      }
    }
  }
}

TEST_CASE("pod update: what differs is cut where it is long") {
  std::string hosts, commands;
  for (int i = 0; i < 2000; ++i) {
    hosts += (i > 0 ? "," : "") + std::string("{'ip':'10.0.0.1','hostnames':['h']}");
    commands += "\u00e4";
  }
  api::Json old = json(kPod);
  for (const std::string& change :
       {"{'spec':{'hostAliases':[" + hosts + "]}}", "{'spec':{'subdomain':'" + commands + "'}}"}) {
    api::Json next = merged(kPod, change);
    const std::string diff =
        go_diff(*api::find_type("io.k8s.api.core.v1.PodSpec"), *api::find(old.root(), "spec"),
                *api::find(next.root(), "spec"));
    CHECK(diff.size() < kGoDiffBytesMax + 100);
    CHECK(diff.find("...,\n") != std::string::npos);
  }
}

TEST_CASE("pods without resources of their own, as 1.33 has it by default") {
  api::Json pod = merged(kPod, "{'spec':{'resources':{'limits':{'cpu':'1'}}}}");
  CHECK(create_errors(kPodStrategy, pod).empty());
  CHECK(value_at(pod.root(), "spec.resources").empty());
}

TEST_CASE("pod rules: the operating system") {
  check_rules({
      {"linux", "{'spec':{'os':{'name':'linux'},'securityContext':{'runAsUser':1}}}", {}},
      {"no name", "{'spec':{'os':{}}}", {"spec.os.name: Required value: cannot be empty"}},
      {"another",
       "{'spec':{'os':{'name':'plan9'}}}",
       {"spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""}},
      {"windows options on linux",
       "{'spec':{'os':{'name':'linux'},'securityContext':{'windowsOptions':{}}}}",
       {"spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux "
        "pod"}},
      {"windows: the pod",
       "{'spec':{'os':{'name':'windows'},'hostIPC':true,'shareProcessNamespace':false,"
       "'securityContext':{'runAsUser':1,'sysctls':[{'name':'a'}],'windowsOptions':{}}}}",
       {"spec.hostIPC: Forbidden: cannot be set for a windows pod",
        "spec.securityContext.sysctls: Forbidden: cannot be set for a windows pod",
        "spec.shareProcessNamespace: Forbidden: cannot be set for a windows pod",
        "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod"}},
      {"windows: a container",
       "{'spec':{'os':{'name':'windows'},'containers':[{'name':'c','image':'a','securityContext':{"
       "'privileged':false,'runAsNonRoot':true}}]}}",
       {"spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows "
        "pod"}},
  });
}

TEST_CASE("ephemeral containers") {
  api::Json old = json(kPod);
  api::Json next = merged(kPod,
                          "{'metadata':{'labels':{'x':'y'}},'spec':{'ephemeralContainers':[{'name':"
                          "'e','image':'a','targetContainerName':'zz'}]}}");
  kPodStrategy.set_defaults(next.root(), next.allocator());
  kPodStrategy.set_defaults(old.root(), old.allocator());
  kPodStrategy.prepare_subresource_update("ephemeralcontainers", next.root(), old.root(),
                                          next.allocator());
  CHECK(value_at(next.root(), "metadata.labels").empty());
  api::FieldErrors errors;
  kPodStrategy.validate_subresource_update("ephemeralcontainers", next.root(), old.root(), errors);
  CHECK(lines(errors) == std::vector<std::string>{
                             "spec.ephemeralContainers[0].targetContainerName: Not found: \"zz\""});
}

TEST_CASE("pod warnings") {
  struct Row {
    const char *name, *change, *want;
  };
  const Row rows[] = {
      {"nothing", "{}", ""},
      {"env twice",
       "{'spec':{'containers':[{'name':'a','image':'a','env':[{'name':'A'},{'name':'A'}]}]}}",
       "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when "
       "using apply"},
      {"old label", "{'spec':{'nodeSelector':{'beta.kubernetes.io/os':'linux'}}}",
       "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "
       "\"kubernetes.io/os\" instead"},
      {"negative grace", "{'spec':{'terminationGracePeriodSeconds':-1}}",
       "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be "
       "treated as 1"},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.name) {
      api::Json pod = merged(kPod, row.change);
      std::vector<std::string> out;
      kPodStrategy.warnings(pod.root(), nullptr, out);
      CHECK((out.empty() ? "" : out[0]) == std::string(row.want));
    }
  }
}

}  // namespace
}  // namespace kist::apiserver::testing
