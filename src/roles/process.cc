#include "roles/process.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include <cerrno>
#include <csignal>

namespace kist::roles {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Result<StopSignals> StopSignals::create() {
  StopSignals made;
  const sigset_t set = stop_signals();
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return errno_error("block signals", error);
  }
  made.signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!made.signals_) return errno_error("signalfd");
  made.timer_.reset(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!made.timer_) return errno_error("timerfd");
  return made;
}

Result<bool> StopSignals::wait(std::chrono::seconds at_most) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  itimerspec due{};
  due.it_value.tv_sec = now.tv_sec + at_most.count();
  // With this flag the timer becomes readable when somebody sets the wall clock.
  const int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  if (::timerfd_settime(timer_.get(), flags, &due, nullptr) != 0 && errno != ECANCELED) {
    return errno_error("timerfd");
  }
  pollfd waits[] = {{signals_.get(), POLLIN, 0}, {timer_.get(), POLLIN, 0}};
  while (::poll(waits, 2, -1) < 0) {
    if (errno != EINTR) return errno_error("poll");
  }
  uint64_t expirations = 0;
  if (waits[1].revents != 0) (void)!::read(timer_.get(), &expirations, sizeof expirations);
  if (waits[0].revents == 0) return false;
  signalfd_siginfo info;
  (void)!::read(signals_.get(), &info, sizeof info);
  return true;
}

void StopSignals::restore_default() {
  const sigset_t set = stop_signals();
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void prepare_process() {
  // Each thread's own heap keeps what its busiest moment needed. We have few threads that allocate
  // at a time, and objects pass from one to the other: two heaps are enough.
  ::mallopt(M_ARENA_MAX, 2);
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(077);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);  // without it we serve fewer clients, no more
  }
}

void release_start_memory() { ::malloc_trim(0); }

std::string primary_address() {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Connecting a datagram socket only looks up the route. The address is of TEST-NET-1 (RFC 5737).
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
  socklen_t size = sizeof address;
  char text[INET_ADDRSTRLEN] = "";
  if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text) == nullptr) {
    return "127.0.0.1";
  }
  return text;
}

}  // namespace kist::roles
