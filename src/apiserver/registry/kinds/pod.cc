// Pods and PodTemplates: what is filled in and reset.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kPodStrategy = {.generation = true, .graceful_delete = true};
const Strategy kPodTemplateStrategy = {};
const Strategy kBindingStrategy = {};

}  // namespace kist::apiserver
