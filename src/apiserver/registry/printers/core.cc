// Columns.
#include "src/apiserver/registry/printers/printers.h"

namespace kist::apiserver {

const Printer kPodPrinter = {};
const Printer kPodTemplatePrinter = {};
const Printer kServicePrinter = {};
const Printer kEndpointsPrinter = {};
const Printer kEndpointSlicePrinter = {};
const Printer kConfigMapPrinter = {};
const Printer kSecretPrinter = {};
const Printer kNamespacePrinter = {};
const Printer kNodePrinter = {};
const Printer kEventPrinter = {};
const Printer kServiceAccountPrinter = {};
const Printer kReplicaSetPrinter = {};
const Printer kDeploymentPrinter = {};
const Printer kControllerRevisionPrinter = {};
const Printer kLeasePrinter = {};
const Printer kDefaultPrinter = {};

}  // namespace kist::apiserver
