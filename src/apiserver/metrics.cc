// Counters in Prometheus' text format.
#include "src/apiserver/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "src/apiserver/watch_cache.h"

namespace kist::apiserver {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return out;
}

void label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  out.append(name) += "=\"";
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c != '\n') out += c;
  }
  out += '"';
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help);
  out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void process_lines(std::string& out) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  head(out, "process_cpu_seconds_total", "counter", "User and system CPU time spent.");
  out += "process_cpu_seconds_total " + number(seconds(usage.ru_utime) + seconds(usage.ru_stime));
  out += '\n';

  std::ifstream statm("/proc/self/statm");
  int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  int64_t page = sysconf(_SC_PAGESIZE);
  head(out, "process_resident_memory_bytes", "gauge", "Resident memory size.");
  out += "process_resident_memory_bytes " + std::to_string(resident * page) + "\n";
  head(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size.");
  out += "process_virtual_memory_bytes " + std::to_string(pages * page) + "\n";
}

}  // namespace

void Metrics::count(const Request& request) {
  std::string common;
  label(common, "group", request.group);
  label(common, "version", request.version);
  label(common, "resource", request.resource);
  label(common, "subresource", request.subresource);
  label(common, "scope", request.scope);
  label(common, "verb", upper(request.verb));
  label(common, "dry_run", request.dry_run ? "All" : "");
  std::string labels = common;
  label(labels, "code", std::to_string(request.code));

  MutexLock lock(mutex_);
  auto total = totals_.find(labels);
  if (total == totals_.end()) {
    if (totals_.size() >= kSeriesMax) return;  // odd clients do not grow us without end
    total = totals_.emplace(labels, 0).first;
  }
  ++total->second;
  if (request.long_running) return;
  Duration& duration = durations_[common];
  double seconds = std::chrono::duration<double>(request.took).count();
  for (size_t i = 0; i < std::size(kBuckets); ++i) {
    if (seconds <= kBuckets[i]) ++duration.buckets[i];
  }
  ++duration.count;
  duration.sum += seconds;
}

std::string Metrics::text(const WatchCache& cache) const {
  std::string out;
  {
    MutexLock lock(mutex_);
    head(out, "apiserver_request_total", "counter", "Requests answered, by what was asked.");
    for (const auto& [labels, count] : totals_) {
      out += "apiserver_request_total{" + labels + "} " + std::to_string(count) + "\n";
    }
    head(out, "apiserver_request_duration_seconds", "histogram",
         "Time to answer, without watches.");
    for (const auto& [labels, duration] : durations_) {
      std::string name = "apiserver_request_duration_seconds";
      for (size_t i = 0; i < std::size(kBuckets); ++i) {
        out += name + "_bucket{" + labels + ",le=\"" + number(kBuckets[i]) + "\"} " +
               std::to_string(duration.buckets[i]) + "\n";
      }
      out += name + "_bucket{" + labels + ",le=\"+Inf\"} " + std::to_string(duration.count) + "\n";
      out += name + "_sum{" + labels + "} " + number(duration.sum) + "\n";
      out += name + "_count{" + labels + "} " + std::to_string(duration.count) + "\n";
    }
  }
  head(out, "apiserver_current_inflight_requests", "gauge", "Requests being answered.");
  out += "apiserver_current_inflight_requests{request_kind=\"readOnly\"} " +
         std::to_string(reads_inflight.load()) + "\n";
  out += "apiserver_current_inflight_requests{request_kind=\"mutating\"} " +
         std::to_string(writes_inflight.load()) + "\n";
  head(out, "apiserver_longrunning_requests", "gauge", "Watches that are open.");
  out += "apiserver_longrunning_requests{verb=\"WATCH\"} " + std::to_string(watches.load()) + "\n";
  head(out, "apiserver_storage_objects", "gauge", "Objects stored, by resource.");
  for (const auto& resource : cache.resources()) {
    std::string name(resource->row().plural);
    if (!resource->row().group.empty()) name.append(".").append(resource->row().group);
    out += "apiserver_storage_objects{resource=\"" + name + "\"} " +
           std::to_string(resource->size()) + "\n";
  }
  process_lines(out);
  return out;
}

}  // namespace kist::apiserver
