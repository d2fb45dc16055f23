// ReplicaSets, Deployments, ControllerRevisions.
#include <algorithm>

#include "src/apiserver/registry/printers/cells.h"
#include "src/apiserver/registry/printers/printers.h"

namespace kist::apiserver {
namespace {

constexpr Column kReplicaSetColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Desired", "integer", "", 0, "Pods wanted."},
    {"Current", "integer", "", 0, "Pods that exist."},
    {"Ready", "integer", "", 0, "Pods that are ready."},
    {"Age", "string", "", 0, "Time since the object was created."},
    {"Containers", "string", "", 1, "Names of the containers in the template."},
    {"Images", "string", "", 1, "Images of the containers in the template."},
    {"Selector", "string", "", 1, "Which Pods belong to it."},
};

void add_template(const Value& object, Value& cells, Allocator& allocator) {
  const Value& containers = at(at(object, "spec", "template"), "spec", "containers");
  add_cell(cells, join(containers, "name"), allocator);
  add_cell(cells, join(containers, "image"), allocator);
  add_cell(cells, selector_text(at(object, "spec", "selector")), allocator);
}

void print_replica_set(const Value& set, int64_t now, Value& cells, Allocator& allocator) {
  const Value& status = at(set, "status");
  add_cell(cells, api::text_of(at(set, "metadata"), "name"), allocator);
  add_cell(cells, api::int_of(at(set, "spec"), "replicas"), allocator);
  add_cell(cells, api::int_of(status, "replicas"), allocator);
  add_cell(cells, api::int_of(status, "readyReplicas"), allocator);
  add_cell(cells, created(set, now), allocator);
  add_template(set, cells, allocator);
}

constexpr Column kDeploymentColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Ready", "string", "", 0, "Pods that are ready, of those wanted."},
    {"Up-to-date", "string", "", 0, "Pods made from the current template."},
    {"Available", "string", "", 0, "Pods that have been ready long enough."},
    {"Age", "string", "", 0, "Time since the object was created."},
    {"Containers", "string", "", 1, "Names of the containers in the template."},
    {"Images", "string", "", 1, "Images of the containers in the template."},
    {"Selector", "string", "", 1, "Which Pods belong to it."},
};

void print_deployment(const Value& deployment, int64_t now, Value& cells, Allocator& allocator) {
  const Value& status = at(deployment, "status");
  add_cell(cells, api::text_of(at(deployment, "metadata"), "name"), allocator);
  add_cell(cells,
           std::to_string(api::int_of(status, "readyReplicas")) + "/" +
               std::to_string(api::int_of(at(deployment, "spec"), "replicas")),
           allocator);
  add_cell(cells, api::int_of(status, "updatedReplicas"), allocator);
  add_cell(cells, api::int_of(status, "availableReplicas"), allocator);
  add_cell(cells, created(deployment, now), allocator);
  add_template(deployment, cells, allocator);
}

constexpr Column kRevisionColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Controller", "string", "", 0, "The object whose state this is."},
    {"Revision", "string", "", 0, "Its place in the history."},
    {"Age", "string", "", 0, "Time since the object was created."},
};

// "deployment.apps/web"
std::string controller_of(const Value& object) {
  std::string text = "<none>";
  each(at(object, "metadata"), "ownerReferences", [&](const Value& owner, size_t) {
    if (!api::bool_of(owner, "controller")) return;
    text = api::text_of(owner, "kind");
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
      return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    });
    std::string_view version = api::text_of(owner, "apiVersion");
    if (size_t slash = version.find('/'); slash != version.npos) {
      text.append(".").append(version.substr(0, slash));
    }
    text.append("/").append(api::text_of(owner, "name"));
  });
  return text;
}

void print_revision(const Value& revision, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, api::text_of(at(revision, "metadata"), "name"), allocator);
  add_cell(cells, controller_of(revision), allocator);
  add_cell(cells, api::int_of(revision, "revision"), allocator);
  add_cell(cells, created(revision, now), allocator);
}

constexpr Column kScaleColumns[] = {
    {"Name", "string", "name", 0, "Name must be unique within a namespace."},
    {"Desired", "integer", "", 0, "Pods wanted."},
    {"Available", "integer", "", 0, "Pods that exist."},
    {"Age", "string", "", 0, "Time since the object was created."},
};

void print_scale(const Value& scale, int64_t now, Value& cells, Allocator& allocator) {
  add_cell(cells, api::text_of(at(scale, "metadata"), "name"), allocator);
  add_cell(cells, api::int_of(at(scale, "spec"), "replicas"), allocator);
  add_cell(cells, api::int_of(at(scale, "status"), "replicas"), allocator);
  add_cell(cells, created(scale, now), allocator);
}

}  // namespace

const Printer kReplicaSetPrinter = {kReplicaSetColumns, print_replica_set};
const Printer kDeploymentPrinter = {kDeploymentColumns, print_deployment};
const Printer kScalePrinter = {kScaleColumns, print_scale};
const Printer kControllerRevisionPrinter = {kRevisionColumns, print_revision};

}  // namespace kist::apiserver
