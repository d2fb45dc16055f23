#include "runtime/monitor/container.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "kist/base/log.h"
#include "runtime/process_start.h"
#include "runtime/sys.h"

namespace kist::runtime {
namespace {

constexpr int kSignalBase = 128;  // what a shell adds to the number of a deadly signal

struct Pipe {
  Fd reading, writing;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe2");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> open_null(int flags) {
  Fd null(::open("/dev/null", flags | O_CLOEXEC));
  if (!null) return errno_error("open /dev/null");
  return null;
}

// A program that opens /dev/stdout again does so as its own user.
void give_to(const ProcessPlan& process, const Fd& descriptor) {
  [[maybe_unused]] const int given = ::fchown(descriptor.get(), process.uid, process.gid);
}

Result<Fd> duplicate(const Fd& descriptor) {
  Fd copy(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("duplicate a descriptor");
  return copy;
}

Result<> send_signal(const Fd& pidfd, int number) {
  if (sys::pidfd_send_signal(pidfd.get(), number) == 0) return {};
  if (errno == ESRCH) return Error{Code::kConflict, "the process has ended"};
  return errno_error("send signal " + std::to_string(number));
}

}  // namespace

Container::Container(MonitorHost& host, ContainerOptions options)
    : host_(host), options_(std::move(options)) {
  status_.id = options_.id;
}

Container::~Container() {
  host_.poller.forget(first_.number);
  for (auto& [name, process] : execs_) host_.poller.forget(process.number);
}

int64_t Container::now_ns() const {
  return std::chrono::nanoseconds(host_.clock.now().time_since_epoch()).count();
}

Result<> Container::open_output() {
  std::optional<LogWriter> log;
  if (!options_.log.path.empty()) log = TRY(LogWriter::open(options_.log, host_.clock));
  output_ =
      std::make_unique<Output>(host_.poller, host_.clock, host_.stalled_outputs, std::move(log));
  return {};
}

Result<std::unique_ptr<Container>> Container::create(MonitorHost& host, ContainerOptions options,
                                                     const LaunchPlan& plan) {
  std::unique_ptr<Container> made(new Container(host, std::move(options)));
  TRY(made->open_output());
  Pipe input, output, error;
  LaunchIo io;
  if (!plan.process.terminal) {
    output = TRY(make_pipe());
    error = TRY(make_pipe());
    if (made->options_.standard_input) {
      input = TRY(make_pipe());
    } else {
      input.reading = TRY(open_null(O_RDONLY));
    }
    for (const Fd* end : {&input.reading, &output.writing, &error.writing}) {
      if (end != &input.reading || made->options_.standard_input) give_to(plan.process, *end);
    }
    io.standard_in = input.reading.get();
    io.standard_out = output.writing.get();
    io.standard_error = error.writing.get();
  }
  Launched launched = TRY(launch(plan, host.cgroups, io));
  for (const std::string& warning : launched.warnings) {
    log_warn(warning, {{"container", made->options_.id}});
  }
  made->cgroup_ = std::move(launched.cgroup);
  made->first_.pid = made->status_.pid = launched.process.pid();
  made->first_.pidfd = launched.process.release();
  made->gate_ = std::move(launched.gate);
  made->input_ = std::move(input.writing);
  made->status_.created_ns = made->now_ns();
  if (launched.console) {
    made->console_ = TRY(duplicate(launched.console));
    TRY(made->output_->add_stream(LogStream::kStdout, std::move(launched.console)));
  } else {
    TRY(made->output_->add_stream(LogStream::kStdout, std::move(output.reading)));
    TRY(made->output_->add_stream(LogStream::kStderr, std::move(error.reading)));
  }
  TRY(made->watch(made->first_, {}));
  TRY(made->save_record());
  return made;
}

std::unique_ptr<Container> Container::recover(MonitorHost& host, const ContainerRecord& record) {
  ContainerOptions options;
  options.id = record.status.id;
  std::unique_ptr<Container> made(new Container(host, std::move(options)));
  made->output_ =
      std::make_unique<Output>(host.poller, host.clock, host.stalled_outputs, std::nullopt);
  made->status_ = record.status;
  made->cgroup_ = Cgroup::open(host.cgroups, record.cgroup);
  if (record.status.state == ContainerState::kExited) return made;
  made->cgroup_.kill_all();
  if (record.status.pid > 0 && process_start_time(record.status.pid) == record.pid_start_ticks) {
    ::kill(record.status.pid, SIGKILL);
  }
  made->status_.state = ContainerState::kExited;
  made->status_.exit = {kSignalBase + SIGKILL, SIGKILL, false, true, made->now_ns()};
  if (Result<> saved = made->save_record(); !saved.ok()) {
    log_error("container record not written",
              {{"container", made->status_.id}, {"error", saved.error().message}});
  }
  log_warn("container ended because its monitor died", {{"container", made->status_.id}});
  return made;
}

Result<> Container::watch(Process& process, const std::string& exec) {
  process.number = TRY(
      host_.poller.watch(process.pidfd.get(), EPOLLIN, [this, exec](uint32_t) { on_exit(exec); }));
  return {};
}

ContainerStatus Container::status() const {
  ContainerStatus status = status_;
  if (const LogWriter* log = output_->log()) status.log_dropped_bytes = log->dropped_bytes();
  return status;
}

Result<> Container::save_record() const {
  return write_record(host_.directory, {status(), process_start_time(first_.pid), cgroup_.path()});
}

Result<> Container::start() {
  if (status_.state != ContainerState::kCreated || !gate_) {
    return Error{Code::kConflict, "container " + status_.id + " has been started before"};
  }
  TRY(Gate(std::move(gate_)).start());
  status_.state = ContainerState::kRunning;
  status_.started_ns = now_ns();
  return save_record();
}

Result<Fd> Container::exec(const std::string& name, const ProcessPlan& plan, const ExecIo& io) {
  if (status_.state != ContainerState::kRunning) {
    return Error{Code::kConflict, "container " + status_.id + " is not running"};
  }
  if (name.empty() || execs_.contains(name)) {
    return Error{Code::kAlreadyExists, "exec \"" + name + "\" exists or has no name"};
  }
  const Fd null = TRY(open_null(O_RDWR));
  LaunchIo wired;
  wired.standard_in = io.standard_in >= 0 ? io.standard_in : null.get();
  wired.standard_out = io.standard_out >= 0 ? io.standard_out : null.get();
  wired.standard_error = io.standard_error >= 0 ? io.standard_error : null.get();
  Launched launched = TRY(launch_exec(plan, {status_.pid, cgroup_.path()}, host_.cgroups, wired));
  Process process;
  process.pid = launched.process.pid();
  process.pidfd = launched.process.release();
  launched.cgroup.keep();
  Process& kept = execs_[name] = std::move(process);
  TRY(watch(kept, name));
  return std::move(launched.console);
}

Result<> Container::signal(const MonitorClient::Signal& signal) {
  if (!signal.exec.empty()) {
    const auto found = execs_.find(signal.exec);
    if (found == execs_.end()) return Error{Code::kConflict, "exec " + signal.exec + " has ended"};
    return send_signal(found->second.pidfd, signal.number);
  }
  if (status_.state == ContainerState::kExited) {
    return Error{Code::kConflict, "container " + status_.id + " has ended"};
  }
  if (!signal.all) return send_signal(first_.pidfd, signal.number);
  if (signal.number == SIGKILL && !cgroup_.path().empty()) {
    cgroup_.kill_all();
  } else {
    for (const pid_t pid : cgroup_.processes()) ::kill(pid, signal.number);
  }
  Result<> sent = send_signal(first_.pidfd, signal.number);
  if (!sent.ok() && sent.error().code == Code::kConflict) return {};
  return sent;
}

Result<Fd> Container::attach(Fd standard_out, Fd standard_error, bool standard_in) {
  if (status_.state == ContainerState::kExited) {
    return Error{Code::kConflict, "container " + status_.id + " has ended"};
  }
  Fd input;
  if (standard_in) {
    const Fd& source = console_ ? console_ : input_;
    if (!source) {
      return Error{Code::kInvalid, "container " + status_.id + " has no standard input"};
    }
    input = TRY(duplicate(source));
  }
  TRY(output_->attach(std::move(standard_out), std::move(standard_error)));
  if (standard_in && options_.standard_input_once) input_.reset();
  return input;
}

Result<> Container::reopen_log() {
  LogWriter* log = output_->log();
  if (log == nullptr) return Error{Code::kInvalid, "container " + status_.id + " has no log"};
  return log->reopen();
}

ProcessExit Container::reap(const Process& process) const {
  ProcessExit exit;
  exit.time_ns = now_ns();
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(process.pidfd.get()), &info, WEXITED | WNOHANG) != 0) {
    exit.lost = true;  // not our child: cannot happen, and must not hang anybody
    return exit;
  }
  if (info.si_code == CLD_EXITED) {
    exit.code = info.si_status;
  } else {
    exit.signal = info.si_status;
    exit.code = kSignalBase + info.si_status;
  }
  exit.out_of_memory = !cgroup_.path().empty() && cgroup_.stats().oom_kills > 0;
  return exit;
}

void Container::on_exit(const std::string& exec) {
  if (!exec.empty()) {
    const auto found = execs_.find(exec);
    if (found == execs_.end()) return;
    const ProcessExit exit = reap(found->second);
    host_.poller.forget(found->second.number);
    execs_.erase(found);
    host_.ended({status_.id, exec, exit});
    return;
  }
  status_.exit = reap(first_);
  status_.state = ContainerState::kExited;
  host_.poller.forget(first_.number);
  first_ = {};
  output_->finish();
  gate_.reset();
  console_.reset();
  input_.reset();
  if (Result<> saved = save_record(); !saved.ok()) {
    log_error("container record not written",
              {{"container", status_.id}, {"error", saved.error().message}});
  }
  host_.ended({status_.id, {}, status_.exit});
}

Result<> Container::remove() {
  if (status_.state == ContainerState::kRunning) {
    return Error{Code::kConflict, "container " + status_.id + " is running"};
  }
  if (status_.state == ContainerState::kCreated) {
    TRY(send_signal(first_.pidfd, SIGKILL));
    siginfo_t info{};
    ::waitid(P_PIDFD, static_cast<id_t>(first_.pidfd.get()), &info, WEXITED);
    on_exit({});
  }
  if (!cgroup_.path().empty()) TRY(cgroup_.remove());
  remove_record(host_.directory, status_.id);
  return {};
}

void Container::save(Packer& out, std::vector<int>& descriptors) const {
  pack_status(out, status());
  out.text(options_.log.path).number(static_cast<uint64_t>(options_.log.bytes_max));
  out.number(static_cast<uint64_t>(options_.log.files_max));
  out.flag(options_.standard_input).flag(options_.standard_input_once).text(cgroup_.path());
  pack_descriptor(out, descriptors, first_.pidfd.get());
  for (const Fd* fd : {&gate_, &console_, &input_}) pack_descriptor(out, descriptors, fd->get());
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    pack_descriptor(out, descriptors, output_->source(stream));
    const LogWriter* log = output_->log();
    out.text(log == nullptr ? std::string() : log->unfinished(stream));
  }
  out.number(execs_.size());
  for (const auto& [name, process] : execs_) {
    out.text(name).number(static_cast<uint64_t>(process.pid));
    pack_descriptor(out, descriptors, process.pidfd.get());
  }
  uint64_t attached = 0;
  output_->each_attached([&](LogStream, int) { ++attached; });
  out.number(attached);
  output_->each_attached([&](LogStream stream, int descriptor) {
    out.number(static_cast<uint64_t>(stream));
    pack_descriptor(out, descriptors, descriptor);
  });
}

Result<std::unique_ptr<Container>> Container::restore(MonitorHost& host, Unpacker& in) {
  const ContainerStatus status = TRY(unpack_status(in));
  ContainerOptions options;
  options.id = status.id;
  options.log.path = in.text();
  options.log.bytes_max = static_cast<int64_t>(in.number());
  options.log.files_max = static_cast<int>(in.number());
  options.standard_input = in.flag();
  options.standard_input_once = in.flag();
  std::unique_ptr<Container> made(new Container(host, std::move(options)));
  made->status_ = status;
  made->cgroup_ = Cgroup::open(host.cgroups, in.text());
  TRY(made->open_output());
  made->first_.pid = status.pid;
  made->first_.pidfd = unpack_descriptor(in);
  made->gate_ = unpack_descriptor(in);
  made->console_ = unpack_descriptor(in);
  made->input_ = unpack_descriptor(in);
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    Fd source = unpack_descriptor(in);
    std::string unfinished = in.text();
    if (LogWriter* log = made->output_->log()) log->restore(stream, std::move(unfinished));
    if (source) TRY(made->output_->add_stream(stream, std::move(source)));
  }
  for (uint64_t left = in.number(); left > 0 && left <= kMonitorExecsMax; --left) {
    const std::string name = in.text();
    Process& process = made->execs_[name];
    process.pid = static_cast<pid_t>(in.number());
    process.pidfd = unpack_descriptor(in);
    TRY(made->watch(process, name));
  }
  for (uint64_t left = in.number(); left > 0 && left <= kAttachedMax; --left) {
    const auto stream = in.number() == 0 ? LogStream::kStdout : LogStream::kStderr;
    TRY(made->output_->attach_one(stream, unpack_descriptor(in)));
  }
  if (made->first_.pidfd) TRY(made->watch(made->first_, {}));
  return made;
}

}  // namespace kist::runtime
