// delete and deletecollection: preconditions, finalizers, propagation, grace.
#include <algorithm>

#include "kist/api/codec.h"

#include "src/apiserver/encode.h"
#include "src/apiserver/registry/deletion.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/registry/prepare.h"
#include "src/apiserver/registry/selection.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";
constexpr int64_t kGraceSecondsDefault = 30;

// Kinds whose deletion answers the object instead of a Status.
constexpr std::string_view kAnswersObject[] = {"pods", "podtemplates", "serviceaccounts",
                                               "services"};

Result<> check_preconditions_of(const Served& served, const Object& current,
                                const DeleteOptions& options) {
  const Resource& row = *served.row;
  if (!options.uid.empty() && options.uid != current.uid()) {
    return conflict(row.plural, row.group, current.name(),
                    "the UID in the precondition (" + options.uid +
                        ") does not match the UID in record (" + std::string(current.uid()) +
                        "). The object might have been deleted and then recreated");
  }
  std::string revision = std::to_string(current.revision());
  if (!options.resource_version.empty() && options.resource_version != revision) {
    return conflict(row.plural, row.group, current.name(),
                    "the ResourceVersion in the precondition (" + options.resource_version +
                        ") does not match the ResourceVersion in record (" + revision +
                        "). The object might have been modified");
  }
  return {};
}

std::vector<std::string> finalizers_of(const api::Value& metadata) {
  return texts_of(api::find(metadata, "finalizers"));
}

// What the propagation policy makes of the finalizers: the garbage collector works off its own two.
std::vector<std::string> finalizers_for(std::vector<std::string> finalizers,
                                        const DeleteOptions& options) {
  auto drop = [&](std::string_view name) { std::erase(finalizers, name); };
  auto add = [&](std::string_view name) {
    if (std::find(finalizers.begin(), finalizers.end(), name) == finalizers.end()) {
      finalizers.emplace_back(name);
    }
  };
  if (options.propagation == "Orphan") {
    drop(kForeground);
    add(kOrphan);
  } else if (options.propagation == "Foreground") {
    drop(kOrphan);
    add(kForeground);
  } else if (options.propagation == "Background") {
    drop(kOrphan);
    drop(kForeground);
  }
  return finalizers;
}

void set_finalizers(api::Value& metadata, const std::vector<std::string>& finalizers,
                    api::Allocator& allocator) {
  if (finalizers.empty()) return api::remove(metadata, "finalizers");
  api::set(metadata, "finalizers", list_of(finalizers, allocator), allocator);
}

// Seconds a Pod gets to end: none before a node has it or after its containers are done.
int64_t grace_of(const api::Value& pod, const DeleteOptions& options) {
  const api::Value* spec = api::find(pod, "spec");
  const api::Value* status = api::find(pod, "status");
  std::string_view phase = status == nullptr ? "" : api::text_of(*status, "phase");
  if (spec == nullptr || api::text_of(*spec, "nodeName").empty()) return 0;
  if (phase == "Failed" || phase == "Succeeded") return 0;
  int64_t grace = options.grace_seconds.value_or(
      api::int_of(*spec, "terminationGracePeriodSeconds", kGraceSecondsDefault));
  return grace < 0 ? 1 : grace;
}

bool namespace_holds(const Served& served, const api::Value& object) {
  if (served.storage->plural != "namespaces") return false;
  const api::Value* finalizers = api::find_path(object, {"spec", "finalizers"});
  return finalizers != nullptr && finalizers->IsArray() && !finalizers->Empty();
}

Decision mark(Core& core, const Served& served, api::Json& next, int64_t grace) {
  api::Allocator& allocator = next.allocator();
  api::Value& metadata = api::child(next.root(), "metadata", allocator);
  bool first = api::text_of(metadata, "deletionTimestamp").empty();
  std::string when = format_rfc3339(core.clock.now() + std::chrono::seconds(grace));
  api::set(metadata, "deletionTimestamp", std::string_view(when), allocator);
  api::set(metadata, "deletionGracePeriodSeconds", api::Value(grace), allocator);
  int64_t generation = api::int_of(metadata, "generation");
  if (first && generation > 0) {
    api::set(metadata, "generation", api::Value(generation + 1), allocator);
  }
  if (served.storage->plural == "namespaces") {
    api::set(api::child(next.root(), "status", allocator), "phase", "Terminating", allocator);
  }
  Decision decision;
  decision.action = Decision::Action::kWrite;
  Result<> canonical =
      api::canonicalize(*served.stored_kind->type, next.root(), allocator, nullptr);
  ENSURE(canonical.ok());
  decision.value = halves_of(next.root(), allocator);
  return decision;
}

}  // namespace

Result<Decision> decide_deletion(Call& call, const Served& served, const ObjectPtr& current,
                                 const DeleteOptions& options) {
  TRY(check_preconditions_of(served, *current, options));
  api::Json next = parse_stored(current->bytes());
  api::Json old = parse_stored(current->bytes());
  std::string namespace_name(current->namespace_name()), name(current->name());
  Reservation reservation = TRY(admit(call, served, Operation::kDelete, "", namespace_name, name,
                                      next, &old.root(), options.dry_run));

  api::Value& metadata = api::child(next.root(), "metadata", next.allocator());
  std::vector<std::string> before = finalizers_of(metadata);
  std::vector<std::string> finalizers = finalizers_for(before, options);
  set_finalizers(metadata, finalizers, next.allocator());
  int64_t grace = served.strategy().graceful_delete ? grace_of(next.root(), options) : 0;
  bool held = !finalizers.empty() || namespace_holds(served, next.root());

  Decision decision;
  if (!held && grace == 0) {
    decision.action = Decision::Action::kRemove;
    decision.value = halves_of(*current);
    decision.reservation = std::move(reservation);
    return decision;
  }
  // Asked again, an object that is already going changes only where it shall go sooner.
  bool sooner = grace < api::int_of(metadata, "deletionGracePeriodSeconds");
  if (current->deleting() && !sooner && finalizers == before) return decision;
  if (current->deleting() && !sooner) grace = api::int_of(metadata, "deletionGracePeriodSeconds");
  return mark(call.core, served, next, grace);
}

bool deletion_answers_object(const Served& served) {
  return std::find(std::begin(kAnswersObject), std::end(kAnswersObject), served.storage->plural) !=
         std::end(kAnswersObject);
}

void remove(const CallPtr& call) {
  Result<> options_ok = check_write_options(*call);
  if (!options_ok.ok()) return call->fail(options_ok.error());
  Result<DeleteOptions> decoded = decode_delete_options(*call);
  if (!decoded.ok()) return call->fail(decoded.error());
  DeleteOptions options = std::move(decoded).value();
  const Served& served = *call->served;
  auto decide = [call, options](const ObjectPtr& current) -> Result<Decision> {
    const Resource& row = *call->served->row;
    if (current == nullptr) return not_found(row.plural, row.group, call->info.name);
    return decide_deletion(*call, *call->served, current, options);
  };
  auto finish = [call](Result<Outcome> outcome) {
    if (!outcome.ok()) return call->fail(outcome.error());
    const Served& of = *call->served;
    if (!outcome.value().removed || deletion_answers_object(of)) {
      return answer(call, 200, outcome.value().bytes);
    }
    Object object(of.cache->index(), outcome.value().bytes, 0);
    StatusDetails details{call->info.name, std::string(of.row->group), std::string(of.row->plural),
                          std::string(object.uid())};
    call->respond_status(success_text(details), 200);
  };
  std::string namespace_name =
      served.storage->namespaced ? call->info.namespace_name : std::string();
  change(call, {&served, std::move(namespace_name), call->info.name}, options.dry_run, decide,
         finish);
}

namespace {

// A collection going away: its objects one after the other, the answer is what they were.
struct Sweep {
  CallPtr call;
  DeleteOptions options;
  Snapshot snapshot;
  size_t next = 0;
};

void step(const std::shared_ptr<Sweep>& sweep) {
  const CallPtr& call = sweep->call;
  if (sweep->next == sweep->snapshot.objects.size()) {
    Result<View> view = view_of(*call);
    if (!view.ok()) return call->fail(view.error());
    ListMeta meta;
    meta.revision = call->core.cache.revision();
    return call->respond(200, encode_list(view.value(), sweep->snapshot.objects, meta),
                         call->format.content_type());
  }
  ObjectPtr object = sweep->snapshot.objects[sweep->next++];
  auto decide = [sweep](const ObjectPtr& current) -> Result<Decision> {
    if (current == nullptr) return Decision{};  // somebody else did it
    return decide_deletion(*sweep->call, *sweep->call->served, current, sweep->options);
  };
  change(call, {call->served, std::string(object->namespace_name()), std::string(object->name())},
         sweep->options.dry_run, decide, [sweep](Result<Outcome> outcome) {
           if (!outcome.ok()) return sweep->call->fail(outcome.error());
           post(sweep->call, [sweep] { step(sweep); });
         });
}

}  // namespace

void remove_collection(const CallPtr& call) {
  auto sweep = std::make_shared<Sweep>();
  sweep->call = call;
  auto start = [&]() -> Result<> {
    TRY(check_write_options(*call));
    TRY(check_list_options(*call, false));
    sweep->options = TRY(decode_delete_options(*call));
    Selection selection = TRY(Selection::of(*call));
    sweep->snapshot = call->served->cache->list(selection.namespace_name());
    std::erase_if(sweep->snapshot.objects,
                  [&](const ObjectPtr& object) { return !selection.matches(*object); });
    return {};
  };
  Result<> started = start();
  if (!started.ok()) return call->fail(started.error());
  step(sweep);
}

}  // namespace kist::apiserver
