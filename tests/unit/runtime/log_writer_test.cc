#include "runtime/monitor/log_writer.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kist::runtime {
namespace {

namespace fs = std::filesystem;

class FixedClock : public Clock {
 public:
  std::chrono::system_clock::time_point now() const override {
    return std::chrono::system_clock::time_point(wall);
  }
  std::chrono::steady_clock::time_point steady() const override { return {}; }
  std::chrono::nanoseconds wall{1'800'000'000'000'000'042};
};

struct Folder {
  Folder() {
    char name[] = "/tmp/kist-log-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

size_t files_in(const std::string& path) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(path), {}));
}

const std::string kOut = "2027-01-15T08:00:00.000000042Z stdout ";

LogWriter open(const Folder& folder, const Clock& clock, int64_t bytes_max = 0, int files = 5) {
  Result<LogWriter> opened = LogWriter::open({folder.path + "/0.log", bytes_max, files}, clock);
  REQUIRE(opened.ok());
  return std::move(opened).value();
}

TEST_CASE("log writer: CRI lines") {
  const std::string longest(kLogLineMax, 'x');
  struct Case {
    const char* name;
    std::vector<std::string> pieces;
    std::string expected;
  };
  const Case cases[] = {
      {"a line", {"hello\n"}, kOut + "F hello\n"},
      {"an empty line", {"\n"}, kOut + "F \n"},
      {"a line in pieces", {"he", "llo\nwor", "ld\n"}, kOut + "F hello\n" + kOut + "F world\n"},
      {"no end: a line at the end", {"a\nb"}, kOut + "F a\n" + kOut + "F b\n"},
      {"the longest line", {longest + "\n"}, kOut + "F " + longest + "\n"},
      {"longer: partial", {longest + "y\n"}, kOut + "P " + longest + "\n" + kOut + "F y\n"},
      {"longer, in pieces", {longest, "y", "\n"}, kOut + "P " + longest + "\n" + kOut + "F y\n"},
      {"carriage returns and NULs stay",
       {std::string("a\r\0b\n", 5)},
       kOut + "F " + std::string("a\r\0b\n", 5)},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Folder folder;
    FixedClock clock;
    LogWriter log = open(folder, clock);
    for (const std::string& piece : c.pieces) log.append(LogStream::kStdout, piece);
    log.end(LogStream::kStdout);
    CHECK((read(folder.path + "/0.log") == c.expected));
  }
}

TEST_CASE("log writer: streams do not mix within a line") {
  Folder folder;
  FixedClock clock;
  LogWriter log = open(folder, clock);
  log.append(LogStream::kStdout, "ou");
  log.append(LogStream::kStderr, "err\n");
  log.append(LogStream::kStdout, "t\n");
  CHECK(read(folder.path + "/0.log") ==
        "2027-01-15T08:00:00.000000042Z stderr F err\n" + kOut + "F out\n");
}

TEST_CASE("log writer: rotation keeps so many files of that size") {
  Folder folder;
  FixedClock clock;
  LogWriter log = open(folder, clock, 200, 3);
  const int lines = GENERATE(3, 50, 2000);
  for (int i = 0; i < lines; ++i) log.append(LogStream::kStdout, std::to_string(i) + "\n");
  CHECK(static_cast<int>(files_in(folder.path)) == std::min(3, (lines + 3) / 4));
  for (const auto& entry : fs::directory_iterator(folder.path)) CHECK(entry.file_size() <= 200);
  const std::string text = read(folder.path + "/0.log");
  CHECK(text.ends_with(" " + std::to_string(lines - 1) + "\n"));
  // The newest of the rotated files ends where the current one begins, though all have one time.
  if (lines == 2000) {
    CHECK(fs::exists(folder.path + "/0.log.20270115-080000.498"));
    CHECK(fs::exists(folder.path + "/0.log.20270115-080000.497"));
  }
}

TEST_CASE("log writer: one file only") {
  Folder folder;
  FixedClock clock;
  LogWriter log = open(folder, clock, 100, 1);
  for (int i = 0; i < 10; ++i) log.append(LogStream::kStdout, std::to_string(i) + "\n");
  CHECK(files_in(folder.path) == 1u);
  CHECK(read(folder.path + "/0.log").ends_with("F 9\n"));
}

TEST_CASE("log writer: goes on where it was") {
  Folder folder;
  FixedClock clock;
  open(folder, clock).append(LogStream::kStdout, "one\n");
  LogWriter log = open(folder, clock);
  fs::rename(folder.path + "/0.log", folder.path + "/moved");
  log.append(LogStream::kStdout, "two\n");
  REQUIRE(log.reopen().ok());
  log.append(LogStream::kStdout, "three\n");
  CHECK(read(folder.path + "/moved") == kOut + "F one\n" + kOut + "F two\n");
  CHECK(read(folder.path + "/0.log") == kOut + "F three\n");
}

TEST_CASE("log writer: a full disk drops lines and counts them") {
  Folder folder;
  FixedClock clock;
  LogWriter log = open(folder, clock);
  log.append(LogStream::kStdout, "before\n");
  const auto limited = fs::file_size(folder.path + "/0.log");
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit full{limited, old.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
  log.append(LogStream::kStdout, "lost\n");
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  log.append(LogStream::kStdout, "after\n");
  CHECK(log.dropped_bytes() == (kOut + "F lost\n").size());
  CHECK(read(folder.path + "/0.log") == kOut + "F before\n" + kOut + "F after\n");
}

TEST_CASE("log writer: errors name the file") {
  FixedClock clock;
  Result<LogWriter> opened = LogWriter::open({"/nonexistent/0.log"}, clock);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().message.find("/nonexistent/0.log") != std::string::npos);
}

}  // namespace
}  // namespace kist::runtime
