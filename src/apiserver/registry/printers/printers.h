// How `kubectl get` shows the built-in kinds; one file per family of kinds beside this one.
#pragma once

#include "src/apiserver/registry/resource.h"

namespace kist::apiserver {

extern const Printer kPodPrinter;
extern const Printer kPodTemplatePrinter;
extern const Printer kServicePrinter;
extern const Printer kEndpointsPrinter;
extern const Printer kEndpointSlicePrinter;
extern const Printer kConfigMapPrinter;
extern const Printer kSecretPrinter;
extern const Printer kNamespacePrinter;
extern const Printer kNodePrinter;
extern const Printer kEventPrinter;
extern const Printer kServiceAccountPrinter;
extern const Printer kReplicaSetPrinter;
extern const Printer kDeploymentPrinter;
extern const Printer kScalePrinter;
extern const Printer kControllerRevisionPrinter;
extern const Printer kLeasePrinter;
extern const Printer kDefaultPrinter;  // Name and Created At: kinds without columns of their own

}  // namespace kist::apiserver
