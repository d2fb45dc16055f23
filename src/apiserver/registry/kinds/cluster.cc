// Namespaces and Nodes.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kNamespaceStrategy = {};
const Strategy kNodeStrategy = {};

}  // namespace kist::apiserver
