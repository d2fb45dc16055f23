// The monitor: one small process per node that is the parent of every container.
//
// It starts containers from plans, keeps their terminals and pipes, writes their logs, records how
// they ended. Its clients (the kubelet, tests) may die and come back at any moment: nothing they
// started ends with them, and what ended meanwhile is told until it is removed. The monitor may run
// a newer program in its place (upgrade) with everything open.
//
//   MonitorClient monitor = TRY(MonitorClient::connect("/run/kist/monitor"));
//   TRY(monitor.create({.id = "c1", .log = {"/var/log/pods/.../0.log"}}, prepared.plan));
//   TRY(monitor.start("c1"));
//
// Threads:   a MonitorClient belongs to one thread at a time. Calls block until the answer: some
//            milliseconds for create() and exec(), which set up a process, else microseconds.
// Ownership: whoever creates a container removes it; the monitor keeps it until then.
// Errors:    kUnavailable: the monitor is gone. kNotFound: no container of that id. Else those of
//            the launcher, and what each method says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kist/base/clock.h"
#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/container_log.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

struct MonitorOptions {
  std::string directory;  // "/run/kist/monitor": monitor.sock and records of containers; on tmpfs
  int resume = -1;        // what a predecessor handed over; -1: a fresh start
};

inline constexpr size_t kMonitorContainersMax = 4096;
inline constexpr size_t kMonitorExecsMax = 1024;
inline constexpr size_t kMonitorClientsMax = 64;

// The process itself: returns after shutdown(), or when it cannot begin. Needs a single-threaded
// process. Containers of a monitor that was killed are ended and shown as lost.
Result<> run_monitor(const MonitorOptions& options, const Clock& clock);

struct ContainerOptions {
  std::string id;                    // letters, digits, '-', '_' and '.', at most 128
  LogOptions log = {};               // an empty path: no log
  bool standard_input = false;       // a pipe that attach() hands out; else /dev/null
  bool standard_input_once = false;  // ends when the first who attached to it closes it
};

enum class ContainerState : uint8_t { kCreated, kRunning, kExited };

struct ProcessExit {
  int32_t code = 0;    // as a shell tells it: 128 + signal where one ended it
  int32_t signal = 0;  // 0: it ended by itself
  bool out_of_memory = false;
  bool lost = false;    // its monitor died; code and signal are those of our SIGKILL
  int64_t time_ns = 0;  // Unix time
};

struct ContainerStatus {
  std::string id;
  ContainerState state = ContainerState::kCreated;
  pid_t pid = 0;
  int64_t created_ns = 0, started_ns = 0;
  ProcessExit exit;  // of kExited
  uint64_t log_dropped_bytes = 0;
};

struct MonitorEvent {
  std::string id, exec;  // exec is empty where the container itself ended
  ProcessExit exit;
};

// How an exec is connected: descriptors of the caller's, which it may close afterwards. -1:
// /dev/null. With a terminal in the plan they are not used.
struct ExecIo {
  int standard_in = -1, standard_out = -1, standard_error = -1;
};

// Where a container's output also goes, from now on. -1: not wanted. A reader that is slow slows
// the container down; one that is gone is forgotten.
struct AttachIo {
  int standard_out = -1, standard_error = -1;
  bool standard_in = false;
};

class MonitorClient {
 public:
  // `directory` is MonitorOptions::directory. kUnavailable: nobody serves there.
  static Result<MonitorClient> connect(const std::string& directory);

  // The container waits before its program. kAlreadyExists; kInvalid; errors of launch().
  Result<pid_t> create(const ContainerOptions& options, const LaunchPlan& plan);
  Result<> start(const std::string& id);  // errors of the program's exec come here
  // Runs one more process; `exec` names it in events, unique in its container. Returns the
  // terminal where the plan has one: read, write and resize it.
  Result<Fd> exec(const std::string& id, const std::string& exec, const ProcessPlan& plan,
                  const ExecIo& io);
  // To the first process, or to all where `all`. Of an exec where `exec` is not empty. kConflict:
  // it has ended.
  struct Signal {
    int number = 15;
    bool all = false;
    std::string exec = {};
  };
  Result<> signal(const std::string& id, const Signal& signal);
  // Returns what to write standard input to (the terminal, where there is one), if asked for.
  Result<Fd> attach(const std::string& id, const AttachIo& io);
  Result<> reopen_log(const std::string& id);
  // Forgets a container that has ended or never ran, with its cgroup. kConflict: it runs.
  Result<> remove(const std::string& id);
  Result<std::vector<ContainerStatus>> list();

  // From now on next_event() tells what ends. What ended before is in list().
  Result<> subscribe();
  int descriptor() const { return socket_.get(); }  // readable when there may be an event
  // The next event, or nothing after `timeout_ms` (-1: waits).
  Result<std::optional<MonitorEvent>> next_event(int timeout_ms);

  // Runs `program` (a kist binary) in the monitor's place; this connection goes on.
  Result<> upgrade(const std::string& program);
  Result<> shutdown();  // kConflict: there are containers

 private:
  explicit MonitorClient(Fd socket) : socket_(std::move(socket)) {}
  struct Answer {
    std::string body;
    std::vector<Fd> descriptors;
  };
  Result<Answer> call(uint8_t kind, std::string body, const std::vector<int>& descriptors);

  Fd socket_;
  uint64_t serial_ = 0;
  std::deque<MonitorEvent> events_;  // came in while an answer was awaited
};

}  // namespace kist::runtime
