#include "runtime/child.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/cgroup_files.h"
#include "runtime/channel.h"
#include "runtime/process.h"
#include "runtime/root_paths.h"
#include "runtime/rootfs.h"
#include "runtime/sys.h"
#include "runtime/terminal.h"

namespace kist::runtime {
namespace {

[[noreturn]] void fail(int channel, const Error& error) {
  static_cast<void>(send_message(channel, Word::kError, error.message, -1, error.code));
  ::_exit(127);
}

Result<> wait_for_go(int channel) {
  const Message message = TRY(receive_message(channel));
  if (message.word != Word::kGo) return Error{Code::kInternal, "no go from the launching process"};
  return {};
}

// Waits for start(). Returns the connection that its answer goes to.
Result<Fd> wait_at_gate(const ChildFiles& files) {
  for (;;) {
    Fd connection(files.gate_listens ? ::accept4(files.gate, nullptr, nullptr, SOCK_CLOEXEC)
                                     : ::fcntl(files.gate, F_DUPFD_CLOEXEC, 3));
    if (!connection && errno == EINTR) continue;
    if (!connection) return errno_error("wait for start");
    const Result<Message> message = receive_message(connection.get());
    if (message.ok() && message.value().word == Word::kStart) return connection;
    // Whoever knocked is gone; at a listening gate somebody else may come.
    if (!files.gate_listens) return Error{Code::kCanceled, "nobody is left to start it"};
  }
}

Result<> use_files(const LaunchIo& io) {
  const int wanted[3] = {io.standard_in, io.standard_out, io.standard_error};
  int high[3];
  // First out of the way, so that no dup2 overwrites one that is still needed.
  for (int i = 0; i < 3; ++i) {
    high[i] = ::fcntl(wanted[i], F_DUPFD_CLOEXEC, 3 + io.preserved);
    if (high[i] < 0) return errno_error("standard files");
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(high[i], i) < 0) return errno_error("standard files");
  }
  return {};
}

// In a new user namespace we are nobody until we take the id that is root there.
Result<> become_namespace_root() {
  if (::setresgid(0, 0, 0) != 0 && errno != EINVAL) return errno_error("group 0");
  if (::setresuid(0, 0, 0) != 0 && errno != EINVAL) return errno_error("user 0");
  if (::setgroups(0, nullptr) != 0 && errno != EPERM) return errno_error("groups");
  return {};
}

bool joins(const LaunchPlan& plan, uint64_t flag) {
  for (const auto& [one, path] : plan.namespaces.joined) {
    if (one == flag) return true;
  }
  return false;
}

Result<> enter_namespaces(const LaunchPlan& plan, const ChildFiles& files) {
  const bool user =
      (plan.namespaces.create_flags & CLONE_NEWUSER) != 0 || joins(plan, CLONE_NEWUSER);
  if (user) TRY(become_namespace_root());
  if (files.mount_namespace >= 0 && sys::setns(files.mount_namespace, CLONE_NEWNS) != 0) {
    return errno_error("join the mount namespace");
  }
  // Its root is the group we are in now: it has to be made after we moved.
  if ((plan.namespaces.create_flags & CLONE_NEWCGROUP) != 0 && sys::unshare(CLONE_NEWCGROUP) != 0) {
    return errno_error("cgroup namespace");
  }
  if (!plan.hostname.empty() && ::sethostname(plan.hostname.data(), plan.hostname.size()) != 0) {
    return errno_error("hostname");
  }
  if (!plan.domainname.empty() &&
      ::setdomainname(plan.domainname.data(), plan.domainname.size()) != 0) {
    return errno_error("domainname");
  }
  return {};
}

// The host's /proc: what it shows of net, ipc and uts are the caller's own.
Result<> set_sysctls(const LaunchPlan& plan) {
  for (const auto& [path, value] : plan.sysctls) TRY(write_file("/proc/sys/" + path, value));
  return {};
}

Fd open_label(const ProcessPlan& plan) {
  if (plan.exec_label_file.empty()) return Fd();
  return Fd(::open(("/proc/self/attr/" + plan.exec_label_file).c_str(), O_WRONLY | O_CLOEXEC));
}

Result<> give_terminal(int root, const ProcessPlan& plan, int channel, bool bind) {
  Terminal terminal = TRY(open_terminal(root, plan));
  if (bind) TRY(bind_console(root, terminal.number));
  TRY(send_message(channel, Word::kConsole, {}, terminal.master.get()));
  terminal.master.reset();
  return use_terminal(std::move(terminal));
}

// All that can be done while the host is still in sight, and the farewell.
Result<> build(const LaunchPlan& plan, const Trees& trees, int channel) {
  TRY(set_sysctls(plan));
  const Fd root = TRY(mount_root(plan.root, trees));
  TRY(mount_all(root.get(), plan, trees));
  TRY(make_devices(root.get(), plan, trees));
  TRY(open_in_root(root.get(), plan.process.cwd, Create::kDirectory).context("working directory"));
  if (plan.process.terminal) TRY(give_terminal(root.get(), plan.process, channel, true));
  TRY(run_hooks(plan.create_container, plan.hook_state, "createContainer"));
  TRY(protect_paths(root.get(), plan));
  return enter_root(root.get(), plan.root);
}

void harden() {
  // Nobody in the container may look into us or at our binary before we are its program.
  ::prctl(PR_SET_DUMPABLE, 0);
  // If the launching process dies before all is built, so do we: nothing half built stays.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

Result<Fd> prepare_container(const LaunchPlan& plan, const Trees& trees, const LaunchIo& io,
                             const ChildFiles& files) {
  harden();
  TRY(wait_for_go(files.channel));
  if (::setsid() < 0) return errno_error("setsid");
  Fd label = open_label(plan.process);
  if (!plan.process.terminal) TRY(use_files(io));
  TRY(enter_namespaces(plan, files));
  harden();  // a change of ids undoes both
  TRY(build(plan, trees, files.channel));
  TRY(find_program(plan.process));
  ::prctl(PR_SET_PDEATHSIG, 0);
  TRY(send_message(files.channel, Word::kReady));
  return label;
}

[[noreturn]] void start_program(const ProcessPlan& plan, const std::vector<HookPlan>& hooks,
                                const std::string& hook_state, int label, const LaunchIo& io,
                                const ChildFiles& files) {
  Result<Fd> connection = wait_at_gate(files);
  if (!connection.ok()) ::_exit(127);
  if (Result<> done = run_hooks(hooks, hook_state, "startContainer"); !done.ok()) {
    fail(connection.value().get(), done.error());
  }
  fail(connection.value().get(), become_program(plan, label, 3 + io.preserved));
}

Result<Fd> prepare_joined(const ProcessPlan& plan, int pidfd, int kinds, const LaunchIo& io,
                          const ChildFiles& files) {
  harden();
  TRY(wait_for_go(files.channel));
  if (::setsid() < 0) return errno_error("setsid");
  Fd label = open_label(plan);
  if (!plan.terminal) TRY(use_files(io));
  if (kinds != 0 && sys::setns(pidfd, kinds) != 0) return errno_error("join the container");
  if ((kinds & CLONE_NEWUSER) != 0) TRY(become_namespace_root());
  harden();
  if (::chdir("/") != 0) return errno_error("chdir /");
  if (plan.terminal) {
    const Fd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno_error("open /");
    TRY(give_terminal(root.get(), plan, files.channel, false));
  }
  TRY(find_program(plan));
  ::prctl(PR_SET_PDEATHSIG, 0);
  TRY(send_message(files.channel, Word::kReady));
  return label;
}

}  // namespace

void run_container(const LaunchPlan& plan, const Trees& trees, const LaunchIo& io,
                   const ChildFiles& files) {
  Result<Fd> label = prepare_container(plan, trees, io, files);
  if (!label.ok()) fail(files.channel, label.error());
  start_program(plan.process, plan.start_container, plan.hook_state, label.value().get(), io,
                files);
}

void run_joined(const ProcessPlan& plan, int pidfd, int kinds, const LaunchIo& io,
                const ChildFiles& files) {
  Result<Fd> label = prepare_joined(plan, pidfd, kinds, io, files);
  if (!label.ok()) fail(files.channel, label.error());
  start_program(plan, {}, "", label.value().get(), io, files);
}

}  // namespace kist::runtime
