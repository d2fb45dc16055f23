// See deployment_revision.h.
#include "src/controllers/deployment_revision.h"

#include <algorithm>
#include <array>

namespace kist::controllers {
namespace {

// What the Deployment's own life is about, not its pods'.
constexpr std::array<std::string_view, 6> kNotCarried = {
    "kubectl.kubernetes.io/last-applied-configuration",
    kRevision,
    kRevisionHistory,
    kDesiredReplicas,
    kMaxReplicas,
    "deprecated.deployment.rollback.to"};

Value& annotations_of(Json& object) {
  Value& metadata = api::child(object.root(), "metadata", object.allocator());
  return api::child(metadata, "annotations", object.allocator());
}

bool set_text(Value& annotations, std::string_view key, const std::string& text, Allocator& pool) {
  if (api::text_of(annotations, key) == text) return false;
  api::set(annotations, key, text, pool);
  return true;
}

}  // namespace

int64_t next_revision(const std::vector<SetView>& sets, int new_set) {
  int64_t highest = 0;
  for (size_t i = 0; i < sets.size(); ++i)
    if (static_cast<int>(i) != new_set) highest = std::max(highest, sets[i].revision);
  return highest + 1;
}

bool carry_annotations(const Value& deployment, int64_t revision, Json& set) {
  Allocator& pool = set.allocator();
  Value& annotations = annotations_of(set);
  bool changed = false;
  const Value& from = child_of(metadata_of(deployment), "annotations");
  for (const auto& member : from.GetObject()) {
    const std::string_view key = as_text(member.name);
    if (std::find(kNotCarried.begin(), kNotCarried.end(), key) != kNotCarried.end()) continue;
    changed |= set_text(annotations, key, std::string(as_text(member.value)), pool);
  }
  const std::string before(api::text_of(annotations, kRevision));
  const int64_t number = before.empty() ? 0 : std::strtoll(before.c_str(), nullptr, 10);
  if (number >= revision) return changed;
  api::set(annotations, kRevision, std::to_string(revision), pool);
  if (before.empty()) return true;
  const std::string history(api::text_of(annotations, kRevisionHistory));
  api::set(annotations, kRevisionHistory, history.empty() ? before : history + "," + before, pool);
  return true;
}

bool carry_min_ready(const Value& deployment, Json& set) {
  const int64_t wanted = api::int_of(spec_of(deployment), "minReadySeconds");
  if (api::int_of(spec_of(set.root()), "minReadySeconds") == wanted) return false;
  set_int(api::child(set.root(), "spec", set.allocator()), "minReadySeconds", wanted,
          set.allocator());
  return true;
}

bool note_sizes(const DeploymentView& d, Json& set) {
  Value& annotations = annotations_of(set);
  Allocator& pool = set.allocator();
  const bool changed = set_text(annotations, kDesiredReplicas, std::to_string(d.replicas), pool);
  return set_text(annotations, kMaxReplicas, std::to_string(d.replicas + d.max_surge), pool) ||
         changed;
}

Json make_replica_set(const Value& deployment, int64_t revision, int64_t replicas) {
  const DeploymentView d = view_deployment(deployment);
  const Value& from = spec_of(deployment);
  const Value& pod_template = child_of(from, "template");
  const std::string hash =
      template_hash(pod_template, api::int_of(status_of(deployment), "collisionCount"));
  Json json;
  Allocator& pool = json.allocator();
  Value& set = json.root();
  set.SetObject();
  api::set(set, "apiVersion", "apps/v1", pool);
  api::set(set, "kind", "ReplicaSet", pool);
  Value& metadata = api::child(set, "metadata", pool);
  api::set(metadata, "name", d.name + "-" + hash, pool);
  api::set(metadata, "namespace", api::text_of(metadata_of(deployment), "namespace"), pool);
  const Value& labels = path_of(pod_template, {"metadata", "labels"});
  api::set(metadata, "labels", api::copy(labels, pool), pool);
  api::set(api::child(metadata, "labels", pool), kTemplateHash, hash, pool);
  push(metadata, "ownerReferences", owner_reference(deployment, pool), pool);
  Value& spec = api::child(set, "spec", pool);
  set_int(spec, "replicas", replicas, pool);
  if (d.min_ready > 0) set_int(spec, "minReadySeconds", d.min_ready, pool);
  api::set(spec, "selector", api::copy(child_of(from, "selector"), pool), pool);
  api::set(api::child(api::child(spec, "selector", pool), "matchLabels", pool), kTemplateHash, hash,
           pool);
  api::set(spec, "template", api::copy(pod_template, pool), pool);
  Value& template_metadata = api::child(api::child(spec, "template", pool), "metadata", pool);
  api::set(api::child(template_metadata, "labels", pool), kTemplateHash, hash, pool);
  carry_annotations(deployment, revision, json);
  note_sizes(d, json);
  return json;
}

}  // namespace kist::controllers
