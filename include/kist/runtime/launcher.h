// Containers started from a spec: prepare() decides, launch() acts.
//
//   HostFacts host = read_host_facts("/");
//   Prepared ready = TRY(prepare(spec, host, {}));
//   Launched container = TRY(launch(ready.plan, io));     // it waits before its program
//   TRY(Gate(std::move(container.gate)).start());         // now the program runs
//
// Threads:   launch() and launch_exec() need a single-threaded process: a child runs our own code
//            between clone and exec, and the caller steps into other namespaces and back.
// Ownership: a Launched kills its process and removes its cgroup when dropped, until the caller
//            takes both over with release() and keep().
// Errors:    name the step and the path: "mount /proc: Operation not permitted".
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/cgroup.h"
#include "kist/runtime/container_spec.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

// What this machine can do, read once.
struct HostFacts {
  CgroupHost cgroups;
  uint64_t capabilities = 0;  // our own bounding set: no container can have more
  bool apparmor = false, selinux = false;
};
// `root` is "/" or, in tests, a directory with proc/ and sys/ below it.
HostFacts read_host_facts(const std::string& root);

struct PrepareOptions {
  std::string seccomp_cache_dir;  // empty: compiled each time
  bool keep_keyring = false;
  bool pivot = true;
};

struct Prepared {
  LaunchPlan plan;
  std::vector<std::string> warnings;  // what will not be as asked, and why
};

// kInvalid: the spec contradicts itself or asks what we do not know; the message names the field.
Result<Prepared> prepare(const ContainerSpec& spec, const HostFacts& host,
                         const PrepareOptions& options);

// Only the part of a process, for launch_exec(); `spec` gives what `process` inherits.
struct PreparedProcess {
  ProcessPlan plan;
  std::vector<std::string> warnings;
};
Result<PreparedProcess> prepare_process(const ProcessSpec& process, const ContainerSpec& spec,
                                        const HostFacts& host, const PrepareOptions& options);

// Files that a launch hands to the container.
struct LaunchIo {
  int standard_in = 0, standard_out = 1, standard_error = 2;  // not used with a terminal
  int preserved = 0;       // descriptors 3 to 2+preserved stay open
  int gate_listener = -1;  // a listening SOCK_SEQPACKET socket where start() will knock; -1: a pair
  // Called while the namespaces exist and nothing is mounted yet: hooks of the caller's side.
  std::function<Result<>(pid_t)> on_namespaces;
};

// The far side of a container that waits for start(), in this or another process.
class Gate {
 public:
  explicit Gate(Fd socket) : socket_(std::move(socket)) {}
  static Result<Gate> connect(const std::string& directory);  // of bind_gate()
  // Lets the program run. The error of its exec, or of what comes before it, comes back here.
  Result<> start();

 private:
  Fd socket_;
};
// "start.sock" in `directory`, however long that path is.
Result<Fd> bind_gate(const std::string& directory);

// A child of ours that dies with this object, unless released.
class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess() { kill(); }

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }
  Fd release() {  // it lives on; the pidfd is the caller's
    pid_ = -1;
    return std::move(pidfd_);
  }

 private:
  void kill();

  pid_t pid_ = -1;
  Fd pidfd_;
};

struct Launched {
  Cgroup cgroup;  // first: it is removed when the process is dead
  ChildProcess process;
  Fd console;  // the terminal's other end
  Fd gate;     // for a Gate; empty with a gate_listener
  std::vector<std::string> warnings;
};

Result<Launched> launch(const LaunchPlan& plan, const CgroupHost& host, const LaunchIo& io);

struct ExecTarget {
  pid_t pid = -1;
  std::string cgroup;  // its path; empty: stay in ours
};
// Runs one more process in a container; it has begun its program when this returns.
Result<Launched> launch_exec(const ProcessPlan& plan, const ExecTarget& target,
                             const CgroupHost& host, const LaunchIo& io);

// Makes sure that /proc/self/exe cannot be opened for writing from inside a container, by running
// this program again from a read-only mount of its file. Returns only when there is no need or no
// way. CVE-2019-5736.
void protect_own_binary(char** arguments);

}  // namespace kist::runtime
