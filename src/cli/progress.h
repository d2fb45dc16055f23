// What a pull or an import shows: bars that move on a terminal, a line per finished step elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kist/runtime/images.h"

namespace kist::cli {

// "12.3MB", as docker prints sizes.
std::string size_text(uint64_t bytes);

// Threads: calls of show() one at a time, as ProgressFunction promises. Writes to stderr.
class ProgressPrinter {
 public:
  ProgressPrinter();
  void show(const runtime::images::Progress& progress);
  void finish();  // the last state of the bars, before anything else is printed

 private:
  void draw();

  const bool terminal_;
  std::map<std::string, runtime::images::Progress> states_;
  std::vector<std::string> order_;
  size_t lines_drawn_ = 0;
  std::chrono::steady_clock::time_point drawn_at_{};
};

}  // namespace kist::cli
