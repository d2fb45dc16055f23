// Read, decide, write: how every stored object comes to be changed.
//
// A decision is made from the object as the cache shows it and written only if that is still so; if
// not, it is made again. Nobody waits in a thread: the store answers by callback.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kist/api/json.h"
#include "src/apiserver/core.h"

namespace kist::apiserver {

inline constexpr int kChangeAttemptsMax = 64;

// An object's text with the place for its revision cut out.
struct Halves {
  std::string head, tail;
  std::string with(std::string_view revision) const { return head + std::string(revision) + tail; }
};

// `object` must be canonical but for metadata.resourceVersion, which is replaced.
Halves halves_of(api::Value& object, api::Allocator& allocator);
Halves halves_of(const Object& object);

struct Decision {
  enum class Action : uint8_t { kNothing, kWrite, kRemove };
  Action action = Action::kNothing;
  Halves value;  // kRemove: what the deletion event shows
  Reservation reservation = {};
};

struct Outcome {
  Slice bytes;
  bool created = false, removed = false;
};

// Runs on a worker, as often as needed. `current`: null where there is no such object.
using Decide = std::function<Result<Decision>(const ObjectPtr& current)>;
// Runs once: on the worker, or on the store's thread, where it must not take long.
using Finish = std::function<void(Result<Outcome>)>;

struct Target {
  const Served* served = nullptr;
  std::string namespace_name, name;
};

// On a worker. The call's own resource and name are not looked at, `target` is.
void change(const CallPtr& call, Target target, bool dry_run, Decide decide, Finish finish);

// Finishes that answer the call with the object.
void answer(const CallPtr& call, int status, const Slice& stored);
Finish answer_with_object(const CallPtr& call);

// Steps that every decision is made of.
api::Json parse_stored(const Slice& bytes);  // our own text: always parses
Error as_invalid(const Served& served, std::string_view name, Error error);

}  // namespace kist::apiserver
