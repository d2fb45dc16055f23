// ReplicaSets, Deployments, ControllerRevisions and the Scale of the first two.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kReplicaSetStrategy = {.generation = true};
const Strategy kDeploymentStrategy = {.generation = true};
const Strategy kControllerRevisionStrategy = {};
const Strategy kScaleStrategy = {};

}  // namespace kist::apiserver
