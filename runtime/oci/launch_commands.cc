// create, run, start, exec.
#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "runtime/cgroup_files.h"
#include "runtime/names.h"
#include "runtime/oci/commands.h"
#include "runtime/oci/foreground.h"
#include "runtime/oci/read_spec.h"
#include "runtime/process.h"
#include "runtime/sys.h"

namespace kist::runtime::oci {
namespace {

constexpr size_t kConfigMax = 1 << 20;

std::string now_text() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char text[64];
  const size_t size = ::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof(text) - size, ".%09ldZ", now.tv_nsec);
  return text;
}

Result<std::string> real_path(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return errno_error(path);
  return std::string(resolved);
}

// Descriptors 3 to 2+N stay for the container. Called before we open any of our own.
Result<int> preserved_fds(const std::string& text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (!text.empty() &&
      (error != std::errc() || end != text.data() + text.size() || count < 0 || count > 65536)) {
    return Error{Code::kInvalid, "--preserve-fds: must be a number of descriptors"};
  }
  for (int fd = 3; fd < 3 + count; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
      return Error{Code::kInvalid,
                   "--preserve-fds: descriptor " + std::to_string(fd) + " is not open"};
    }
    // Whoever gave it wants it to outlive exec.
    ::fcntl(fd, F_SETFD, 0);
  }
  // What else we inherited (pipes whose end somebody waits for) is not the container's to hold.
  sys::close_range(static_cast<unsigned>(3 + count), ~0U, 0);
  return count;
}

PrepareOptions prepare_options(const Call& call) {
  PrepareOptions options;
  options.seccomp_cache_dir = call.global.root + "/.seccomp";
  ::mkdir(options.seccomp_cache_dir.c_str(), 0700);
  options.keep_keyring = call.options.no_new_keyring;
  options.pivot = !call.options.no_pivot;
  return options;
}

struct Loaded {
  ContainerSpec spec;
  std::string text;
};

Result<Loaded> load_bundle(const Call& call) {
  Loaded loaded;
  const std::string bundle = TRY(real_path(call.options.bundle).context("bundle"));
  const std::string& name = call.options.config;
  const std::string path = name[0] == '/' ? name : bundle + "/" + name;
  if (::access(path.c_str(), R_OK) != 0) return errno_error(path);
  loaded.text = read_file(path);
  if (loaded.text.size() >= kConfigMax) return Error{Code::kTooLarge, path + " is beyond 1 MiB"};
  loaded.spec = TRY(read_spec(loaded.text).context(path));
  loaded.spec.id = call.id();
  loaded.spec.bundle = bundle;
  return loaded;
}

Result<> write_pid_file(const std::string& path, pid_t pid) {
  if (path.empty()) return {};
  const std::string part = path + ".tmp";
  const std::string text = std::to_string(pid);
  const Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::rename(part.c_str(), path.c_str()) != 0) {
    return errno_error("write pid file " + path);
  }
  return {};
}

void warn_all(const Call& call, const std::vector<std::string>& warnings) {
  for (const std::string& text : warnings) log_line(call.global, "warning", text);
}

Result<> check_terminal(const Call& call, bool terminal, bool stays) {
  if (!terminal && !call.options.console_socket.empty()) {
    return Error{Code::kInvalid, "--console-socket: process.terminal is not true"};
  }
  if (terminal && call.options.console_socket.empty() && !stays) {
    return Error{Code::kInvalid,
                 "a terminal needs --console-socket, or a run that is not detached"};
  }
  return {};
}

struct Begun {
  StateDir dir;
  ContainerState state;
  ContainerSpec spec;
  Launched launched;
};

// Common to create and run: all up to where the container waits for its start.
Result<Begun> begin(Call& call, bool gate_in_directory, bool stays) {
  LaunchIo io;
  io.preserved = TRY(preserved_fds(call.options.preserve_fds));
  TRY(check_id(call.id()));
  Loaded loaded = TRY(load_bundle(call));
  TRY(check_terminal(call, loaded.spec.process.terminal, stays));
  const HostFacts host = read_host_facts("/");
  StateDir dir = TRY(StateDir::create(call.global.root, call.id()));
  Prepared prepared = TRY(prepare(loaded.spec, host, prepare_options(call)));
  warn_all(call, prepared.warnings);

  ContainerState state;
  state.id = call.id();
  state.bundle = loaded.spec.bundle;
  state.rootfs = prepared.plan.root.path;
  state.created = now_text();
  state.cgroup = prepared.plan.cgroup.path;
  state.annotations = loaded.spec.annotations;
  prepared.plan.hook_state = to_json(state, Status::kCreating);
  // Before anything exists, so that whatever is left after a crash has a name.
  TRY(dir.write("config.json", loaded.text));
  TRY(dir.write_state(state));
  const Fd listener = gate_in_directory ? TRY(bind_gate(dir.path())) : Fd();
  io.gate_listener = listener.get();
  io.on_namespaces = [&](pid_t pid) -> Result<> {
    state.pid = pid;
    state.pid_started = process_start_time(pid);
    TRY(dir.write_state(state));
    TRY(run_state_hooks(loaded.spec.hooks.prestart, state, Status::kCreating, "prestart"));
    return run_state_hooks(loaded.spec.hooks.create_runtime, state, Status::kCreating,
                           "createRuntime");
  };
  Launched launched = TRY(launch(prepared.plan, host.cgroups, io));
  warn_all(call, launched.warnings);
  if (launched.console && !call.options.console_socket.empty()) {
    TRY(send_console(call.options.console_socket, launched.console.get()));
    launched.console.reset();
  }
  TRY(write_pid_file(call.options.pid_file, state.pid));
  return Begun{std::move(dir), std::move(state), std::move(loaded.spec), std::move(launched)};
}

void give_away(Launched& launched, StateDir& dir) {
  launched.process.release();
  launched.cgroup.keep();
  dir.commit();
}

Result<int> run_detached(Call& call) {
  Begun begun = TRY(begin(call, false, false));
  TRY(Gate(std::move(begun.launched.gate)).start());
  TRY(run_state_hooks(begun.spec.hooks.poststart, begun.state, Status::kRunning, "poststart"));
  give_away(begun.launched, begun.dir);
  return 0;
}

// ---- exec ----

Result<> apply_user(const std::string& text, ProcessSpec& process) {
  if (text.empty()) return {};
  const size_t colon = text.find(':');
  const auto number = [](const std::string& part, uint32_t& to) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), to);
    return error == std::errc() && end == part.data() + part.size();
  };
  const bool right = number(text.substr(0, colon), process.uid) &&
                     (colon == std::string::npos || number(text.substr(colon + 1), process.gid));
  if (!right) return Error{Code::kInvalid, "--user: must be UID or UID:GID, in numbers"};
  process.additional_gids.clear();
  return {};
}

Result<ProcessSpec> exec_process(const Call& call, const ContainerSpec& spec) {
  const CommandOptions& options = call.options;
  if (!options.process.empty()) {
    if (::access(options.process.c_str(), R_OK) != 0) return errno_error(options.process);
    return read_process(read_file(options.process)).context(options.process);
  }
  ProcessSpec process = spec.process;
  process.arguments.assign(call.words.begin() + 1, call.words.end());
  if (process.arguments.empty()) return Error{Code::kInvalid, "no command to execute"};
  process.terminal = options.terminal;
  process.environment.insert(process.environment.end(), options.environment.begin(),
                             options.environment.end());
  if (!options.cwd.empty()) process.cwd = options.cwd;
  if (options.no_new_privs) process.no_new_privileges = true;
  if (!options.apparmor.empty()) process.apparmor_profile = options.apparmor;
  if (!options.process_label.empty()) process.selinux_label = options.process_label;
  TRY(apply_user(options.user, process));
  CapabilitySpec& caps = process.capabilities;
  for (const std::string& name : options.capabilities) {
    for (auto* set : {&caps.bounding, &caps.effective, &caps.permitted}) {
      if (std::find(set->begin(), set->end(), name) == set->end()) set->push_back(name);
    }
  }
  return process;
}

Result<int> finish_exec(Call& call, Launched& launched, const Fd& signals) {
  TRY(write_pid_file(call.options.pid_file, launched.process.pid()));
  if (launched.console && !call.options.console_socket.empty()) {
    TRY(send_console(call.options.console_socket, launched.console.get()));
    launched.console.reset();
  }
  const pid_t pid = launched.process.pid();
  const Fd pidfd = launched.process.release();
  if (call.options.detach) return 0;
  return follow(pid, pidfd.get(), launched.console, signals);
}

}  // namespace

Result<int> run_create(Call& call) {
  Begun begun = TRY(begin(call, true, false));
  give_away(begun.launched, begun.dir);
  return 0;
}

Result<int> run_run(Call& call) {
  if (call.options.detach) return run_detached(call);
  if (!call.options.no_subreaper) ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  Begun begun = TRY(begin(call, false, true));
  const Fd signals = TRY(watch_signals());
  TRY(Gate(std::move(begun.launched.gate)).start());
  TRY(run_state_hooks(begun.spec.hooks.poststart, begun.state, Status::kRunning, "poststart"));
  const pid_t pid = begun.launched.process.pid();
  const Fd pidfd = begun.launched.process.release();
  begun.launched.cgroup.keep();
  begun.dir.commit();
  const Fd console = std::move(begun.launched.console);
  { const StateDir unlock = std::move(begun.dir); }  // others may look, exec and kill meanwhile
  Result<int> code = follow(pid, pidfd.get(), console, signals);
  Result<Found> found = find_container(call);
  if (found.ok()) TRY(destroy(found.value()));
  return code;
}

Result<int> run_start(Call& call) {
  Found found = TRY(find_container(call));
  if (found.status != Status::kCreated) {
    return Error{Code::kConflict, "container \"" + call.id() + "\" is " +
                                      std::string(status_word(found.status)) + ", not created"};
  }
  Gate gate = TRY(Gate::connect(found.dir.path()));
  TRY(gate.start());
  found.dir.started();
  const ContainerSpec spec = TRY(saved_spec(found));
  TRY(run_state_hooks(spec.hooks.poststart, found.state, Status::kRunning, "poststart"));
  return 0;
}

Result<int> run_exec(Call& call) {
  LaunchIo io;
  io.preserved = TRY(preserved_fds(call.options.preserve_fds));
  Found found = TRY(find_container(call));
  if (found.status != Status::kRunning && found.status != Status::kCreated) {
    return Error{Code::kConflict, "container \"" + call.id() + "\" is " +
                                      std::string(status_word(found.status)) + ": cannot exec"};
  }
  const ContainerSpec spec = TRY(saved_spec(found));
  const ProcessSpec process = TRY(exec_process(call, spec));
  TRY(check_terminal(call, process.terminal, !call.options.detach));
  PreparedProcess prepared = TRY(prepare_process(process, spec, found.host, prepare_options(call)));
  warn_all(call, prepared.warnings);
  Fd signals;
  if (!call.options.detach) signals = TRY(watch_signals());
  Launched launched = TRY(
      launch_exec(prepared.plan, {found.state.pid, found.state.cgroup}, found.host.cgroups, io));
  warn_all(call, launched.warnings);
  { const StateDir unlock = std::move(found.dir); }
  return finish_exec(call, launched, signals);
}

}  // namespace kist::runtime::oci
