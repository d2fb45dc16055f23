#include "runtime/terminal.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/sys.h"

namespace kist::runtime {

Result<Terminal> open_terminal(int root, const ProcessPlan& plan) {
  constexpr const char* kPath = "dev/pts/ptmx";
  constexpr int kFlags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK;
  Terminal terminal;
  terminal.master.reset(
      sys::openat2(root, kPath, kFlags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
  if (!terminal.master && errno == ENOSYS) {
    terminal.master.reset(::openat(root, kPath, kFlags | O_NOFOLLOW));
  }
  struct stat status {};
  if (!terminal.master || ::fstat(terminal.master.get(), &status) != 0) {
    return errno_error("open /dev/pts/ptmx in the container");
  }
  if (!S_ISCHR(status.st_mode) || status.st_rdev != ::makedev(5, 2)) {
    return Error{Code::kInvalid, "/dev/pts/ptmx in the container is no terminal multiplexer"};
  }
  ::fcntl(terminal.master.get(), F_SETFL, 0);
  int locked = 0;
  if (::ioctl(terminal.master.get(), TIOCSPTLCK, &locked) != 0 ||
      ::ioctl(terminal.master.get(), TIOCGPTN, &terminal.number) != 0) {
    return errno_error("terminal");
  }
  // By ioctl, not by path: the container cannot put something else in its place.
  terminal.slave.reset(::ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave) return errno_error("terminal");
  if (plan.console_rows != 0 || plan.console_columns != 0) {
    const winsize size{plan.console_rows, plan.console_columns, 0, 0};
    ::ioctl(terminal.master.get(), TIOCSWINSZ, &size);
  }
  // The group stays that of devpts (tty), so that only the user is named here.
  if (::fchown(terminal.slave.get(), plan.uid, static_cast<gid_t>(-1)) != 0 && errno != EINVAL) {
    return errno_error("owner of the terminal");
  }
  return terminal;
}

Result<> use_terminal(Terminal terminal) {
  if (::ioctl(terminal.slave.get(), TIOCSCTTY, 0) != 0) return errno_error("controlling terminal");
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(terminal.slave.get(), fd) < 0) return errno_error("terminal");
  }
  return {};
}

}  // namespace kist::runtime
