// Hooks: programs of others, run at fixed moments, told the container's state on standard input.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "kist/base/fd.h"
#include "runtime/process.h"
#include "runtime/sys.h"

namespace kist::runtime {
namespace {

[[noreturn]] void become_hook(const HookPlan& hook, int in) {
  std::vector<char*> arguments, environment;
  for (const std::string& text : hook.arguments) {
    arguments.push_back(const_cast<char*>(text.c_str()));
  }
  if (arguments.empty()) arguments.push_back(const_cast<char*>(hook.path.c_str()));
  arguments.push_back(nullptr);
  for (const std::string& text : hook.environment) {
    environment.push_back(const_cast<char*>(text.c_str()));
  }
  environment.push_back(nullptr);
  ::dup2(in, 0);
  sys::close_range(3, ~0U, 0);
  ::execve(hook.path.c_str(), arguments.data(), environment.data());
  ::_exit(errno == ENOENT ? 127 : 126);
}

Result<int> wait_for(pid_t pid, int pidfd, int timeout_seconds, const std::string& what) {
  pollfd ended{pidfd, POLLIN, 0};
  const int limit = timeout_seconds > 0 ? timeout_seconds * 1000 : -1;
  int count;
  do {
    count = ::poll(&ended, 1, limit);
  } while (count < 0 && errno == EINTR);
  if (count == 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return Error{Code::kTimeout,
                 what + " did not end in " + std::to_string(timeout_seconds) + " s"};
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return errno_error(what);
  return status;
}

Result<> run_hook(const HookPlan& hook, const std::string& state, const std::string& what) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error(what);
  const Fd in(ends[0]);
  Fd out(ends[1]);
  int pidfd = -1;
  const pid_t pid = sys::clone3(0, &pidfd, -1);
  if (pid < 0) return errno_error(what);
  if (pid == 0) become_hook(hook, in.get());
  const Fd held(pidfd);
  // A hook that does not read its input must not kill us.
  ::fcntl(out.get(), F_SETFL, O_NONBLOCK);
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  static_cast<void>(!::write(out.get(), state.data(), state.size()));
  ::signal(SIGPIPE, before);
  out.reset();
  const int status = TRY(wait_for(pid, pidfd, hook.timeout_seconds, what));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{
      Code::kInternal,
      what + (WIFSIGNALED(status) ? " was killed by signal " + std::to_string(WTERMSIG(status))
                                  : " failed with code " + std::to_string(WEXITSTATUS(status)))};
}

}  // namespace

Result<> run_hooks(const std::vector<HookPlan>& hooks, const std::string& state, const char* kind) {
  for (size_t i = 0; i < hooks.size(); ++i) {
    TRY(run_hook(hooks[i], state,
                 "hooks." + std::string(kind) + "[" + std::to_string(i) + "] " + hooks[i].path));
  }
  return {};
}

}  // namespace kist::runtime
