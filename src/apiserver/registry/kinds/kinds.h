// The strategies of the built-in kinds, one file per family of kinds beside this one.
#pragma once

#include "src/apiserver/registry/resource.h"

namespace kist::apiserver {

extern const Strategy kPodStrategy;
extern const Strategy kPodTemplateStrategy;
extern const Strategy kServiceStrategy;
extern const Strategy kEndpointsStrategy;
extern const Strategy kEndpointSliceStrategy;
extern const Strategy kConfigMapStrategy;
extern const Strategy kSecretStrategy;
extern const Strategy kNamespaceStrategy;
extern const Strategy kNodeStrategy;
extern const Strategy kEventStrategy;
extern const Strategy kServiceAccountStrategy;
extern const Strategy kReplicaSetStrategy;
extern const Strategy kDeploymentStrategy;
extern const Strategy kControllerRevisionStrategy;
extern const Strategy kLeaseStrategy;
extern const Strategy kBindingStrategy;
extern const Strategy kScaleStrategy;
extern const Strategy kTokenRequestStrategy;
extern const Strategy kTokenReviewStrategy;
extern const Strategy kSubjectAccessReviewStrategy;
extern const Strategy kLocalSubjectAccessReviewStrategy;
extern const Strategy kSelfSubjectAccessReviewStrategy;
extern const Strategy kSelfSubjectRulesReviewStrategy;

// events.k8s.io/v1 Event <-> core/v1 Event, the stored form.
void event_to_core(api::Value& event, api::Allocator& allocator);
void event_from_core(api::Value& event, api::Allocator& allocator);

}  // namespace kist::apiserver
