#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace kist::cli {
namespace {

using runtime::images::Progress;

constexpr std::chrono::milliseconds kRedraw{100};
constexpr size_t kBarWidth = 30;
constexpr size_t kBarsMax = 30;

// "sha256:0123456789ab" and "blobs/sha256/0123..." shown as their first digits.
std::string short_name(const std::string& blob) {
  const std::string name = blob.substr(blob.find_last_of("/:") + 1);
  const bool digits = name.find_first_not_of("0123456789abcdef.tar") == name.npos;
  return digits ? name.substr(0, 12) : blob;
}

const char* words(Progress::Step step) {
  switch (step) {
    case Progress::Step::kWaiting: return "waiting";
    case Progress::Step::kFetching: return "fetching";
    case Progress::Step::kPresent: return "already here";
    case Progress::Step::kDone: return "done";
  }
  return "";
}

std::string bar(const Progress& progress) {
  const uint64_t done = std::min(progress.bytes, progress.total);
  const size_t filled =
      static_cast<size_t>(done * kBarWidth / std::max<uint64_t>(progress.total, 1));
  return "[" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + "]";
}

}  // namespace

std::string size_text(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f%s" : "%.3g%s", value, kUnits[unit]);
  return text;
}

ProgressPrinter::ProgressPrinter() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressPrinter::show(const Progress& progress) {
  const auto [state, fresh] = states_.insert_or_assign(progress.blob, progress);
  if (fresh) order_.push_back(progress.blob);
  const bool over =
      progress.step == Progress::Step::kDone || progress.step == Progress::Step::kPresent;
  if (!terminal_) {
    if (over)
      std::fprintf(stderr, "%s: %s, %s\n", short_name(progress.blob).c_str(), words(progress.step),
                   size_text(std::max(progress.bytes, progress.total)).c_str());
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!over && now - drawn_at_ < kRedraw) return;
  drawn_at_ = now;
  draw();
}

void ProgressPrinter::draw() {
  std::string text = lines_drawn_ > 0 ? "\x1b[" + std::to_string(lines_drawn_) + "A" : "";
  const size_t first = order_.size() > kBarsMax ? order_.size() - kBarsMax : 0;
  for (size_t i = first; i < order_.size(); ++i) {
    const Progress& progress = states_.at(order_[i]);
    text += "\r\x1b[K" + short_name(progress.blob) + " ";
    text += progress.step == Progress::Step::kFetching ? bar(progress) : words(progress.step);
    text += " " + size_text(progress.bytes) + "/" + size_text(progress.total) + "\n";
  }
  lines_drawn_ = order_.size() - first;
  std::fputs(text.c_str(), stderr);
}

void ProgressPrinter::finish() {
  if (terminal_ && !order_.empty()) draw();
}

}  // namespace kist::cli
