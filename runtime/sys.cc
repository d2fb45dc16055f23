#include "runtime/sys.h"

#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace kist::runtime::sys {

bool (*fail_next)(const char* call) = nullptr;

namespace {

bool fails(const char* call) {
  if (fail_next == nullptr || !fail_next(call)) return false;
  errno = EIO;
  return true;
}

}  // namespace

pid_t clone3(uint64_t flags, int* pidfd, int cgroup_directory) {
  if (fails("clone3")) return -1;
  clone_args arguments{};
  arguments.flags = flags | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<uint64_t>(pidfd);
  if ((flags & CLONE_PARENT) == 0) arguments.exit_signal = SIGCHLD;
  if (cgroup_directory >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<uint64_t>(cgroup_directory);
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<pid_t>(pid);
  if (cgroup_directory >= 0 && errno == EPERM) return -1;  // the cgroup's refusal, not a filter's
  // Old kernels and emulation: without the cgroup, which the caller joins afterwards.
  const unsigned long old_flags = (flags | CLONE_PIDFD) | ((flags & CLONE_PARENT) ? 0 : SIGCHLD);
#if defined(__s390x__)
  return static_cast<pid_t>(::syscall(SYS_clone, nullptr, old_flags, pidfd, nullptr, nullptr));
#else
  return static_cast<pid_t>(::syscall(SYS_clone, old_flags, nullptr, pidfd, nullptr, nullptr));
#endif
}

int pidfd_open(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }

int pidfd_send_signal(int pidfd, int signal) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

int open_tree(int directory, const char* path, unsigned flags) {
  if (fails("open_tree")) return -1;
  return static_cast<int>(::syscall(SYS_open_tree, directory, path, flags | OPEN_TREE_CLOEXEC));
}

int move_mount(int from, int to, const char* to_path) {
  if (fails("move_mount")) return -1;
  const unsigned flags = MOVE_MOUNT_F_EMPTY_PATH |
                         (*to_path == 0 ? static_cast<unsigned>(MOVE_MOUNT_T_EMPTY_PATH) : 0U);
  return static_cast<int>(::syscall(SYS_move_mount, from, "", to, to_path, flags));
}

int fsopen(const char* type) {
  if (fails("fsopen")) return -1;
  return static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int fsconfig_string(int fs, const char* key, const char* value) {
  if (fails("fsconfig")) return -1;
  return static_cast<int>(::syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
}

int fsconfig_flag(int fs, const char* key) {
  if (fails("fsconfig")) return -1;
  return static_cast<int>(::syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, nullptr, 0));
}

int fsconfig_create(int fs) {
  if (fails("fsconfig")) return -1;
  return static_cast<int>(::syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0));
}

int fsmount(int fs, unsigned attributes) {
  if (fails("fsmount")) return -1;
  return static_cast<int>(::syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes));
}

int mount_setattr(int directory, const char* path, unsigned flags, const mount_attr& attributes) {
  if (fails("mount_setattr")) return -1;
  return static_cast<int>(
      ::syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof(attributes)));
}

int mount(const char* source, const char* target, const char* type, unsigned long flags,
          const char* data) {
  if (fails("mount")) return -1;
  return ::mount(source, target, type, flags, data);
}

int umount2(const char* target, int flags) {
  if (fails("umount2")) return -1;
  return ::umount2(target, flags);
}

int pivot_root(const char* new_root, const char* put_old) {
  if (fails("pivot_root")) return -1;
  return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}

int openat2(int directory, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct {
    uint64_t flags, mode, resolve;
  } how{flags, mode, resolve};
  return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof(how)));
}

int setns(int fd, int kinds) {
  if (fails("setns")) return -1;
  return ::setns(fd, kinds);
}

int unshare(int flags) {
  if (fails("unshare")) return -1;
  return ::unshare(flags);
}

int mkdir(const char* path, mode_t mode) {
  if (fails("mkdir")) return -1;
  return ::mkdir(path, mode);
}

int mkdirat(int directory, const char* path, mode_t mode) {
  if (fails("mkdirat")) return -1;
  return ::mkdirat(directory, path, mode);
}

int mknodat(int directory, const char* path, mode_t mode, dev_t device) {
  if (fails("mknodat")) return -1;
  return ::mknodat(directory, path, mode, device);
}

ssize_t write(int fd, const void* data, size_t size) {
  if (fails("write")) return -1;
  return ::write(fd, data, size);
}

int close_range(unsigned first, unsigned last, unsigned flags) {
  return static_cast<int>(::syscall(SYS_close_range, first, last, flags));
}

int seccomp_install(unsigned flags, const void* program, unsigned short length) {
  if (fails("seccomp")) return -1;
  const sock_fprog filter{length, static_cast<sock_filter*>(const_cast<void*>(program))};
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter));
}

int join_keyring(const char* name) {
  return static_cast<int>(::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name));
}

}  // namespace kist::runtime::sys
