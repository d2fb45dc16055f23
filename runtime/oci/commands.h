// The commands of `kist oci`, one row each.
#pragma once

#include <string>
#include <vector>

#include "kist/base/result.h"
#include "kist/runtime/launcher.h"
#include "runtime/oci/options.h"
#include "runtime/oci/state.h"

namespace kist::runtime::oci {

struct Call {
  const GlobalOptions& global;
  CommandOptions options;
  std::vector<std::string> words;  // container id first, where the command has one

  const std::string& id() const { return words.front(); }
};

struct CommandRow {
  const char* name;
  const char* usage;
  const char* summary;
  size_t words_min, words_max;
  bool program_follows;  // flags end at the first word
  std::vector<OptionRow> (*rows)(CommandOptions& options);
  Result<int> (*run)(Call& call);  // the exit code
};
const std::vector<CommandRow>& command_rows();

Result<int> run_create(Call& call);
Result<int> run_run(Call& call);
Result<int> run_start(Call& call);
Result<int> run_exec(Call& call);
Result<int> run_kill(Call& call);
Result<int> run_delete(Call& call);
Result<int> run_pause(Call& call);
Result<int> run_resume(Call& call);
Result<int> run_update(Call& call);
Result<int> run_state(Call& call);
Result<int> run_list(Call& call);
Result<int> run_ps(Call& call);
Result<int> run_events(Call& call);
Result<int> run_spec(Call& call);
Result<int> run_features(Call& call);

// A container that is there: its locked directory and what it says.
struct Found {
  StateDir dir;
  ContainerState state;
  Status status;
  HostFacts host;
  Cgroup cgroup() const { return Cgroup::open(host.cgroups, state.cgroup); }
};
Result<Found> find_container(const Call& call);
Result<ContainerSpec> saved_spec(const Found& found);
Result<> run_state_hooks(const std::vector<HookSpec>& hooks, const ContainerState& state,
                         Status status, const char* kind);
// Kills what is left, removes cgroup and directory, runs poststop hooks.
Result<> destroy(Found& found);

// Where messages go: --log or standard error.
void log_line(const GlobalOptions& global, const char* level, const std::string& message);

}  // namespace kist::runtime::oci
