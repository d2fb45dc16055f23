// ConfigMaps and Secrets.
#include "src/apiserver/registry/kinds/kinds.h"

namespace kist::apiserver {

const Strategy kConfigMapStrategy = {};
const Strategy kSecretStrategy = {};

}  // namespace kist::apiserver
