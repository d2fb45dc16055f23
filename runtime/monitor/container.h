// One container as its parent sees it: processes, streams, log, record.
//
// Threads: one (the monitor's). Ownership: descriptors and the cgroup are the container's until
// remove(); a Container that is dropped closes descriptors and ends nothing.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "kist/base/fd.h"
#include "kist/runtime/launcher.h"
#include "kist/runtime/monitor.h"
#include "runtime/monitor/message.h"
#include "runtime/monitor/output.h"
#include "runtime/monitor/poller.h"
#include "runtime/monitor/record.h"

namespace kist::runtime {

// What all containers of a monitor share; outlives them.
struct MonitorHost {
  Poller& poller;
  const Clock& clock;
  const std::string& directory;
  const CgroupHost& cgroups;
  int& stalled_outputs;                     // how many containers wait for a slow reader
  std::function<void(MonitorEvent)> ended;  // tells the subscribers
};

class Container {
 public:
  // Sets the process up; it waits for start(). `plan.id` is not looked at.
  static Result<std::unique_ptr<Container>> create(MonitorHost& host, ContainerOptions options,
                                                   const LaunchPlan& plan);
  // One that a dead monitor left: ended here, shown as lost.
  static std::unique_ptr<Container> recover(MonitorHost& host, const ContainerRecord& record);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  ContainerStatus status() const;
  Result<> start();
  // The terminal, where the plan has one. Descriptors in `io` stay the caller's.
  Result<Fd> exec(const std::string& name, const ProcessPlan& plan, const ExecIo& io);
  Result<> signal(const MonitorClient::Signal& signal);
  Result<Fd> attach(Fd standard_out, Fd standard_error, bool standard_in);
  Result<> reopen_log();
  Result<> remove();  // kConflict: it runs
  Output& output() { return *output_; }
  size_t execs() const { return execs_.size(); }

  // For a successor of this process, which has the same descriptors. save() appends their numbers.
  void save(Packer& out, std::vector<int>& descriptors) const;
  static Result<std::unique_ptr<Container>> restore(MonitorHost& host, Unpacker& in);

 private:
  struct Process {
    pid_t pid = 0;
    Fd pidfd;
    uint64_t number = 0;
  };

  Container(MonitorHost& host, ContainerOptions options);
  Result<> open_output();
  Result<> watch(Process& process, const std::string& exec);
  void on_exit(const std::string& exec);
  ProcessExit reap(const Process& process) const;
  Result<> save_record() const;
  int64_t now_ns() const;

  MonitorHost& host_;
  ContainerOptions options_;
  ContainerStatus status_;
  Process first_;
  std::map<std::string, Process> execs_;
  Fd gate_, console_, input_;
  std::unique_ptr<Output> output_;
  Cgroup cgroup_;
};

}  // namespace kist::runtime
