// Sizes: how many replicas each ReplicaSet of a Deployment gets next.
#include "src/controllers/deployment_plan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "kist/client/times.h"

namespace kist::controllers {
namespace {

int64_t number_of(std::string_view text, int64_t otherwise) {
  int64_t number = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

int64_t total(const std::vector<SetView>& sets, int64_t SetView::*member) {
  return std::accumulate(sets.begin(), sets.end(), int64_t{0},
                         [&](int64_t sum, const SetView& set) { return sum + set.*member; });
}

Sizes sizes_of(const std::vector<SetView>& sets) {
  Sizes sizes;
  for (const SetView& set : sets) sizes.push_back(set.replicas);
  return sizes;
}

std::vector<size_t> order_by(const std::vector<SetView>& sets, auto less) {
  std::vector<size_t> order(sets.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return less(sets[a], sets[b]); });
  return order;
}

bool older(const SetView& a, const SetView& b) {
  return std::tie(a.created_seconds, a.name) < std::tie(b.created_seconds, b.name);
}

// Feeds 32-bit FNV-1a with a value, members of objects in the order of their names.
void hash_value(const Value& value, uint32_t& hash) {
  const auto feed = [&](std::string_view bytes) {
    for (const unsigned char c : bytes) hash = (hash ^ c) * 16777619u;
  };
  if (value.IsObject()) {
    std::vector<const Value::Member*> members;
    for (const auto& member : value.GetObject()) members.push_back(&member);
    std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
      return std::string_view(a->name.GetString()) < std::string_view(b->name.GetString());
    });
    feed("{");
    for (const auto* member : members) {
      feed(api::to_text(member->name));
      hash_value(member->value, hash);
    }
    return feed("}");
  }
  if (value.IsArray()) {
    feed("[");
    for (const Value& element : value.GetArray()) hash_value(element, hash);
    return feed("]");
  }
  feed(api::to_text(value));
  feed(",");
}

// Old sets lose unhealthy replicas first, since those serve nobody.
int64_t shrink_unhealthy(const std::vector<SetView>& sets, const std::vector<size_t>& order,
                         int new_set, int64_t limit, Sizes& sizes) {
  int64_t cut = 0;
  for (const size_t i : order) {
    if (cut >= limit) break;
    if (static_cast<int>(i) == new_set || sizes[i] == 0 || sizes[i] <= sets[i].available) continue;
    const int64_t step = std::min(limit - cut, sizes[i] - sets[i].available);
    sizes[i] -= step;
    cut += step;
  }
  return cut;
}

void shrink_old(const DeploymentView& d, const std::vector<SetView>& sets, int new_set,
                Sizes& sizes) {
  const int64_t min_available = d.replicas - d.max_unavailable;
  const int64_t all = total(sets, &SetView::replicas);
  const SetView none;
  const SetView& fresh = new_set < 0 ? none : sets[static_cast<size_t>(new_set)];
  const int64_t limit = all - min_available - (fresh.replicas - fresh.available);
  if (limit <= 0) return;
  const std::vector<size_t> order = order_by(sets, older);
  shrink_unhealthy(sets, order, new_set, limit, sizes);
  int64_t left = total(sets, &SetView::available) - min_available;
  for (const size_t i : order) {
    if (left <= 0) break;
    if (static_cast<int>(i) == new_set || sizes[i] == 0) continue;
    const int64_t step = std::min(sizes[i], left);
    sizes[i] -= step;
    left -= step;
  }
}

int64_t proportion(const DeploymentView& d, const SetView& set, int64_t to_add, int64_t added) {
  if (set.replicas == 0 || to_add == 0 || added == to_add) return 0;
  int64_t share = -set.replicas;
  if (d.replicas > 0) {
    const int64_t status_replicas = api::int_of(status_of(*d.object), "replicas");
    const int64_t base = set.max_replicas > 0 ? set.max_replicas : status_replicas;
    if (base <= 0) return 0;
    const double wanted =
        static_cast<double>(set.replicas * (d.replicas + d.max_surge)) / static_cast<double>(base);
    share = static_cast<int64_t>(std::llround(wanted)) - set.replicas;
  }
  const int64_t allowed = to_add - added;
  return to_add > 0 ? std::min(share, allowed) : std::max(share, allowed);
}

Sizes scale_in_proportion(const DeploymentView& d, const std::vector<SetView>& sets) {
  Sizes sizes = sizes_of(sets);
  const int64_t allowed = d.replicas > 0 ? d.replicas + d.max_surge : 0;
  const int64_t to_add = allowed - total(sets, &SetView::replicas);
  // The biggest first; of equals the newer grows, the older shrinks.
  const std::vector<size_t> order = order_by(sets, [&](const SetView& a, const SetView& b) {
    if (a.replicas != b.replicas) return a.replicas > b.replicas;
    return to_add > 0 ? older(b, a) : older(a, b);
  });
  int64_t added = 0;
  const size_t none = sets.size();
  size_t first = none;
  for (const size_t i : order) {
    if (sets[i].replicas == 0) continue;
    if (first == none) first = i;
    const int64_t part = proportion(d, sets[i], to_add, added);
    sizes[i] += part;
    added += part;
  }
  if (first != none) sizes[first] = std::max<int64_t>(0, sizes[first] + to_add - added);
  return sizes;
}

// The one set that alone decides: the only active one, or, of none, the new or the newest.
int sole_set(const std::vector<SetView>& sets, int new_set) {
  std::vector<size_t> active;
  for (size_t i = 0; i < sets.size(); ++i)
    if (sets[i].replicas > 0) active.push_back(i);
  if (active.size() > 1) return -1;
  if (active.size() == 1) return static_cast<int>(active.front());
  if (new_set >= 0 || sets.empty()) return new_set;
  return static_cast<int>(order_by(sets, older).back());
}

}  // namespace

SetView view_set(const Value& set) {
  SetView view;
  const Value& metadata = metadata_of(set);
  const Value& status = status_of(set);
  view.name = api::text_of(metadata, "name");
  view.uid = api::text_of(metadata, "uid");
  view.replicas = api::int_of(spec_of(set), "replicas", 1);
  view.actual = api::int_of(status, "replicas");
  view.ready = api::int_of(status, "readyReplicas");
  view.available = api::int_of(status, "availableReplicas");
  view.created_seconds = client::unix_seconds(api::text_of(metadata, "creationTimestamp"));
  view.revision = number_of(annotation(set, kRevision), 0);
  view.desired = number_of(annotation(set, kDesiredReplicas), -1);
  view.max_replicas = number_of(annotation(set, kMaxReplicas), -1);
  view.observed = api::int_of(status, "observedGeneration") >= api::int_of(metadata, "generation");
  view.deleting = !api::text_of(metadata, "deletionTimestamp").empty();
  view.object = &set;
  return view;
}

DeploymentView view_deployment(const Value& deployment) {
  DeploymentView view;
  const Value& spec = spec_of(deployment);
  view.name = api::text_of(metadata_of(deployment), "name");
  view.generation = api::int_of(metadata_of(deployment), "generation");
  view.replicas = api::int_of(spec, "replicas", 1);
  view.paused = api::bool_of(spec, "paused");
  view.min_ready = api::int_of(spec, "minReadySeconds");
  view.object = &deployment;
  const int64_t unlimited = std::numeric_limits<int32_t>::max();
  if (const int64_t n = api::int_of(spec, "progressDeadlineSeconds", unlimited); n != unlimited)
    view.progress_deadline = n;
  if (const int64_t n = api::int_of(spec, "revisionHistoryLimit", unlimited); n != unlimited)
    view.history_limit = n;
  const Value& strategy = child_of(spec, "strategy");
  view.recreate = api::text_of(strategy, "type") == "Recreate";
  if (view.recreate) return view;
  const Value& rolling = child_of(strategy, "rollingUpdate");
  view.max_surge = scaled(api::find(rolling, "maxSurge"), view.replicas, Rounding::kUp);
  view.max_unavailable =
      scaled(api::find(rolling, "maxUnavailable"), view.replicas, Rounding::kDown);
  // Both round to nothing: without one of them no rollout could ever move.
  if (view.max_surge == 0 && view.max_unavailable == 0) view.max_unavailable = 1;
  view.max_unavailable = std::min(view.max_unavailable, view.replicas);
  return view;
}

std::string template_hash(const Value& pod_template, int64_t collisions) {
  uint32_t hash = 2166136261u;
  hash_value(pod_template, hash);
  if (collisions > 0)
    for (const char c : std::to_string(collisions))
      hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";  // make no words
  std::string text = std::to_string(hash);
  for (char& c : text) c = kLetters[static_cast<unsigned char>(c) % kLetters.size()];
  return text;
}

bool same_template(const Value& a, const Value& b) {
  const auto without_hash = [](const Value& pod_template) {
    Json json = copy_of(pod_template);
    Value* metadata = api::find(json.root(), "metadata");
    if (metadata == nullptr) return json;
    if (Value* labels = api::find(*metadata, "labels"); labels != nullptr && labels->IsObject()) {
      api::remove(*labels, kTemplateHash);
      if (labels->ObjectEmpty()) api::remove(*metadata, "labels");
    }
    api::remove(*metadata, "creationTimestamp");
    if (metadata->ObjectEmpty()) api::remove(json.root(), "metadata");
    return json;
  };
  return api::equal(without_hash(a).root(), without_hash(b).root());
}

int find_new_set(const DeploymentView& d, const std::vector<SetView>& sets) {
  const Value& wanted = child_of(spec_of(*d.object), "template");
  for (const size_t i : order_by(sets, older))
    if (same_template(child_of(spec_of(*sets[i].object), "template"), wanted))
      return static_cast<int>(i);
  return -1;
}

int64_t new_set_size(const DeploymentView& d, const std::vector<SetView>& sets, int new_set) {
  if (d.recreate) return d.replicas;
  const int64_t present = new_set < 0 ? 0 : sets[static_cast<size_t>(new_set)].replicas;
  const int64_t room = d.replicas + d.max_surge - total(sets, &SetView::replicas);
  if (room <= 0) return present;
  return present + std::min(room, d.replicas - present);
}

Sizes plan_rolling(const DeploymentView& d, const std::vector<SetView>& sets, int new_set) {
  Sizes sizes = sizes_of(sets);
  if (new_set >= 0) {
    const auto fresh = static_cast<size_t>(new_set);
    sizes[fresh] = sets[fresh].replicas > d.replicas ? d.replicas : new_set_size(d, sets, new_set);
    if (sizes[fresh] != sets[fresh].replicas) return sizes;
  }
  shrink_old(d, sets, new_set, sizes);
  return sizes;
}

Sizes plan_scale(const DeploymentView& d, const std::vector<SetView>& sets, int new_set) {
  Sizes sizes = sizes_of(sets);
  if (const int sole = sole_set(sets, new_set); sole >= 0) {
    sizes[static_cast<size_t>(sole)] = d.replicas;
    return sizes;
  }
  if (new_set >= 0) {
    const SetView& fresh = sets[static_cast<size_t>(new_set)];
    if (fresh.replicas == d.replicas && fresh.desired == d.replicas &&
        fresh.available == d.replicas) {
      std::fill(sizes.begin(), sizes.end(), 0);
      sizes[static_cast<size_t>(new_set)] = d.replicas;
      return sizes;
    }
  }
  return d.recreate ? sizes : scale_in_proportion(d, sets);
}

bool needs_scaling(const DeploymentView& d, const std::vector<SetView>& sets) {
  return std::any_of(sets.begin(), sets.end(), [&](const SetView& set) {
    return set.replicas > 0 && set.desired >= 0 && set.desired != d.replicas;
  });
}

std::vector<size_t> plan_cleanup(const DeploymentView& d, const std::vector<SetView>& sets,
                                 int new_set) {
  std::vector<size_t> remove;
  if (!d.history_limit) return remove;
  std::vector<size_t> old;
  for (const size_t i : order_by(sets, [](const SetView&a, const SetView&b) {
         return std::tie(a.revision, a.created_seconds) < std::tie(b.revision, b.created_seconds);
       }))
    if (static_cast<int>(i) != new_set && !sets[i].deleting) old.push_back(i);
  const int64_t surplus = static_cast<int64_t>(old.size()) - *d.history_limit;
  for (int64_t n = 0; n < surplus; ++n) {
    const SetView& set = sets[old[static_cast<size_t>(n)]];
    if (set.actual == 0 && set.replicas == 0 && set.observed)
      remove.push_back(old[static_cast<size_t>(n)]);
  }
  return remove;
}

}  // namespace kist::controllers
