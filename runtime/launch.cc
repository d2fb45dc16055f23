// The launching side: clone, the things only the outside may do, and the answer.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kist/runtime/launcher.h"
#include "runtime/cgroup_files.h"
#include "runtime/channel.h"
#include "runtime/child.h"
#include "runtime/names.h"
#include "runtime/process.h"
#include "runtime/sys.h"
#include "runtime/trees.h"

namespace kist::runtime {
namespace {

// Namespaces that the caller steps into for the moment of the clone, and out of again: the child is
// born there and needs no right to join them.
class Steps {
 public:
  ~Steps() {
    for (auto& [flag, home] : homes_) {
      // Not being able to come back would put whatever we do next into a container.
      ENSURE(::setns(home.get(), static_cast<int>(flag)) == 0);
    }
  }

  Result<> into(uint64_t flag, int target, int kinds, const std::string& what) {
    TRY(remember(flag));
    if (sys::setns(target, kinds) != 0) return errno_error("join namespace " + what);
    return {};
  }
  // Children get a new time namespace, whose clocks can be set only as long as nobody is in it.
  Result<> into_new_time(const std::string& offsets) {
    TRY(remember(CLONE_NEWTIME));
    if (sys::unshare(CLONE_NEWTIME) != 0) return errno_error("time namespace");
    if (offsets.empty()) return {};
    return write_file("/proc/self/timens_offsets", offsets);
  }

 private:
  Result<> remember(uint64_t flag) {
    for (int kind = 0; kind <= static_cast<int>(NamespaceKind::kTime); ++kind) {
      const auto one = static_cast<NamespaceKind>(kind);
      if (namespace_flag(one) != flag) continue;
      const std::string path = "/proc/self/ns/" + std::string(namespace_file(one));
      Fd home(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!home) return errno_error(path);
      homes_.emplace_back(flag, std::move(home));
      return {};
    }
    return Error{Code::kInternal, "unknown namespace"};
  }

  std::vector<std::pair<uint64_t, Fd>> homes_;
};

struct Joined {
  Fd mount, user;
};

Result<Joined> step_into(const NamespacePlan& plan, Steps& steps) {
  Joined joined;
  for (const auto& [flag, path] : plan.joined) {
    Fd target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!target) return errno_error("namespace " + path);
    if (flag == CLONE_NEWNS) {
      joined.mount = std::move(target);
    } else if (flag == CLONE_NEWUSER) {
      joined.user = std::move(target);
    } else {
      TRY(steps.into(flag, target.get(), static_cast<int>(flag), path));
    }
  }
  if ((plan.create_flags & CLONE_NEWTIME) != 0) TRY(steps.into_new_time(plan.time_offsets));
  return joined;
}

// Namespaces that a foreign user namespace shall own have to be made from inside of it: by a helper
// that goes there and gives us a child.
Result<pid_t> clone_through(int user_namespace, uint64_t flags, int* pidfd) {
  std::pair<Fd, Fd> ends = TRY(make_channel());
  int helper_fd = -1;
  const pid_t helper = sys::clone3(0, &helper_fd, -1);
  if (helper < 0) return errno_error("clone");
  if (helper == 0) {
    if (sys::setns(user_namespace, CLONE_NEWUSER) != 0) ::_exit(1);
    int unused = -1;
    const pid_t pid = sys::clone3(flags | CLONE_PARENT, &unused, -1);
    if (pid == 0) return 0;
    if (pid > 0) static_cast<void>(send_message(ends.second.get(), Word::kGo, std::to_string(pid)));
    ::_exit(pid > 0 ? 0 : 1);
  }
  const Fd held(helper_fd);
  ends.second.reset();
  const Result<Message> message = receive_message(ends.first.get());
  ::waitpid(helper, nullptr, 0);
  if (!message.ok()) return Error{Code::kInternal, "clone in the joined user namespace failed"};
  const pid_t pid = static_cast<pid_t>(std::atoi(message.value().text.c_str()));
  *pidfd = sys::pidfd_open(pid);
  return pid;
}

struct Gates {
  Fd near, far;
};

Result<Gates> make_gate(const LaunchIo& io) {
  Gates gates;
  if (io.gate_listener >= 0) return gates;
  std::pair<Fd, Fd> ends = TRY(make_channel());
  gates.near = std::move(ends.first);
  gates.far = std::move(ends.second);
  return gates;
}

// Keeps descriptors of ours above those that the container will get.
Result<> lift(Fd& fd, int floor) {
  if (!fd || fd.get() >= floor) return {};
  const int high = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, floor);
  if (high < 0) return errno_error("descriptor");
  fd.reset(high);
  return {};
}

Result<> map_ids(pid_t pid, const NamespacePlan& plan) {
  if ((plan.create_flags & CLONE_NEWUSER) == 0) return {};
  const std::string base = "/proc/" + std::to_string(pid);
  TRY(write_file(base + "/uid_map", plan.uid_map));
  return write_file(base + "/gid_map", plan.gid_map);
}

// Until the child says ready. Its error is the launch's error.
Result<> hear(int channel, Launched& launched) {
  for (;;) {
    Result<Message> received = receive_message(channel);
    if (!received.ok()) return std::move(received).context("the container's first process").error();
    Message message = std::move(received).value();
    switch (message.word) {
      case Word::kReady: return {};
      case Word::kConsole: launched.console = std::move(message.fd); break;
      case Word::kError: return Error{message.code, message.text};
      default: return Error{Code::kInternal, "unexpected word from the child"};
    }
  }
}

struct Birth {
  pid_t pid = -1;
  int pidfd = -1;
  bool in_cgroup = false;
};

Result<Birth> clone_container(const LaunchPlan& plan, const Joined& joined, const Cgroup& cgroup) {
  // The time namespace was made before, that of cgroups comes when the child is in its group.
  const uint64_t flags =
      plan.namespaces.create_flags & ~static_cast<uint64_t>(CLONE_NEWTIME | CLONE_NEWCGROUP);
  Birth birth;
  if (joined.user) {
    birth.pid = TRY(clone_through(joined.user.get(), flags, &birth.pidfd));
    return birth;
  }
  const int directory = cgroup.clone_directory();
  birth.pid = sys::clone3(flags, &birth.pidfd, directory);
  birth.in_cgroup = directory >= 0;
  if (birth.pid < 0 && directory >= 0) {
    birth.pid = sys::clone3(flags, &birth.pidfd, -1);  // before Linux 5.7
    birth.in_cgroup = false;
  }
  if (birth.pid < 0) return errno_error("clone");
  return birth;
}

Result<> settle(const LaunchPlan& plan, const LaunchIo& io, bool in_cgroup, int channel,
                Launched& launched) {
  const pid_t pid = launched.process.pid();
  TRY(map_ids(pid, plan.namespaces));
  TRY(launched.cgroup.add_process(pid, in_cgroup));
  if (io.on_namespaces) TRY(io.on_namespaces(pid));
  TRY(send_message(channel, Word::kGo));
  TRY(hear(channel, launched));
  return apply_limits(pid, plan.process, launched.warnings);
}

// Those namespaces of the target that are not ours already.
int foreign_namespaces(pid_t pid) {
  int kinds = 0;
  for (int kind = 0; kind <= static_cast<int>(NamespaceKind::kTime); ++kind) {
    const auto one = static_cast<NamespaceKind>(kind);
    struct stat ours {
    }, theirs{};
    const std::string file = "/ns/" + std::string(namespace_file(one));
    if (::stat(("/proc/self" + file).c_str(), &ours) != 0 ||
        ::stat(("/proc/" + std::to_string(pid) + file).c_str(), &theirs) != 0) {
      continue;
    }
    if (ours.st_ino != theirs.st_ino) kinds |= static_cast<int>(namespace_flag(one));
  }
  return kinds;
}

sockaddr_un gate_address(int directory, socklen_t* size) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // Through the descriptor, since the path of a socket may have no more than 108 bytes.
  const std::string path = "/proc/self/fd/" + std::to_string(directory) + "/start.sock";
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  *size = sizeof(address);
  return address;
}

}  // namespace

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this == &other) return *this;
  kill();
  pid_ = std::exchange(other.pid_, -1);
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

void ChildProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

Result<Fd> bind_gate(const std::string& directory) {
  const Fd dir(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!dir || !listener) return errno_error("gate in " + directory);
  socklen_t size = 0;
  const sockaddr_un address = gate_address(dir.get(), &size);
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::listen(listener.get(), 4) != 0) {
    return errno_error("gate in " + directory);
  }
  return listener;
}

Result<Gate> Gate::connect(const std::string& directory) {
  const Fd dir(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!dir || !socket) return errno_error("gate in " + directory);
  socklen_t size = 0;
  const sockaddr_un address = gate_address(dir.get(), &size);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return errno_error("the container does not wait for a start");
  }
  return Gate(std::move(socket));
}

Result<> Gate::start() {
  TRY(send_message(socket_.get(), Word::kStart));
  Result<Message> answer = receive_message(socket_.get());
  // exec closed the other end: the program runs.
  if (!answer.ok() && answer.error().code == Code::kGone) return {};
  const Message message = TRY(std::move(answer));
  return Error{message.code, message.text};
}

Result<Launched> launch(const LaunchPlan& plan, const CgroupHost& host, const LaunchIo& io) {
  Launched launched;
  launched.cgroup = TRY(Cgroup::create(host, plan.cgroup, launched.warnings));
  std::pair<Fd, Fd> channel = TRY(make_channel());
  Gates gates = TRY(make_gate(io));
  TRY(lift(channel.second, 3 + io.preserved));
  TRY(lift(gates.far, 3 + io.preserved));
  const Trees trees = TRY(open_trees(plan, host, launched.cgroup));
  Birth birth;
  {
    Steps steps;
    const Joined joined = TRY(step_into(plan.namespaces, steps));
    birth = TRY(clone_container(plan, joined, launched.cgroup));
    if (birth.pid == 0) {
      const ChildFiles files{channel.second.get(), gates.far ? gates.far.get() : io.gate_listener,
                             !gates.far, joined.mount.get()};
      channel.first.reset();
      gates.near.reset();
      run_container(plan, trees, io, files);
    }
  }
  launched.process = ChildProcess(birth.pid, Fd(birth.pidfd));
  channel.second.reset();
  gates.far.reset();
  TRY(settle(plan, io, birth.in_cgroup, channel.first.get(), launched));
  launched.gate = std::move(gates.near);
  return launched;
}

Result<Launched> launch_exec(const ProcessPlan& plan, const ExecTarget& target,
                             const CgroupHost& host, const LaunchIo& io) {
  Launched launched;
  const Fd pidfd(sys::pidfd_open(target.pid));
  if (!pidfd) return errno_error("process " + std::to_string(target.pid));
  Cgroup cgroup = Cgroup::open(host, target.cgroup);
  std::pair<Fd, Fd> channel = TRY(make_channel());
  Gates gates = TRY(make_gate({}));
  TRY(lift(channel.second, 3 + io.preserved));
  TRY(lift(gates.far, 3 + io.preserved));
  const int kinds = foreign_namespaces(target.pid);
  Birth birth;
  {
    Steps steps;
    // A process cannot change its own pid namespace, only that of its children.
    if ((kinds & CLONE_NEWPID) != 0) {
      TRY(steps.into(CLONE_NEWPID, pidfd.get(), CLONE_NEWPID, "of the container"));
    }
    birth = TRY(clone_container({}, {}, cgroup));
    if (birth.pid == 0) {
      const ChildFiles files{channel.second.get(), gates.far.get(), false, -1};
      channel.first.reset();
      gates.near.reset();
      run_joined(plan, pidfd.get(), kinds & ~CLONE_NEWPID, io, files);
    }
  }
  launched.process = ChildProcess(birth.pid, Fd(birth.pidfd));
  channel.second.reset();
  gates.far.reset();
  LaunchPlan only;
  only.process = plan;
  launched.cgroup = std::move(cgroup);
  TRY(settle(only, io, birth.in_cgroup, channel.first.get(), launched));
  TRY(Gate(std::move(gates.near)).start());
  return launched;
}

}  // namespace kist::runtime
