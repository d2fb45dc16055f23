// The loop of optimistic writes, and the cut for the revision.
#include "src/apiserver/registry/change.h"

#include "src/apiserver/encode.h"

namespace kist::apiserver {
namespace {

// A revision nobody can have. metadata stands before all other members and its resourceVersion
// before everything nested, so the first place with this text is the right one; inside a string the
// quotes would be escaped.
constexpr std::string_view kMarker = R"("resourceVersion":"@")";
constexpr size_t kMarkerCut = kMarker.size() - 2;  // in front of the @

struct Attempt {
  CallPtr call;
  Target target;
  bool dry_run;
  Decide decide;
  Finish finish;
  int count = 0;
};

void run(const std::shared_ptr<Attempt>& attempt);

void again(const std::shared_ptr<Attempt>& attempt) {
  if (++attempt->count < kChangeAttemptsMax) {
    return post(attempt->call, [attempt] { run(attempt); });
  }
  const Resource& row = *attempt->target.served->row;
  attempt->finish(modified(row.plural, row.group, attempt->target.name));
}

datastore::Write write_of(const Attempt& attempt, const ObjectPtr& current, Decision& decision) {
  using Kind = datastore::Write::Kind;
  const ResourceCache& cache = *attempt.target.served->cache;
  datastore::Write write;
  write.kind = decision.action == Decision::Action::kRemove ? Kind::kRemove
               : current == nullptr                         ? Kind::kCreate
                                                            : Kind::kUpdate;
  bool lazy = cache.row().lifetime == Lifetime::kLazy;
  write.durability = lazy ? datastore::Durability::kLazy : datastore::Durability::kDurable;
  write.key = cache.key(attempt.target.namespace_name, attempt.target.name);
  if (current != nullptr) write.expected = {current->revision()};
  write.head = std::move(decision.value.head);
  write.tail = std::move(decision.value.tail);
  return write;
}

// What a dry run of a create shows: it never was stored. The uid stands before the revision.
std::string without_revision(const Halves& halves) {
  constexpr std::string_view kMember = R"(,"resourceVersion":")";
  ENSURE(halves.head.ends_with(kMember) && halves.tail.starts_with('"'));
  return halves.head.substr(0, halves.head.size() - kMember.size()) + halves.tail.substr(1);
}

void finish_without_writing(Attempt& attempt, const ObjectPtr& current, const Decision& decision) {
  Outcome outcome;
  outcome.created = current == nullptr;
  outcome.removed = decision.action == Decision::Action::kRemove;
  if (decision.action == Decision::Action::kNothing) {
    if (current != nullptr) outcome.bytes = current->bytes();
  } else {
    outcome.bytes =
        Slice::of(current == nullptr ? without_revision(decision.value)
                                     : decision.value.with(std::to_string(current->revision())));
  }
  attempt.finish(std::move(outcome));
}

void run(const std::shared_ptr<Attempt>& attempt) {
  const Target& target = attempt->target;
  ObjectPtr current = target.served->cache->get(target.namespace_name, target.name);
  Result<Decision> decided = attempt->decide(current);
  if (!decided.ok()) return attempt->finish(std::move(decided).error());
  Decision decision = std::move(decided).value();
  if (attempt->dry_run || decision.action == Decision::Action::kNothing) {
    return finish_without_writing(*attempt, current, decision);
  }

  auto reservation = std::make_shared<Reservation>(std::move(decision.reservation));
  bool created = current == nullptr, removed = decision.action == Decision::Action::kRemove;
  datastore::Write write = write_of(*attempt, current, decision);
  attempt->call->core.store.submit(
      std::move(write), [attempt, reservation, created, removed](Result<datastore::Entry> written) {
        if (written.ok()) {
          reservation->keep();
          return attempt->finish(Outcome{written.value().value, created, removed});
        }
        Code code = written.error().code;
        // Somebody was faster; decide again from what there is now.
        if (code == Code::kConflict || code == Code::kNotFound || code == Code::kAlreadyExists) {
          return again(attempt);
        }
        attempt->finish(std::move(written).error());
      });
}

}  // namespace

Halves halves_of(api::Value& object, api::Allocator& allocator) {
  api::set(api::child(object, "metadata", allocator), "resourceVersion", "@", allocator);
  std::string text = api::to_text(object);
  size_t at = text.find(kMarker);
  ENSURE(at != std::string::npos);
  at += kMarkerCut;
  Halves halves{{}, text.substr(at + 1)};
  text.resize(at);
  halves.head = std::move(text);
  return halves;
}

Halves halves_of(const Object& object) {
  std::vector<Slice> slices = object.with_revision(0);
  if (slices.size() != 3) return {std::string(object.bytes().view()), {}};
  return {std::string(slices[0].view()), std::string(slices[2].view())};
}

void change(const CallPtr& call, Target target, bool dry_run, Decide decide, Finish finish) {
  auto attempt = std::make_shared<Attempt>();
  attempt->call = call;
  attempt->target = std::move(target);
  attempt->dry_run = dry_run;
  attempt->decide = std::move(decide);
  attempt->finish = std::move(finish);
  run(attempt);
}

void answer(const CallPtr& call, int status, const Slice& stored) {
  auto encode = [call, status, stored] {
    Result<View> view = view_of(*call);
    if (!view.ok()) return call->fail(view.error());
    call->respond(status, encode_object(view.value(), stored), call->format.content_type());
  };
  if (call->format.plain_json() && !call->served->converts()) return encode();
  post(call, encode);  // making another form may take longer than the store's thread has
}

Finish answer_with_object(const CallPtr& call) {
  return [call](Result<Outcome> outcome) {
    if (!outcome.ok()) return call->fail(outcome.error());
    answer(call, outcome.value().created ? 201 : 200, outcome.value().bytes);
  };
}

api::Json parse_stored(const Slice& bytes) {
  Result<api::Json> parsed = api::parse_json(bytes.view());
  ENSURE(parsed.ok());
  return std::move(parsed).value();
}

Error as_invalid(const Served& served, std::string_view name, Error error) {
  if (error.code != Code::kInvalid || error.message.find(" is invalid: ") != std::string::npos) {
    return error;
  }
  return invalid(served.row->kind, served.row->group, name, error.message, std::move(error.causes));
}

}  // namespace kist::apiserver
