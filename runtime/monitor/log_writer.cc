// Formatting is one pass over what was read: whole lines go from the caller's bytes to one buffer
// and with one write(2) to the file; only an unfinished line is kept.
#include "runtime/monitor/log_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

namespace kist::runtime {
namespace {

constexpr mode_t kLogMode = 0640;

// "2026-11-25T12:58:01.123456789Z stdout ": what each line of one append() begins with.
std::string line_head(const Clock& clock, LogStream stream) {
  const auto now = clock.now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now - seconds);
  std::string head = format_rfc3339(seconds);
  head.pop_back();  // the Z comes behind the fraction
  char fraction[24];
  std::snprintf(fraction, sizeof fraction, ".%09ldZ", static_cast<long>(nanos.count()));
  head += fraction;
  head += stream == LogStream::kStdout ? " stdout " : " stderr ";
  return head;
}

void add_line(std::string& out, std::string_view head, bool whole, std::string_view first,
              std::string_view second) {
  out += head;
  out += whole ? "F " : "P ";
  out += first;
  out += second;
  out += '\n';
}

std::string rotation_suffix(const Clock& clock) {
  const time_t seconds = std::chrono::system_clock::to_time_t(clock.now());
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, ".%Y%m%d-%H%M%S", &parts));
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace

Result<LogWriter> LogWriter::open(LogOptions options, const Clock& clock) {
  LogWriter writer(std::move(options), clock);
  TRY(writer.reopen());
  return writer;
}

Result<> LogWriter::reopen() {
  Fd file(::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                 kLogMode));
  if (!file) return errno_error("open log " + options_.path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_error("stat log " + options_.path);
  file_ = std::move(file);
  size_ = info.st_size;
  return {};
}

void LogWriter::append(LogStream stream, std::string_view bytes) {
  std::string& waiting = tail(stream);
  const std::string head = line_head(*clock_, stream);
  std::string lines;
  while (!bytes.empty()) {
    const size_t room = kLogLineMax - waiting.size();
    const size_t end = bytes.substr(0, room + 1).find('\n');
    if (end != std::string_view::npos) {
      add_line(lines, head, true, waiting, bytes.substr(0, end));
      bytes.remove_prefix(end + 1);
    } else if (bytes.size() > room) {
      add_line(lines, head, false, waiting, bytes.substr(0, room));
      bytes.remove_prefix(room);
    } else {
      waiting += bytes;
      break;
    }
    std::string().swap(waiting);  // thousands of quiet containers keep no buffers
  }
  write_out(lines);
}

void LogWriter::end(LogStream stream) {
  std::string& waiting = tail(stream);
  if (waiting.empty()) return;
  std::string lines;
  add_line(lines, line_head(*clock_, stream), true, waiting, {});
  std::string().swap(waiting);
  write_out(lines);
}

void LogWriter::write_out(std::string_view lines) {
  if (lines.empty()) return;
  const int64_t grown = size_ + static_cast<int64_t>(lines.size());
  if (options_.bytes_max > 0 && size_ > 0 && grown > options_.bytes_max) {
    // Where it fails the old file goes on: a log that is too long beats one that is lost.
    if (Result<> rotated = rotate(); !rotated.ok() && !file_) {
      dropped_bytes_ += lines.size();
      return;
    }
  }
  while (!lines.empty()) {
    const ssize_t written = ::write(file_.get(), lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    size_ += written;
    lines.remove_prefix(static_cast<size_t>(written));
  }
  dropped_bytes_ += lines.size();
}

Result<> LogWriter::rotate() {
  const std::string base = options_.path + rotation_suffix(*clock_);
  // Numbers of one second go on even where the first of them is already removed: the highest is the
  // newest.
  rotated_number_ = base == rotated_base_ ? rotated_number_ + 1 : 0;
  rotated_base_ = base;
  std::string old;
  for (;; ++rotated_number_) {
    old = rotated_number_ == 0 ? base : base + "." + std::to_string(rotated_number_);
    if (!exists(old)) break;
  }
  if (options_.files_max > 1) {
    if (::rename(options_.path.c_str(), old.c_str()) != 0)
      return errno_error("rename log to " + old);
  } else if (::unlink(options_.path.c_str()) != 0 && errno != ENOENT) {
    return errno_error("remove log " + options_.path);
  }
  TRY(reopen());
  remove_oldest();
  return {};
}

// Names carry the time, so the oldest sort first; numbers of one second have one length up to ten.
void LogWriter::remove_oldest() {
  const size_t slash = options_.path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : options_.path.substr(0, slash + 1);
  const std::string prefix =
      (slash == std::string::npos ? options_.path : options_.path.substr(slash + 1)) + ".";
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
  if (listing == nullptr) return;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name.starts_with(prefix)) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end(), [](const std::string& a, const std::string& b) {
    const size_t stamp = std::min(a.find('-'), b.find('-'));  // same prefix: same place
    if (a.size() != b.size() && a.compare(0, stamp + 7, b, 0, stamp + 7) == 0) {
      return a.size() < b.size();
    }
    return a < b;
  });
  const size_t keep = static_cast<size_t>(std::max(options_.files_max - 1, 0));
  for (size_t i = 0; i + keep < names.size(); ++i) {
    ::unlink((folder + (slash == std::string::npos ? "/" : "") + names[i]).c_str());
  }
}

}  // namespace kist::runtime
