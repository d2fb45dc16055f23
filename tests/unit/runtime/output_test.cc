#include "runtime/monitor/output.h"

#include <fcntl.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kist::runtime {
namespace {

class StepClock : public Clock {
 public:
  std::chrono::system_clock::time_point now() const override { return {}; }
  std::chrono::steady_clock::time_point steady() const override {
    return std::chrono::steady_clock::time_point(time);
  }
  std::chrono::seconds time{1000};
};

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    reading = Fd(ends[0]);
    writing = Fd(ends[1]);
  }
  void write(std::string_view bytes) {
    REQUIRE(::write(writing.get(), bytes.data(), bytes.size()) ==
            static_cast<ssize_t>(bytes.size()));
  }
  // What there is now; empty also at the end.
  std::string read() {
    ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
    std::string all;
    char piece[4096];
    for (ssize_t size; (size = ::read(reading.get(), piece, sizeof piece)) > 0;) {
      all.append(piece, static_cast<size_t>(size));
    }
    return all;
  }
  bool at_end() {
    char byte = 0;
    return ::read(reading.get(), &byte, 1) == 0;
  }
  Fd reading, writing;
};

// An Output whose container is the test: it writes to `out` and `error`.
struct Fixture {
  Fixture() {
    ::signal(SIGPIPE, [](int) {});
    char name[] = "/tmp/kist-output-XXXXXX";
    folder = ::mkdtemp(name);
    Result<LogWriter> log = LogWriter::open({folder + "/0.log"}, clock);
    REQUIRE(log.ok());
    output = std::make_unique<Output>(poller, clock, stalled_outputs, std::move(log).value());
    REQUIRE(output->add_stream(LogStream::kStdout, std::move(out.reading)).ok());
    REQUIRE(output->add_stream(LogStream::kStderr, std::move(error.reading)).ok());
  }
  ~Fixture() {
    output.reset();
    std::filesystem::remove_all(folder);
  }
  void turn(int times = 1) {
    for (int i = 0; i < times; ++i) REQUIRE(poller.wait(0).ok());
  }
  std::string log() const {
    std::stringstream text;
    text << std::ifstream(folder + "/0.log").rdbuf();
    return text.str();
  }

  StepClock clock;
  int stalled_outputs = 0;
  Poller poller = std::move(Poller::create()).value();
  Pipe out, error;
  std::string folder;
  std::unique_ptr<Output> output;
};

TEST_CASE("output: goes to the log and to who is attached") {
  Fixture fixture;
  fixture.out.write("before\n");
  fixture.turn();
  Pipe all, errors;
  REQUIRE(fixture.output->attach(std::move(all.writing), std::move(errors.writing)).ok());
  fixture.out.write("out\n");
  fixture.error.write("err\n");
  fixture.turn();
  CHECK(all.read() == "out\n");
  CHECK(errors.read() == "err\n");
  CHECK(fixture.log().find("stdout F before\n") != std::string::npos);
  CHECK(fixture.log().find("stderr F err\n") != std::string::npos);
  fixture.output->finish();
  CHECK(all.at_end());
  CHECK(errors.at_end());
}

TEST_CASE("output: who goes away is forgotten, the others go on") {
  Fixture fixture;
  Pipe leaves, stays;
  REQUIRE(fixture.output->attach(std::move(leaves.writing), {}).ok());
  REQUIRE(fixture.output->attach(std::move(stays.writing), {}).ok());
  leaves.reading.reset();
  fixture.out.write("a\n");
  fixture.turn(2);
  fixture.out.write("b\n");
  fixture.turn(2);
  CHECK(stays.read() == "a\nb\n");
  int attached = 0;
  fixture.output->each_attached([&](LogStream, int) { ++attached; });
  CHECK(attached == 1);
}

TEST_CASE("output: a slow reader holds its container back, then is cut off") {
  Fixture fixture;
  Pipe slow;
  REQUIRE(::fcntl(slow.writing.get(), F_SETPIPE_SZ, 4096) == 4096);
  REQUIRE(fixture.output->attach(std::move(slow.writing), {}).ok());
  const std::string flood(60'000, 'x');
  fixture.out.write(flood);
  fixture.turn();
  REQUIRE(fixture.output->stalled());
  CHECK(fixture.stalled_outputs == 1);
  const size_t logged = fixture.log().size();
  fixture.out.write(flood);
  fixture.turn(3);
  CHECK(fixture.log().size() == logged);  // nothing more is read

  SECTION("it reads on") {
    std::string got;
    while (fixture.output->stalled()) {
      got += slow.read();
      fixture.turn();
    }
    for (int i = 0; i < 40; ++i) {
      fixture.turn();
      got += slow.read();
    }
    CHECK(got.size() == 2 * flood.size());
    CHECK(fixture.stalled_outputs == 0);
  }
  SECTION("the container ends meanwhile") {
    fixture.output->finish();
    CHECK(fixture.stalled_outputs == 0);
  }
  SECTION("the container is forgotten meanwhile") {
    fixture.output.reset();
    CHECK(fixture.stalled_outputs == 0);
  }
  SECTION("it never does") {
    fixture.output->cut_off_stalled();
    CHECK(fixture.output->stalled());
    fixture.clock.time += kStallMax;
    fixture.output->cut_off_stalled();
    CHECK_FALSE(fixture.output->stalled());
    fixture.turn();
    CHECK(fixture.log().size() > logged);
  }
}

TEST_CASE("output: what the dead left in the pipe is logged") {
  Fixture fixture;
  fixture.out.write("last words");
  fixture.output->finish();
  CHECK(fixture.log().find("F last words\n") != std::string::npos);
  CHECK(fixture.output->source(LogStream::kStdout) == -1);
}

TEST_CASE("output: attaching has a bound") {
  Fixture fixture;
  std::vector<Pipe> pipes(kAttachedMax + 1);
  for (size_t i = 0; i < kAttachedMax; ++i) {
    REQUIRE(fixture.output->attach(std::move(pipes[i].writing), {}).ok());
  }
  Result<> refused = fixture.output->attach(std::move(pipes.back().writing), {});
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Code::kConflict);
}

}  // namespace
}  // namespace kist::runtime
