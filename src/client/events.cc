// The event recorder: what to write is decided under a lock from memory, then written without one.
#include "kist/client/events.h"

#include <algorithm>
#include <cstdio>

#include "kist/base/log.h"

namespace kist::client {
namespace {

const char* type_text(EventType type) { return type == EventType::kNormal ? "Normal" : "Warning"; }

std::string event_name(const ObjectReference& about, std::chrono::system_clock::time_point now) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  char hex[17];
  std::snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(nanos));
  return about.name + "." + hex;
}

// Events about cluster-scoped objects live in "default".
std::string event_space(const ObjectReference& about) {
  return about.space.empty() ? "default" : about.space;
}

}  // namespace

struct EventRecorder::Memory {
  struct Similar {  // events that differ in their message only
    std::set<std::string> messages;
    std::chrono::steady_clock::time_point last;
  };
  struct Same {
    std::string name;  // of the Event object; empty until the server has it
    std::string first_seen;
    int64_t count = 0;
  };
  struct Bucket {
    double tokens = kEventBurstMax;
    std::chrono::steady_clock::time_point filled;
  };

  // The tables forget all at their bound: counts begin anew, nothing else is lost.
  template <typename T>
  static T& at(std::unordered_map<std::string, T>& table, const std::string& key) {
    if (table.size() >= kEventKeysMax && !table.contains(key)) table.clear();
    return table[key];
  }

  Mutex mutex;
  size_t in_flight GUARDED_BY(mutex) = 0;
  std::unordered_map<std::string, Similar> similar GUARDED_BY(mutex);
  std::unordered_map<std::string, Same> same GUARDED_BY(mutex);
  std::unordered_map<std::string, Bucket> buckets GUARDED_BY(mutex);
};

ObjectReference reference_to(const api::Value& object) {
  ObjectReference reference;
  reference.api_version = api::text_of(object, "apiVersion");
  reference.kind = api::text_of(object, "kind");
  const api::Value* metadata = api::find(object, "metadata");
  if (metadata == nullptr) return reference;
  reference.space = api::text_of(*metadata, "namespace");
  reference.name = api::text_of(*metadata, "name");
  reference.uid = api::text_of(*metadata, "uid");
  reference.resource_version = api::text_of(*metadata, "resourceVersion");
  return reference;
}

EventRecorder::EventRecorder(const Client& client, const Clock& clock, std::string component)
    : client_(client),
      clock_(clock),
      component_(std::move(component)),
      memory_(std::make_shared<Memory>()) {}

EventRecorder::Decision EventRecorder::decide(const ObjectReference& about, EventType type,
                                              std::string_view reason, std::string_view message) {
  const auto now = clock_.steady();
  Decision decision;
  const std::string object = about.kind + "/" + about.space + "/" + about.name + "/" + about.uid;
  const std::string kin = object + "|" + type_text(type) + "|" + std::string(reason);
  MutexLock lock(memory_->mutex);
  decision.drop = memory_->in_flight >= kEventsInFlightMax;
  if (decision.drop) return decision;

  Memory::Similar& similar = Memory::at(memory_->similar, kin);
  if (now - similar.last > kEventWindow) similar.messages.clear();
  similar.last = now;
  if (similar.messages.size() < kSimilarEventsMax) similar.messages.insert(std::string(message));
  const bool combined = similar.messages.size() >= kSimilarEventsMax &&
                        !similar.messages.contains(std::string(message));
  decision.message =
      combined ? "(combined from similar events): " + std::string(message) : std::string(message);
  decision.key = combined ? kin : kin + "|" + decision.message;

  Memory::Bucket& bucket = Memory::at(memory_->buckets, object);
  const double refill = std::chrono::duration<double>(now - bucket.filled) / kEventRefill;
  bucket.tokens = std::min<double>(kEventBurstMax, bucket.tokens + refill);
  bucket.filled = now;
  decision.drop = bucket.tokens < 1;

  Memory::Same& same = Memory::at(memory_->same, decision.key);
  if (same.count++ == 0) same.first_seen = format_rfc3339(clock_.now());
  decision.count = same.count;
  decision.first_seen = same.first_seen;
  decision.name = same.name;
  if (decision.drop) return decision;
  bucket.tokens -= 1;
  ++memory_->in_flight;
  return decision;
}

void EventRecorder::record(const ObjectReference& about, EventType type, std::string_view reason,
                           std::string_view message) {
  const Decision decision = decide(about, type, reason, message);
  if (!decision.drop) write(about, type, reason, decision);
}

void EventRecorder::write(const ObjectReference& about, EventType type, std::string_view reason,
                          const Decision& decision) {
  const std::string now = format_rfc3339(clock_.now());
  api::Json json;
  api::Value& root = json.root();
  api::Allocator& pool = json.allocator();
  root.SetObject();
  Call call;
  std::string name = decision.name;
  if (!name.empty()) {  // one more of the same: the Event we wrote counts up
    call = {.method = "PATCH",
            .path = kEvents.path(event_space(about), name),
            .content_type = "application/merge-patch+json"};
  } else {
    name = event_name(about, clock_.now());
    call = {.method = "POST", .path = kEvents.path(event_space(about))};
    api::set(root, "apiVersion", "v1", pool);
    api::set(root, "kind", "Event", pool);
    api::Value& metadata = api::child(root, "metadata", pool);
    api::set(metadata, "name", name, pool);
    api::set(metadata, "namespace", event_space(about), pool);
    api::Value& involved = api::child(root, "involvedObject", pool);
    api::set(involved, "apiVersion", about.api_version, pool);
    api::set(involved, "kind", about.kind, pool);
    if (!about.space.empty()) api::set(involved, "namespace", about.space, pool);
    api::set(involved, "name", about.name, pool);
    api::set(involved, "uid", about.uid, pool);
    api::set(involved, "resourceVersion", about.resource_version, pool);
    api::set(root, "reason", reason, pool);
    api::set(api::child(root, "source", pool), "component", component_, pool);
    api::set(root, "firstTimestamp", decision.first_seen, pool);
    api::set(root, "type", type_text(type), pool);
    api::set(root, "reportingComponent", component_, pool);
  }
  api::set(root, "message", decision.message, pool);
  api::set(root, "count", api::Value(decision.count), pool);
  api::set(root, "lastTimestamp", now, pool);
  call.body = api::to_text(root);
  client_.send(std::move(call), [memory = memory_, key = decision.key, name](Result<Slice> answer) {
    MutexLock lock(memory->mutex);
    --memory->in_flight;
    const auto known = memory->same.find(key);
    if (answer.ok()) {
      if (known != memory->same.end()) known->second.name = name;
      return;
    }
    // Expired or deleted with its namespace: the next one is written anew.
    if (known != memory->same.end()) memory->same.erase(known);
    const Code code = answer.error().code;
    if (code != Code::kNotFound && code != Code::kForbidden)
      log_warn("event not recorded", {{"event", name}, {"error", answer.error().message}});
  });
}

}  // namespace kist::client
