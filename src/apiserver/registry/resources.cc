// The served resources: one row each. Discovery, routing, storage and printing are loops over them.
//
// Verbs, short names, categories and field selectors are those of Kubernetes 1.33.
#include <algorithm>
#include <array>

#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/printers/printers.h"
#include "src/apiserver/registry/resource.h"

namespace kist::apiserver {
namespace {

using Text = std::string_view;

constexpr Text kAllVerbs[] = {"create", "delete", "deletecollection", "get",
                              "list",   "patch",  "update",           "watch"};
constexpr Text kNamespaceVerbs[] = {"create", "delete", "get", "list", "patch", "update", "watch"};
constexpr Text kCreateOnly[] = {"create"};
constexpr Text kCreateGet[] = {"create", "get"};
constexpr Text kGetOnly[] = {"get"};
constexpr Text kGetPatchUpdate[] = {"get", "patch", "update"};
constexpr Text kUpdateOnly[] = {"update"};

constexpr Text kAll[] = {"all"};
constexpr Text kStatus[] = {"status"};
constexpr Text kScaleStatus[] = {"scale", "status"};
constexpr Text kPodSubresources[] = {"attach", "binding", "ephemeralcontainers", "eviction",
                                     "exec",   "log",     "portforward",         "status"};
constexpr Text kNamespaceSubresources[] = {"finalize", "status"};
constexpr Text kServiceAccountSubresources[] = {"token"};

constexpr Text kShortPod[] = {"po"}, kShortService[] = {"svc"}, kShortEndpoints[] = {"ep"},
               kShortConfigMap[] = {"cm"}, kShortNamespace[] = {"ns"}, kShortNode[] = {"no"},
               kShortEvent[] = {"ev"}, kShortServiceAccount[] = {"sa"}, kShortReplicaSet[] = {"rs"},
               kShortDeployment[] = {"deploy"};

constexpr Text kPodFields[] = {"spec.nodeName",
                               "spec.restartPolicy",
                               "spec.schedulerName",
                               "spec.serviceAccountName",
                               "spec.hostNetwork",
                               "status.phase",
                               "status.podIP",
                               "status.podIPs",
                               "status.nominatedNodeName"};
constexpr FieldSource kPodSources[] = {{"spec.hostNetwork", "spec.hostNetwork", "false"}};
constexpr Text kServiceFields[] = {"spec.clusterIP", "spec.type"};
constexpr Text kSecretFields[] = {"type"};
constexpr Text kNamespaceFields[] = {"status.phase"};
constexpr Text kNodeFields[] = {"spec.unschedulable"};
constexpr FieldSource kNodeSources[] = {{"spec.unschedulable", "spec.unschedulable", "false"}};
constexpr Text kReplicaSetFields[] = {"status.replicas"};
constexpr FieldSource kReplicaSetSources[] = {{"status.replicas", "status.replicas", "0"}};
constexpr Text kEventFields[] = {"involvedObject.kind",
                                 "involvedObject.namespace",
                                 "involvedObject.name",
                                 "involvedObject.uid",
                                 "involvedObject.apiVersion",
                                 "involvedObject.resourceVersion",
                                 "involvedObject.fieldPath",
                                 "reason",
                                 "reportingComponent",
                                 "source",
                                 "type"};
constexpr FieldSource kEventSources[] = {{"source", "source.component"}};
constexpr Text kNewEventFields[] = {"regarding.kind",       "regarding.namespace",
                                    "regarding.name",       "regarding.uid",
                                    "regarding.apiVersion", "regarding.resourceVersion",
                                    "regarding.fieldPath",  "reason",
                                    "reportingController",  "type"};
constexpr FieldSource kNewEventSources[] = {
    {"regarding.kind", "involvedObject.kind"},
    {"regarding.namespace", "involvedObject.namespace"},
    {"regarding.name", "involvedObject.name"},
    {"regarding.uid", "involvedObject.uid"},
    {"regarding.apiVersion", "involvedObject.apiVersion"},
    {"regarding.resourceVersion", "involvedObject.resourceVersion"},
    {"regarding.fieldPath", "involvedObject.fieldPath"},
    {"reportingController", "reportingComponent"}};

// In the order of discovery: by group, then by name.
const Resource kResources[] = {
    {.version = "v1",
     .plural = "bindings",
     .singular = "binding",
     .kind = "Binding",
     .verbs = kCreateOnly,
     .strategy = &kBindingStrategy,
     .printer = &kDefaultPrinter},
    {.version = "v1",
     .plural = "configmaps",
     .singular = "configmap",
     .kind = "ConfigMap",
     .short_names = kShortConfigMap,
     .verbs = kAllVerbs,
     .strategy = &kConfigMapStrategy,
     .printer = &kConfigMapPrinter},
    {.version = "v1",
     .plural = "endpoints",
     .singular = "endpoints",
     .kind = "Endpoints",
     .short_names = kShortEndpoints,
     .verbs = kAllVerbs,
     .strategy = &kEndpointsStrategy,
     .printer = &kEndpointsPrinter,
     .deprecation = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"},
    {.version = "v1",
     .plural = "events",
     .singular = "event",
     .kind = "Event",
     .short_names = kShortEvent,
     .verbs = kAllVerbs,
     .selectable_fields = kEventFields,
     .field_sources = kEventSources,
     .strategy = &kEventStrategy,
     .printer = &kEventPrinter,
     .lifetime = Lifetime::kLazy},
    {.version = "v1",
     .plural = "namespaces",
     .singular = "namespace",
     .kind = "Namespace",
     .namespaced = false,
     .short_names = kShortNamespace,
     .subresources = kNamespaceSubresources,
     .verbs = kNamespaceVerbs,
     .selectable_fields = kNamespaceFields,
     .strategy = &kNamespaceStrategy,
     .printer = &kNamespacePrinter},
    {.version = "v1",
     .plural = "nodes",
     .singular = "node",
     .kind = "Node",
     .namespaced = false,
     .short_names = kShortNode,
     .subresources = kStatus,
     .verbs = kAllVerbs,
     .selectable_fields = kNodeFields,
     .field_sources = kNodeSources,
     .strategy = &kNodeStrategy,
     .printer = &kNodePrinter},
    {.version = "v1",
     .plural = "pods",
     .singular = "pod",
     .kind = "Pod",
     .short_names = kShortPod,
     .categories = kAll,
     .subresources = kPodSubresources,
     .verbs = kAllVerbs,
     .selectable_fields = kPodFields,
     .field_sources = kPodSources,
     .strategy = &kPodStrategy,
     .printer = &kPodPrinter},
    {.version = "v1",
     .plural = "podtemplates",
     .singular = "podtemplate",
     .kind = "PodTemplate",
     .verbs = kAllVerbs,
     .strategy = &kPodTemplateStrategy,
     .printer = &kPodTemplatePrinter},
    {.version = "v1",
     .plural = "secrets",
     .singular = "secret",
     .kind = "Secret",
     .verbs = kAllVerbs,
     .selectable_fields = kSecretFields,
     .strategy = &kSecretStrategy,
     .printer = &kSecretPrinter},
    {.version = "v1",
     .plural = "serviceaccounts",
     .singular = "serviceaccount",
     .kind = "ServiceAccount",
     .short_names = kShortServiceAccount,
     .subresources = kServiceAccountSubresources,
     .verbs = kAllVerbs,
     .strategy = &kServiceAccountStrategy,
     .printer = &kServiceAccountPrinter},
    {.version = "v1",
     .plural = "services",
     .singular = "service",
     .kind = "Service",
     .short_names = kShortService,
     .categories = kAll,
     .subresources = kStatus,
     .verbs = kAllVerbs,
     .selectable_fields = kServiceFields,
     .strategy = &kServiceStrategy,
     .printer = &kServicePrinter},

    {.group = "apps",
     .version = "v1",
     .plural = "controllerrevisions",
     .singular = "controllerrevision",
     .kind = "ControllerRevision",
     .verbs = kAllVerbs,
     .strategy = &kControllerRevisionStrategy,
     .printer = &kControllerRevisionPrinter},
    {.group = "apps",
     .version = "v1",
     .plural = "deployments",
     .singular = "deployment",
     .kind = "Deployment",
     .short_names = kShortDeployment,
     .categories = kAll,
     .subresources = kScaleStatus,
     .verbs = kAllVerbs,
     .strategy = &kDeploymentStrategy,
     .printer = &kDeploymentPrinter},
    {.group = "apps",
     .version = "v1",
     .plural = "replicasets",
     .singular = "replicaset",
     .kind = "ReplicaSet",
     .short_names = kShortReplicaSet,
     .categories = kAll,
     .subresources = kScaleStatus,
     .verbs = kAllVerbs,
     .selectable_fields = kReplicaSetFields,
     .field_sources = kReplicaSetSources,
     .strategy = &kReplicaSetStrategy,
     .printer = &kReplicaSetPrinter},

    {.group = "authentication.k8s.io",
     .version = "v1",
     .plural = "selfsubjectreviews",
     .singular = "selfsubjectreview",
     .kind = "SelfSubjectReview",
     .namespaced = false,
     .verbs = kCreateOnly},
    {.group = "authentication.k8s.io",
     .version = "v1",
     .plural = "tokenreviews",
     .singular = "tokenreview",
     .kind = "TokenReview",
     .namespaced = false,
     .verbs = kCreateOnly,
     .strategy = &kTokenReviewStrategy},

    {.group = "authorization.k8s.io",
     .version = "v1",
     .plural = "localsubjectaccessreviews",
     .singular = "localsubjectaccessreview",
     .kind = "LocalSubjectAccessReview",
     .verbs = kCreateOnly,
     .strategy = &kLocalSubjectAccessReviewStrategy},
    {.group = "authorization.k8s.io",
     .version = "v1",
     .plural = "selfsubjectaccessreviews",
     .singular = "selfsubjectaccessreview",
     .kind = "SelfSubjectAccessReview",
     .namespaced = false,
     .verbs = kCreateOnly,
     .strategy = &kSelfSubjectAccessReviewStrategy},
    {.group = "authorization.k8s.io",
     .version = "v1",
     .plural = "selfsubjectrulesreviews",
     .singular = "selfsubjectrulesreview",
     .kind = "SelfSubjectRulesReview",
     .namespaced = false,
     .verbs = kCreateOnly,
     .strategy = &kSelfSubjectRulesReviewStrategy},
    {.group = "authorization.k8s.io",
     .version = "v1",
     .plural = "subjectaccessreviews",
     .singular = "subjectaccessreview",
     .kind = "SubjectAccessReview",
     .namespaced = false,
     .verbs = kCreateOnly,
     .strategy = &kSubjectAccessReviewStrategy},

    {.group = "coordination.k8s.io",
     .version = "v1",
     .plural = "leases",
     .singular = "lease",
     .kind = "Lease",
     .verbs = kAllVerbs,
     .strategy = &kLeaseStrategy,
     .printer = &kLeasePrinter,
     .lifetime = Lifetime::kLazy},

    {.group = "discovery.k8s.io",
     .version = "v1",
     .plural = "endpointslices",
     .singular = "endpointslice",
     .kind = "EndpointSlice",
     .verbs = kAllVerbs,
     .strategy = &kEndpointSliceStrategy,
     .printer = &kEndpointSlicePrinter},

    {.group = "events.k8s.io",
     .version = "v1",
     .plural = "events",
     .singular = "event",
     .kind = "Event",
     .short_names = kShortEvent,
     .verbs = kAllVerbs,
     .selectable_fields = kNewEventFields,
     .field_sources = kNewEventSources,
     .strategy = &kEventStrategy,
     .printer = &kEventPrinter,
     .lifetime = Lifetime::kLazy,
     .storage_group = "",
     .storage_version = "v1",
     .to_storage = event_to_core,
     .from_storage = event_from_core},
};

Subresource node_stream(Text name, Text kind, std::span<const Text> verbs) {
  return {
      .name = name, .group = "", .version = "v1", .kind = kind, .verbs = verbs, .by_node = true};
}

}  // namespace

std::span<const Resource> all_resources() { return kResources; }

const Resource* find_resource(std::string_view group, std::string_view version,
                              std::string_view plural) {
  for (const Resource& resource : kResources) {
    if (resource.plural == plural && resource.group == group && resource.version == version) {
      return &resource;
    }
  }
  return nullptr;
}

Subresource describe_subresource(const Resource& resource, std::string_view subresource) {
  if (subresource == "scale") {
    return {"scale", "autoscaling", "v1", "Scale", kGetPatchUpdate, &kScaleStrategy};
  }
  if (subresource == "binding") {
    return {"binding", "", "v1", "Binding", kCreateOnly, &kBindingStrategy};
  }
  if (subresource == "eviction") return {"eviction", "policy", "v1", "Eviction", kCreateOnly};
  if (subresource == "token") {
    return {"token",     "authentication.k8s.io", "v1", "TokenRequest",
            kCreateOnly, &kTokenRequestStrategy};
  }
  if (subresource == "attach") return node_stream("attach", "PodAttachOptions", kCreateGet);
  if (subresource == "exec") return node_stream("exec", "PodExecOptions", kCreateGet);
  if (subresource == "portforward") {
    return node_stream("portforward", "PodPortForwardOptions", kCreateGet);
  }
  if (subresource == "log") return node_stream("log", "Pod", kGetOnly);
  auto verbs = subresource == "finalize" ? std::span<const Text>(kUpdateOnly)
                                         : std::span<const Text>(kGetPatchUpdate);
  return {subresource, resource.group, resource.version, resource.kind, verbs};
}

}  // namespace kist::apiserver
