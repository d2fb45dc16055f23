// ReplicaSets as revisions of a Deployment: their making, and the annotations that `kubectl
// rollout` reads. Pure.
#pragma once

#include "src/controllers/deployment_plan.h"

namespace kist::controllers {

// One above the highest of the others.
int64_t next_revision(const std::vector<SetView>& sets, int new_set);

Json make_replica_set(const Value& deployment, int64_t revision, int64_t replicas);

// The Deployment's annotations and the revision onto its new set; a set that comes back from the
// history (undo) remembers which revisions it was. True: something changed.
bool carry_annotations(const Value& deployment, int64_t revision, Json& set);
bool carry_min_ready(const Value& deployment, Json& set);
// desired-replicas and max-replicas, by which a later change of scale is recognised.
bool note_sizes(const DeploymentView& deployment, Json& set);

}  // namespace kist::controllers
