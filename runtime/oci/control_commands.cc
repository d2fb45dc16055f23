// kill, delete, pause, resume, update, and what all commands share.
#include <signal.h>
#include <time.h>

#include <charconv>

#include "runtime/cgroup_files.h"
#include "runtime/names.h"
#include "runtime/oci/commands.h"
#include "runtime/oci/read_spec.h"
#include "runtime/process.h"
#include "runtime/sys.h"

namespace kist::runtime::oci {
namespace {

void pause_milliseconds(long milliseconds) {
  const timespec time{milliseconds / 1000, milliseconds % 1000 * 1000000};
  ::nanosleep(&time, nullptr);
}

template <typename T>
Result<> read_flag(const char* name, const std::string& text, std::optional<T>& to) {
  if (text.empty()) return {};
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return Error{Code::kInvalid, "--" + std::string(name) + ": must be a whole number"};
  }
  to = number;
  return {};
}

Result<ResourceSpec> asked_limits(const CommandOptions& options) {
  ResourceSpec limits;
  if (!options.resources.empty()) {
    const std::string path = options.resources == "-" ? "/dev/stdin" : options.resources;
    limits = TRY(read_resources(read_file(path)).context(path));
    limits.devices.clear();  // an update is of amounts
  }
  TRY(read_flag("memory", options.memory, limits.memory_limit));
  TRY(read_flag("memory-reservation", options.memory_reservation, limits.memory_reservation));
  TRY(read_flag("memory-swap", options.memory_swap, limits.memory_swap));
  TRY(read_flag("pids-limit", options.pids_limit, limits.pids_limit));
  TRY(read_flag("cpu-share", options.cpu_shares, limits.cpu_shares));
  TRY(read_flag("cpu-quota", options.cpu_quota, limits.cpu_quota));
  TRY(read_flag("cpu-period", options.cpu_period, limits.cpu_period));
  TRY(read_flag("blkio-weight", options.blkio_weight, limits.io_weight));
  if (!options.cpuset_cpus.empty()) limits.cpuset_cpus = options.cpuset_cpus;
  if (!options.cpuset_mems.empty()) limits.cpuset_mems = options.cpuset_mems;
  return limits;
}

Result<> require(const Found& found, bool right, const char* what) {
  if (right) return {};
  return Error{Code::kConflict, "cannot " + std::string(what) + " container \"" + found.state.id +
                                    "\": it is " + std::string(status_word(found.status))};
}

}  // namespace

Result<Found> find_container(const Call& call) {
  StateDir dir = TRY(StateDir::open(call.global.root, call.id()));
  ContainerState state = TRY(dir.read_state());
  HostFacts host = read_host_facts("/");
  const Status status = dir.status(state, host.cgroups);
  return Found{std::move(dir), std::move(state), status, std::move(host)};
}

Result<ContainerSpec> saved_spec(const Found& found) {
  ContainerSpec spec = TRY(read_spec(found.dir.read("config.json")).context(found.state.id));
  spec.id = found.state.id;
  spec.bundle = found.state.bundle;
  return spec;
}

Result<> run_state_hooks(const std::vector<HookSpec>& hooks, const ContainerState& state,
                         Status status, const char* kind) {
  if (hooks.empty()) return {};
  std::vector<HookPlan> plans;
  for (const HookSpec& hook : hooks) {
    plans.push_back({hook.path, hook.arguments, hook.environment, hook.timeout_seconds});
  }
  return run_hooks(plans, to_json(state, status), kind);
}

Result<> destroy(Found& found) {
  // The first process takes the others of its pid namespace with it.
  if (found.status != Status::kStopped) {
    if (found.status == Status::kPaused) TRY(found.cgroup().set_frozen(false));
    ::kill(found.state.pid, SIGKILL);
  }
  Cgroup cgroup = found.cgroup();
  cgroup.kill_all();
  for (int i = 0; i < 5000 && process_start_time(found.state.pid) == found.state.pid_started &&
                  found.state.pid > 0;
       ++i) {
    pause_milliseconds(1);
  }
  TRY(cgroup.remove());
  const Result<ContainerSpec> spec = saved_spec(found);
  found.dir.remove();
  if (!spec.ok()) return {};  // killed before it was written: there are no hooks to run
  return run_state_hooks(spec.value().hooks.poststop, found.state, Status::kStopped, "poststop");
}

Result<int> run_kill(Call& call) {
  const std::string word = call.words.size() > 1 ? call.words[1] : "TERM";
  const std::optional<int> number = signal_number(word);
  if (!number) return Error{Code::kInvalid, "unknown signal \"" + word + "\""};
  Found found = TRY(find_container(call));
  if (call.options.all) {
    for (const pid_t pid : found.cgroup().processes()) ::kill(pid, *number);
    return 0;
  }
  TRY(require(found, found.status != Status::kStopped, "signal"));
  const Fd pidfd(sys::pidfd_open(found.state.pid));
  // Between our look and now another process may have got the number.
  if (process_start_time(found.state.pid) != found.state.pid_started) {
    return Error{Code::kConflict, "container \"" + call.id() + "\" is stopped"};
  }
  const int sent =
      pidfd ? sys::pidfd_send_signal(pidfd.get(), *number) : ::kill(found.state.pid, *number);
  if (sent != 0) return errno_error("kill container \"" + call.id() + "\"");
  return 0;
}

Result<int> run_delete(Call& call) {
  Result<Found> opened = find_container(call);
  if (!opened.ok() && opened.error().code == Code::kNotFound && call.options.force) return 0;
  Found found = TRY(std::move(opened));
  if (!call.options.force) {
    TRY(require(found, found.status == Status::kStopped, "delete"));
  }
  TRY(destroy(found));
  return 0;
}

Result<int> run_pause(Call& call) {
  Found found = TRY(find_container(call));
  TRY(require(found, found.status == Status::kRunning || found.status == Status::kCreated,
              "pause"));
  TRY(found.cgroup().set_frozen(true));
  return 0;
}

Result<int> run_resume(Call& call) {
  Found found = TRY(find_container(call));
  TRY(require(found, found.status == Status::kPaused, "resume"));
  TRY(found.cgroup().set_frozen(false));
  return 0;
}

Result<int> run_update(Call& call) {
  Found found = TRY(find_container(call));
  TRY(require(found, found.status != Status::kStopped, "update"));
  const ResourceSpec limits = TRY(asked_limits(call.options));
  std::vector<std::string> warnings;
  const std::vector<CgroupWrite> writes = plan_cgroup(limits, found.host.cgroups, warnings);
  TRY(found.cgroup().apply(writes, warnings));
  for (const std::string& text : warnings) log_line(call.global, "warning", text);
  return 0;
}

}  // namespace kist::runtime::oci
