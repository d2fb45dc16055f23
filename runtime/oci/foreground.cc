#include "runtime/oci/foreground.h"
#include "runtime/descriptors.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace kist::runtime::oci {
namespace {

// Our terminal in raw mode, as long as this lives.
class RawTerminal {
 public:
  RawTerminal() {
    active_ = ::tcgetattr(0, &before_) == 0;
    if (!active_) return;
    termios raw = before_;
    ::cfmakeraw(&raw);
    ::tcsetattr(0, TCSANOW, &raw);
  }
  ~RawTerminal() {
    if (active_) ::tcsetattr(0, TCSANOW, &before_);
  }

 private:
  termios before_{};
  bool active_ = false;
};

void copy_size(int console) {
  winsize size{};
  if (::ioctl(0, TIOCGWINSZ, &size) == 0) ::ioctl(console, TIOCSWINSZ, &size);
}

bool write_all(int fd, const char* data, ssize_t size) {
  while (size > 0) {
    const ssize_t written = ::write(fd, data, static_cast<size_t>(size));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data += written;
    size -= written;
  }
  return true;
}

// False when there is nothing more to come.
bool pump(int from, int to) {
  char buffer[16384];
  const ssize_t size = ::read(from, buffer, sizeof(buffer));
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  return size > 0 && write_all(to, buffer, size);
}

void forward_signal(int signals, pid_t pid, int console) {
  signalfd_siginfo info{};
  if (::read(signals, &info, sizeof(info)) != sizeof(info)) return;
  const int number = static_cast<int>(info.ssi_signo);
  if (number == SIGWINCH) {
    if (console >= 0) copy_size(console);
  } else if (number != SIGCHLD) {
    ::kill(pid, number);
  }
}

void drain(int console) {
  pollfd ready{console, POLLIN, 0};
  while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
    if (!pump(console, 1)) return;
  }
}

}  // namespace

Result<Fd> watch_signals() {
  sigset_t all;
  ::sigfillset(&all);
  for (const int kept : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTTOU, SIGTTIN, SIGTSTP, SIGPIPE}) {
    ::sigdelset(&all, kept);
  }
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  Fd signals(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("signalfd");
  return signals;
}

Result<int> follow(pid_t pid, int pidfd, const Fd& console, const Fd& signals) {
  const std::optional<RawTerminal> raw =
      console ? std::optional<RawTerminal>(std::in_place) : std::nullopt;
  if (console) copy_size(console.get());
  pollfd watched[4] = {{pidfd, POLLIN, 0},
                       {signals.get(), POLLIN, 0},
                       {console.get(), POLLIN, 0},
                       {console ? 0 : -1, POLLIN, 0}};
  while ((watched[0].revents & POLLIN) == 0) {
    if (::poll(watched, 4, -1) < 0 && errno != EINTR) return errno_error("poll");
    if ((watched[1].revents & POLLIN) != 0) forward_signal(signals.get(), pid, console.get());
    if (watched[2].revents != 0 && !pump(console.get(), 1)) watched[2].fd = -1;
    if (watched[3].revents != 0 && !pump(0, console.get())) watched[3].fd = -1;
  }
  if (console) drain(console.get());
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return errno_error("wait");
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<> send_console(const std::string& path, int console) {
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{Code::kInvalid, "--console-socket: the path is longer than 107 bytes"};
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (!socket ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno_error("console socket " + path);
  }
  char name[] = "/dev/ptmx";
  iovec part{name, sizeof(name) - 1};
  if (send_with_descriptors(socket.get(), {&part, 1}, {&console, 1}) < 0) {
    return errno_error("console socket " + path);
  }
  return {};
}

}  // namespace kist::runtime::oci
