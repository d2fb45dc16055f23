// The Deployment controller: reads, lets deployment_plan.cc decide, writes ReplicaSets and status.
#include "src/controllers/deployment.h"

#include <algorithm>
#include <array>
#include <limits>

#include "src/controllers/claim.h"
#include "src/controllers/deployment_revision.h"
#include "src/controllers/pod_view.h"

namespace kist::controllers {
namespace {

using client::EventType;
using client::ObjectList;
using client::ObjectPtr;

bool is_deployment(const client::OwnerReference* owner) {
  return owner != nullptr && owner->kind == "Deployment" && owner->api_version.starts_with("apps/");
}

}  // namespace

void DeploymentController::Pass::look() {
  views.clear();
  for (const Json& set : sets) views.push_back(view_set(set.root()));
  new_set = find_new_set(view(), views);
}

DeploymentController::DeploymentController(Context context)
    : context_(context),
      deployments_(context.caches.of(client::kDeployments)),
      sets_(context.caches.of(client::kReplicaSets)),
      pods_(context.caches.of(client::kPods, project_pod)),
      queue_(context.runner.add(*this)),
      events_(context.client, context.clock, "deployment-controller") {
  deployments_.on_change([this](const ObjectPtr&, const ObjectPtr& next) {
    if (next) queue_.add(next->key());
  });
  watch_sets();
  // A Recreate waits for the last old pod to be gone.
  pods_.on_change([this](const ObjectPtr& old, const ObjectPtr& next) {
    if (next || !old || old->controller() == nullptr) return;
    const ObjectPtr set = sets_.by_uid(old->controller()->uid);
    if (set && is_deployment(set->controller()))
      queue_.add(client::key_of(set->space, set->controller()->name));
  });
}

void DeploymentController::watch_sets() {
  const auto wake_owner = [this](const ObjectPtr& set) {
    if (set && is_deployment(set->controller()))
      queue_.add(client::key_of(set->space, set->controller()->name));
  };
  sets_.on_change([this, wake_owner](const ObjectPtr& old, const ObjectPtr& next) {
    wake_owner(next);
    if (!next || (old && old->controller() && !next->controller())) wake_owner(old);
    if (!next || next->controller() || next->deleting) return;
    for (const ObjectPtr& deployment : deployments_.list(next->space))
      if (matches(selector_of(child_of(spec_of(deployment->parse().root()), "selector")),
                  next->labels))
        queue_.add(deployment->key());
  });
}

Result<> DeploymentController::load_sets(Pass& pass) {
  const ObjectList owned = TRY(claim(
      context_,
      {.owner = pass.deployment.root(), .owner_resource = client::kDeployments, .cache = sets_}));
  for (const ObjectPtr& set : owned) {
    // What was just adopted is newer in the cache than in our list.
    const ObjectPtr present = sets_.by_uid(set->uid);
    if (present) pass.sets.push_back(present->parse());
  }
  pass.look();
  return {};
}

Result<> DeploymentController::write_status(Pass& pass, const Value& status) {
  if (api::equal(status, status_of(pass.deployment.root()))) return {};
  Json next = copy_of(pass.deployment.root());
  api::set(next.root(), "status", api::copy(status, next.allocator()), next.allocator());
  pass.deployment = TRY(context_.client.update_status(client::kDeployments, next.root()));
  return deployments_.wait_for(client::revision_of(pass.deployment.root()));
}

Result<> DeploymentController::write_deployment(Pass& pass, const Value& deployment) {
  pass.deployment = TRY(context_.client.update(client::kDeployments, deployment));
  return deployments_.wait_for(client::revision_of(pass.deployment.root()));
}

// The Progressing condition tells that nobody should expect progress.
Result<> DeploymentController::note_paused(Pass& pass) {
  const DeploymentView d = pass.view();
  if (!d.progress_deadline) return {};
  const Value& progressing = condition_of(status_of(pass.deployment.root()), "Progressing");
  const std::string_view reason = api::text_of(progressing, "reason");
  if (reason == "ProgressDeadlineExceeded" || d.paused == (reason == "DeploymentPaused")) return {};
  Json status = copy_of(status_of(pass.deployment.root()));
  set_condition(
      status.root(),
      d.paused ? Condition{"Progressing", "Unknown", "DeploymentPaused", "Deployment is paused"}
               : Condition{"Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed"},
      unix_now(context_.clock), status.allocator());
  return write_status(pass, status.root());
}

Result<> DeploymentController::set_revision(Pass& pass, int64_t revision) {
  const std::string text = std::to_string(revision);
  if (annotation(pass.deployment.root(), kRevision) == text) return {};
  Json next = copy_of(pass.deployment.root());
  Value& metadata = api::child(next.root(), "metadata", next.allocator());
  api::set(api::child(metadata, "annotations", next.allocator()), kRevision, text,
           next.allocator());
  return write_deployment(pass, next.root());
}

Result<> DeploymentController::adopt_new_set(Pass& pass) {
  const auto at = static_cast<size_t>(pass.new_set);
  const int64_t revision = next_revision(pass.views, pass.new_set);
  Json next = copy_of(pass.sets[at].root());
  const bool annotated = carry_annotations(pass.deployment.root(), revision, next);
  if (carry_min_ready(pass.deployment.root(), next) || annotated) {
    pass.sets[at] = TRY(context_.client.update(client::kReplicaSets, next.root()));
    TRY(sets_.wait_for(client::revision_of(pass.sets[at].root())));
    pass.look();
  }
  TRY(set_revision(pass, pass.views[at].revision));
  const Value& status = status_of(pass.deployment.root());
  if (!pass.view().progress_deadline ||
      !api::text_of(condition_of(status, "Progressing"), "type").empty())
    return {};
  Json told = copy_of(status);
  set_condition(told.root(),
                {"Progressing", "True", "FoundNewReplicaSet",
                 "Found new replica set \"" + pass.views[at].name + "\""},
                unix_now(context_.clock), told.allocator());
  return write_status(pass, told.root());
}

Result<> DeploymentController::name_taken(Pass& pass, const std::string& name) {
  const Value& metadata = metadata_of(pass.deployment.root());
  Json there =
      TRY(context_.client.get(client::kReplicaSets, api::text_of(metadata, "namespace"), name));
  // Made by a pass whose answer was lost: it is ours, and no collision.
  const auto references = elements(metadata_of(there.root()), "ownerReferences");
  const bool ours = std::any_of(references.begin(), references.end(), [&](const Value& reference) {
    return api::text_of(reference, "uid") == api::text_of(metadata, "uid");
  });
  if (ours && same_template(child_of(spec_of(there.root()), "template"),
                            child_of(spec_of(pass.deployment.root()), "template")))
    return new_set_created(pass, std::move(there));
  Json status = copy_of(status_of(pass.deployment.root()));
  set_int(status.root(), "collisionCount", api::int_of(status.root(), "collisionCount") + 1,
          status.allocator());
  TRY(write_status(pass, status.root()));
  return Error{Code::kConflict, "replica set " + name + " is another's"};
}

Result<> DeploymentController::new_set_created(Pass& pass, Json set) {
  TRY(sets_.wait_for(client::revision_of(set.root())));
  const SetView made = view_set(set.root());
  if (made.replicas > 0)
    events_.record(
        client::reference_to(pass.deployment.root()), EventType::kNormal, "ScalingReplicaSet",
        "Scaled up replica set " + made.name + " from 0 to " + std::to_string(made.replicas));
  pass.sets.push_back(std::move(set));
  pass.look();
  if (pass.view().progress_deadline) {
    Json status = copy_of(status_of(pass.deployment.root()));
    set_condition(status.root(),
                  {"Progressing", "True", "NewReplicaSetCreated",
                   "Created new replica set \"" + made.name + "\""},
                  unix_now(context_.clock), status.allocator());
    TRY(write_status(pass, status.root()));
  }
  return set_revision(pass, made.revision);
}

Result<> DeploymentController::create_new_set(Pass& pass) {
  const DeploymentView d = pass.view();
  const Json wanted = make_replica_set(pass.deployment.root(), next_revision(pass.views, -1),
                                       new_set_size(d, pass.views, -1));
  const std::string name(api::text_of(metadata_of(wanted.root()), "name"));
  Result<Json> created = context_.client.create(
      client::kReplicaSets, api::text_of(metadata_of(wanted.root()), "namespace"), wanted.root());
  if (created.ok()) return new_set_created(pass, std::move(created).value());
  if (created.error().code == Code::kAlreadyExists) return name_taken(pass, name);
  if (d.progress_deadline) {
    Json status = copy_of(status_of(pass.deployment.root()));
    set_condition(status.root(),
                  {"Progressing", "False", "ReplicaSetCreateError",
                   "Failed to create new replica set \"" + name + "\": " + created.error().message},
                  unix_now(context_.clock), status.allocator());
    TRY(write_status(pass, status.root()));
  }
  events_.record(client::reference_to(pass.deployment.root()), EventType::kWarning,
                 "ReplicaSetCreateError",
                 "Failed to create new replica set \"" + name + "\": " + created.error().message);
  return created.error();
}

Result<bool> DeploymentController::resize(Pass& pass, const Sizes& sizes) {
  bool written = false;
  const DeploymentView d = pass.view();
  for (size_t i = 0; i < pass.sets.size(); ++i) {
    const SetView before = pass.views[i];
    // Sets without replicas are not touched just to renew their annotations.
    if (sizes[i] == before.replicas && before.replicas == 0) continue;
    Json next = copy_of(pass.sets[i].root());
    Allocator& pool = next.allocator();
    const bool noted = note_sizes(d, next);
    if (sizes[i] == before.replicas && !noted) continue;
    set_int(api::child(next.root(), "spec", pool), "replicas", sizes[i], pool);
    pass.sets[i] = TRY(context_.client.update(client::kReplicaSets, next.root()));
    TRY(sets_.wait_for(client::revision_of(pass.sets[i].root())));
    written = true;
    if (sizes[i] == before.replicas) continue;
    events_.record(client::reference_to(pass.deployment.root()), EventType::kNormal,
                   "ScalingReplicaSet",
                   std::string("Scaled ") + (sizes[i] > before.replicas ? "up" : "down") +
                       " replica set " + before.name + " from " + std::to_string(before.replicas) +
                       " to " + std::to_string(sizes[i]));
  }
  if (written) pass.look();
  return written;
}

Result<bool> DeploymentController::roll(Pass& pass) {
  if (pass.new_set < 0) TRY(create_new_set(pass));
  return resize(pass, plan_rolling(pass.view(), pass.views, pass.new_set));
}

bool DeploymentController::old_pods_run(const Pass& pass) const {
  for (size_t i = 0; i < pass.views.size(); ++i) {
    if (static_cast<int>(i) == pass.new_set) continue;
    for (const ObjectPtr& pod : pods_.owned_by(pass.views[i].uid))
      if (!pod_view(*pod).terminal()) return true;
  }
  return false;
}

Result<bool> DeploymentController::recreate(Pass& pass) {
  Sizes sizes(pass.sets.size(), 0);
  if (pass.new_set >= 0)
    sizes[static_cast<size_t>(pass.new_set)] =
        pass.views[static_cast<size_t>(pass.new_set)].replicas;
  if (TRY(resize(pass, sizes))) return true;
  if (old_pods_run(pass)) return true;
  if (pass.new_set < 0) TRY(create_new_set(pass));
  sizes.assign(pass.sets.size(), 0);
  sizes[static_cast<size_t>(pass.new_set)] = pass.view().replicas;
  return resize(pass, sizes);
}

Result<> DeploymentController::clean_up(Pass& pass) {
  for (const size_t i : plan_cleanup(pass.view(), pass.views, pass.new_set)) {
    const Value& metadata = metadata_of(pass.sets[i].root());
    const Result<> removed =
        context_.client.remove(client::kReplicaSets, api::text_of(metadata, "namespace"),
                               pass.views[i].name, {.uid = pass.views[i].uid});
    if (!removed.ok() && removed.error().code != Code::kNotFound) return removed.error();
    TRY(sets_.wait_gone(pass.views[i].uid));
  }
  return {};
}

Result<client::Next> DeploymentController::finish(Pass& pass, bool rollout) {
  const DeploymentView d = pass.view();
  const int64_t now = unix_now(context_.clock);
  Json status = deployment_status(d, pass.views, pass.new_set, now);
  if (rollout) judge_progress(d, pass.views, pass.new_set, status, now);
  TRY(write_status(pass, status.root()));
  const auto wait = rollout ? seconds_to_deadline(d, status.root(), now) : std::nullopt;
  if (!wait) return client::Next{};
  return client::Next{std::chrono::seconds(*wait)};
}

Result<client::Next> DeploymentController::sync(Pass& pass) {
  TRY(note_paused(pass));
  const DeploymentView d = pass.view();
  if (pass.new_set >= 0) TRY(adopt_new_set(pass));
  if (d.paused || needs_scaling(d, pass.views)) {
    TRY(resize(pass, plan_scale(pass.view(), pass.views, pass.new_set)));
    if (d.paused) TRY(clean_up(pass));
    return finish(pass, false);
  }
  const bool moved = d.recreate ? TRY(recreate(pass)) : TRY(roll(pass));
  if (!moved) {
    const Json status = deployment_status(pass.view(), pass.views, pass.new_set, 0);
    if (deployment_complete(pass.view(), status.root())) TRY(clean_up(pass));
  }
  return finish(pass, true);
}

Result<client::Next> DeploymentController::reconcile(const std::string& key) {
  const auto [space, name] = split_key(key);
  const ObjectPtr object = deployments_.get(space, name);
  if (!object) return client::Next{};  // gone; its sets are the garbage collector's
  Pass pass;
  pass.deployment = object->parse();
  pass.deleting = object->deleting;
  if (selects_everything(child_of(spec_of(pass.deployment.root()), "selector"))) {
    events_.record(client::reference_to(pass.deployment.root()), EventType::kWarning,
                   "SelectingAll",
                   "This deployment is selecting all pods. A non-empty selector is required.");
    return client::Next{};
  }
  TRY(load_sets(pass));
  if (pass.deleting) return finish(pass, false);
  return sync(pass);
}

}  // namespace kist::controllers
