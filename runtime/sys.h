// System calls that glibc 2.36 does not wrap, and the seam where tests make the nth one fail.
//
// Each call returns what the kernel does: -1 and errno. Only calls whose failure must leave nothing
// behind go through the seam.
#pragma once

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/types.h>

#include <cstdint>

namespace kist::runtime::sys {

// Asked before each call; true makes it fail with EIO. Null outside of tests.
extern bool (*fail_next)(const char* call);

pid_t clone3(uint64_t flags, int* pidfd, int cgroup_directory);  // like fork; falls back to clone
int pidfd_open(pid_t pid);
int pidfd_send_signal(int pidfd, int signal);
int open_tree(int directory, const char* path, unsigned flags);
int move_mount(int from, int to, const char* to_path);  // `from` itself onto to/to_path
int fsopen(const char* type);
int fsconfig_string(int fs, const char* key, const char* value);
int fsconfig_flag(int fs, const char* key);
int fsconfig_create(int fs);
int fsmount(int fs, unsigned attributes);
int mount_setattr(int directory, const char* path, unsigned flags, const mount_attr& attributes);
int mount(const char* source, const char* target, const char* type, unsigned long flags,
          const char* data);
int umount2(const char* target, int flags);
int pivot_root(const char* new_root, const char* put_old);
int openat2(int directory, const char* path, uint64_t flags, uint64_t mode, uint64_t resolve);
int setns(int fd, int kinds);
int unshare(int flags);
int mkdir(const char* path, mode_t mode);
int mkdirat(int directory, const char* path, mode_t mode);
int mknodat(int directory, const char* path, mode_t mode, dev_t device);
ssize_t write(int fd, const void* data, size_t size);
int close_range(unsigned first, unsigned last, unsigned flags);
int seccomp_install(unsigned flags, const void* program, unsigned short length);
int join_keyring(const char* name);

}  // namespace kist::runtime::sys
