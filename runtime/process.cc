#include "runtime/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "runtime/cgroup_files.h"
#include "runtime/names.h"
#include "runtime/sys.h"

namespace kist::runtime {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::string_view path_of(const ProcessPlan& plan) {
  for (const std::string& variable : plan.environment) {
    if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
  }
  return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

bool is_program(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         (status.st_mode & 0111) != 0;
}

Result<> drop_bounding(uint64_t kept) {
  for (int number = 0; number < 64; ++number) {
    if ((kept >> number & 1) != 0) continue;
    if (::prctl(PR_CAPBSET_DROP, number) == 0) continue;
    if (errno == EINVAL) break;  // beyond the kernel's last one
    return errno_error("drop capability from the bounding set");
  }
  return {};
}

Result<> set_capabilities(const ProcessPlan& plan) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2];
  for (int i = 0; i < 2; ++i) {
    data[i].effective = static_cast<uint32_t>(plan.effective >> (32 * i));
    data[i].permitted = static_cast<uint32_t>(plan.permitted >> (32 * i));
    data[i].inheritable = static_cast<uint32_t>(plan.inheritable >> (32 * i));
  }
  if (::syscall(SYS_capset, &header, data) != 0) return errno_error("capset");
  // Kernels before 4.3 have no ambient set, and then nothing to clear.
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int number = 0; number < kCapabilityCount; ++number) {
    if ((plan.ambient >> number & 1) == 0) continue;
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) != 0) {
      return errno_error("raise ambient " + std::string(capability_name(number)));
    }
  }
  return {};
}

Result<> set_ids(const ProcessPlan& plan) {
  std::vector<gid_t> groups(plan.groups.begin(), plan.groups.end());
  // Without setgroups (a user namespace that denies it) there is nothing to set either.
  if (::setgroups(groups.size(), groups.data()) != 0 && !(errno == EPERM && groups.empty())) {
    return errno_error("additional groups");
  }
  if (::setresgid(plan.gid, plan.gid, plan.gid) != 0) {
    return errno_error("group " + std::to_string(plan.gid));
  }
  if (::setresuid(plan.uid, plan.uid, plan.uid) != 0) {
    return errno_error("user " + std::to_string(plan.uid));
  }
  return {};
}

Result<> load_seccomp(const ProcessPlan& plan) {
  if (plan.seccomp_program.empty()) return {};
  if (sys::seccomp_install(plan.seccomp_flags, plan.seccomp_program.data(),
                           static_cast<unsigned short>(plan.seccomp_program.size())) != 0) {
    return errno_error("load the seccomp filter");
  }
  return {};
}

Result<> enter_directory(const ProcessPlan& plan) {
  if (::chdir(plan.cwd.c_str()) != 0) return errno_error("working directory " + plan.cwd);
  // A descriptor of the host left open by mistake must not become the way out (CVE-2024-21626).
  char where[2];
  if (::getcwd(where, sizeof(where)) == nullptr && errno == ENOENT) {
    return Error{Code::kForbidden, "working directory " + plan.cwd + " is outside the container"};
  }
  return {};
}

Result<> shed_privileges(const ProcessPlan& plan) {
  TRY(drop_bounding(plan.bounding));
  // Without no_new_privs only CAP_SYS_ADMIN may load a filter, so it has to come first.
  if (!plan.no_new_privileges) TRY(load_seccomp(plan));
  if (::prctl(PR_SET_KEEPCAPS, 1) != 0) return errno_error("keep capabilities");
  TRY(set_ids(plan));
  if (::prctl(PR_SET_KEEPCAPS, 0) != 0) return errno_error("keep capabilities");
  TRY(set_capabilities(plan));
  // As the user who will run: the directory may be closed to root, or to the user.
  TRY(enter_directory(plan));
  if (plan.no_new_privileges) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("no_new_privs");
    TRY(load_seccomp(plan));
  }
  return {};
}

void reset_signals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
}

}  // namespace

Result<std::string> find_program(const ProcessPlan& plan) {
  const std::string& name = plan.arguments.front();
  if (name.find('/') != std::string::npos) {
    if (is_program(name) || name[0] != '/') return name;
    const int reason = ::access(name.c_str(), F_OK) == 0 ? EACCES : ENOENT;
    return errno_error("executable file `" + name + "`", reason);
  }
  std::string_view left = path_of(plan);
  for (;;) {
    const size_t colon = left.find(':');
    const std::string directory(left.substr(0, colon));
    const std::string path = (directory.empty() ? "." : directory) + "/" + name;
    if (!name.empty() && is_program(path)) return path;
    if (colon == std::string_view::npos) break;
    left.remove_prefix(colon + 1);
  }
  return Error{Code::kNotFound,
               "executable file `" + name + "` not found in $PATH: No such file or directory"};
}

Error become_program(const ProcessPlan& plan, int label, int open_files) {
  const auto steps = [&]() -> Result<std::string> {
    if (!plan.keyring.empty() && sys::join_keyring(plan.keyring.c_str()) < 0 && errno != ENOSYS &&
        errno != EPERM && errno != EDQUOT) {
      return errno_error("join keyring");
    }
    if (label >= 0 && ::write(label, plan.exec_label.data(), plan.exec_label.size()) < 0) {
      return errno_error("security label " + plan.exec_label);
    }
    reset_signals();
    if (plan.umask >= 0) ::umask(static_cast<mode_t>(plan.umask));
    if (sys::close_range(static_cast<unsigned>(open_files), ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
      // Before Linux 5.11. All of ours are closed by exec; inherited ones may not be.
      for (int fd = open_files; fd < 4096; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    std::string program = TRY(find_program(plan));
    TRY(shed_privileges(plan));
    return program;
  };
  Result<std::string> program = steps();
  if (!program.ok()) return std::move(program).error();
  const std::vector<char*> arguments = pointers(plan.arguments);
  const std::vector<char*> environment = pointers(plan.environment);
  ::execve(program.value().c_str(), arguments.data(), environment.data());
  return errno_error("exec " + program.value());
}

Result<> apply_limits(pid_t pid, const ProcessPlan& plan, std::vector<std::string>& warnings) {
  for (const RlimitPlan& limit : plan.rlimits) {
    rlimit64 wanted{limit.soft, limit.hard};
    const auto resource = static_cast<__rlimit_resource>(limit.resource);
    if (::prlimit64(pid, resource, &wanted, nullptr) == 0) continue;
    if (errno != EPERM) return errno_error("rlimit " + std::to_string(limit.resource));
    rlimit64 now{};
    if (::prlimit64(pid, resource, nullptr, &now) != 0) return errno_error("read rlimit");
    wanted.rlim_max = std::min<rlim64_t>(limit.hard, now.rlim_max);
    wanted.rlim_cur = std::min<rlim64_t>(limit.soft, wanted.rlim_max);
    warnings.push_back("rlimit " + std::to_string(limit.resource) + " stays at " +
                       std::to_string(wanted.rlim_max) + ": we may not raise it");
    if (::prlimit64(pid, resource, &wanted, nullptr) != 0) return errno_error("set rlimit");
  }
  if (plan.has_oom_score_adj) {
    const std::string file = "/proc/" + std::to_string(pid) + "/oom_score_adj";
    const Result<> done = write_file(file, std::to_string(plan.oom_score_adj));
    if (!done.ok()) warnings.push_back("oom_score_adj is left as it is: " + done.error().message);
  }
  return {};
}

}  // namespace kist::runtime
