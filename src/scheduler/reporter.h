// Events as the scheduler reports them: in the form of events.k8s.io, where the same event again
// makes a series of the one there is. Best effort: nothing blocks, what cannot be written is
// logged.
//
// client::EventRecorder writes the older form, with source and count, which is what controllers
// report in upstream too.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "kist/base/clock.h"
#include "kist/client/client.h"
#include "src/scheduler/pod_info.h"

namespace kist::scheduler {

inline constexpr size_t kNoteMax = 1024;              // bytes: events.k8s.io's own bound
inline constexpr size_t kSeriesMax = 4096;            // remembered; beyond that all are forgotten
inline constexpr std::chrono::minutes kSeriesGap{6};  // longer apart: a new event
// A series is written when it becomes one and then at most once in this time.
inline constexpr std::chrono::minutes kSeriesWritePeriod{1};

struct Report {
  std::string_view type;    // "Normal", "Warning"
  std::string_view reason;  // "Scheduled"
  std::string_view action;  // "Binding"
  std::string note;
};

std::string truncate_note(std::string note);

class Reporter {
 public:
  Reporter(const client::Client& client, const Clock& clock, std::string controller);

  void report(const PodInfo& about, const Report& report);

 private:
  struct Memory;

  void create(const PodInfo& about, const Report& report, const std::string& key);
  void raise(const std::string& path, const std::string& key, int64_t count);

  const client::Client& client_;
  const Clock& clock_;
  const std::string controller_, instance_;
  std::shared_ptr<Memory> memory_;  // shared with answers that are still under way
};

}  // namespace kist::scheduler
