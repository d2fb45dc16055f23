// See reporter.h.
#include "src/scheduler/reporter.h"

#include <unistd.h>

#include <cstdio>
#include <unordered_map>

#include "kist/base/log.h"
#include "kist/base/mutex.h"
#include "kist/client/events.h"

namespace kist::scheduler {
namespace {

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "unknown";
  return name;
}

// As upstream names events: the object's name and the time.
std::string event_name(const PodInfo& about, std::chrono::system_clock::time_point now) {
  const auto nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  char hex[17];
  std::snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(nanos));
  return about.name + "." + hex;
}

void set_involved(api::Value& event, const PodInfo& about, api::Allocator& pool) {
  api::Value& involved = api::child(event, "involvedObject", pool);
  api::set(involved, "apiVersion", "v1", pool);
  api::set(involved, "kind", "Pod", pool);
  api::set(involved, "namespace", about.space, pool);
  api::set(involved, "name", about.name, pool);
  api::set(involved, "uid", about.uid, pool);
  api::set(involved, "resourceVersion", about.resource_version, pool);
}

}  // namespace

struct Reporter::Memory {
  struct Series {
    std::string path;  // of the Event; empty until the server has it
    int64_t count = 0;
    std::chrono::steady_clock::time_point seen, written;
  };
  Mutex mutex;
  size_t in_flight GUARDED_BY(mutex) = 0;
  std::unordered_map<std::string, Series> series GUARDED_BY(mutex);
};

std::string truncate_note(std::string note) {
  constexpr std::string_view kCut = " ...";
  if (note.size() <= kNoteMax) return note;
  note.resize(kNoteMax - kCut.size());
  // A character cut in two would make the text invalid.
  while (!note.empty() && (static_cast<unsigned char>(note.back()) & 0xC0) == 0x80) note.pop_back();
  if (!note.empty() && static_cast<unsigned char>(note.back()) >= 0xC0) note.pop_back();
  return note.append(kCut);
}

Reporter::Reporter(const client::Client& client, const Clock& clock, std::string controller)
    : client_(client),
      clock_(clock),
      controller_(std::move(controller)),
      instance_(controller_ + "-" + host_name()),
      memory_(std::make_shared<Memory>()) {}

void Reporter::report(const PodInfo& about, const Report& report) {
  std::string key = about.uid;
  for (std::string_view part : {report.type, report.reason, std::string_view(report.note)})
    key.append("|").append(part);
  const auto now = clock_.steady();
  std::string path;
  int64_t count = 0;
  {
    MutexLock lock(memory_->mutex);
    if (memory_->in_flight >= client::kEventsInFlightMax) return;
    if (memory_->series.size() >= kSeriesMax && !memory_->series.contains(key))
      memory_->series.clear();
    Memory::Series& series = memory_->series[key];
    if (series.count > 0 && now - series.seen > kSeriesGap) series = {};
    series.seen = now;
    count = ++series.count;
    path = series.path;
    if (count > 2 && now - series.written < kSeriesWritePeriod) return;
    series.written = now;
    if (count > 1 && path.empty()) return;  // its creation is still under way
    ++memory_->in_flight;
  }
  if (count == 1) return create(about, report, key);
  raise(path, key, count);
}

void Reporter::create(const PodInfo& about, const Report& report, const std::string& key) {
  const auto now = clock_.now();
  const std::string name = event_name(about, now);
  api::Json json;
  api::Value& event = json.root().SetObject();
  api::Allocator& pool = json.allocator();
  api::set(event, "apiVersion", "v1", pool);
  api::set(event, "kind", "Event", pool);
  api::Value& metadata = api::child(event, "metadata", pool);
  api::set(metadata, "name", name, pool);
  api::set(metadata, "namespace", about.space, pool);
  set_involved(event, about, pool);
  api::set(event, "type", report.type, pool);
  api::set(event, "reason", report.reason, pool);
  api::set(event, "action", report.action, pool);
  api::set(event, "message", truncate_note(report.note), pool);
  api::set(event, "eventTime", format_rfc3339_micro(now), pool);
  api::set(event, "reportingComponent", controller_, pool);
  api::set(event, "reportingInstance", instance_, pool);
  const std::string path = client::kEvents.path(about.space, name);
  client_.send(
      {.method = "POST", .path = client::kEvents.path(about.space), .body = api::to_text(event)},
      [memory = memory_, key, path](Result<Slice> answer) {
        MutexLock lock(memory->mutex);
        --memory->in_flight;
        const auto known = memory->series.find(key);
        if (answer.ok()) {
          if (known != memory->series.end()) known->second.path = path;
          return;
        }
        if (known != memory->series.end()) memory->series.erase(known);
        if (answer.error().code != Code::kNotFound && answer.error().code != Code::kForbidden)
          log_warn("event not recorded", {{"event", path}, {"error", answer.error().message}});
      });
}

void Reporter::raise(const std::string& path, const std::string& key, int64_t count) {
  const std::string body = R"({"series":{"count":)" + std::to_string(count) +
                           R"(,"lastObservedTime":")" + format_rfc3339_micro(clock_.now()) + "\"}}";
  client_.send({.method = "PATCH",
                .path = path,
                .content_type = "application/merge-patch+json",
                .body = body},
               [memory = memory_, key](const Result<Slice>& answer) {
                 MutexLock lock(memory->mutex);
                 --memory->in_flight;
                 if (answer.ok()) return;
                 memory->series.erase(key);  // expired: the next one is written anew
               });
}

}  // namespace kist::scheduler
