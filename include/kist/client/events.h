// Events: what `kubectl describe` shows under an object.
//
// As Kubernetes' recorder: the same event again raises the count of the one there is; more than ten
// that differ only in their message become one, "(combined from similar events): ..."; and one
// object may say 25 things at once and then one every five minutes. Best effort: recording never
// blocks, and what cannot be written is dropped and logged.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kist/base/clock.h"
#include "kist/base/mutex.h"
#include "kist/client/client.h"

namespace kist::client {

struct ObjectReference {
  std::string api_version, kind, space, name, uid, resource_version;
};
// Of an object that carries its apiVersion and kind.
ObjectReference reference_to(const api::Value& object);

enum class EventType : uint8_t { kNormal, kWarning };

inline constexpr size_t kEventKeysMax =
    4096;  // remembered for aggregation; the oldest are forgotten
// Under way to the server at a time, of one recorder; beyond that they are dropped, as Kubernetes'
// broadcaster drops what its queue of this length does not hold.
inline constexpr size_t kEventsInFlightMax = 1000;
inline constexpr size_t kSimilarEventsMax = 10;
inline constexpr int kEventBurstMax = 25;
inline constexpr std::chrono::seconds kEventRefill{300};
inline constexpr std::chrono::seconds kEventWindow{600};

class EventRecorder {
 public:
  // `component` is who reports: "deployment-controller".
  EventRecorder(const Client& client, const Clock& clock, std::string component);

  void record(const ObjectReference& about, EventType type, std::string_view reason,
              std::string_view message);

 private:
  struct Memory;
  struct Decision {
    bool drop = false;
    std::string message;
    std::string name;  // of the Event to raise; empty: make a new one
    std::string key;
    int64_t count = 1;
    std::string first_seen;
  };

  Decision decide(const ObjectReference& about, EventType type, std::string_view reason,
                  std::string_view message);
  void write(const ObjectReference& about, EventType type, std::string_view reason,
             const Decision& decision);

  const Client& client_;
  const Clock& clock_;
  const std::string component_;
  // Shared with answers that are still under way when the recorder goes.
  std::shared_ptr<Memory> memory_;
};

}  // namespace kist::client
