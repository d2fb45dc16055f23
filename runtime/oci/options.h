// The command line of OCI runtimes, as crun has it: global flags, a command, its flags, words.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "kist/base/result.h"

namespace kist::runtime::oci {

struct GlobalOptions {
  std::string root = "/run/kist/oci";
  std::string log;
  std::string log_format = "text";
  std::string cgroup_manager;  // "cgroupfs", or "" for it
  std::string rootless;        // accepted; we run as root
  bool debug = false;
  bool systemd_cgroup = false;
  bool help = false;
};

struct CommandOptions {
  std::string bundle = ".";
  std::string config = "config.json";
  std::string console_socket, pid_file;
  std::string preserve_fds;
  bool detach = false, no_pivot = false, no_new_keyring = false, no_subreaper = false;
  bool force = false, all = false, quiet = false, stats = false, rootless = false, help = false;
  std::string format = "table";
  std::string interval = "5";
  std::string file;  // spec --file
  // exec
  std::string process, cwd, user, apparmor, process_label, cgroup;
  std::vector<std::string> environment, capabilities;
  bool terminal = false, no_new_privs = false;
  // update
  std::string resources, blkio_weight, cpu_period, cpu_quota, cpu_shares, cpuset_cpus, cpuset_mems,
      memory, memory_reservation, memory_swap, pids_limit;
};

using Target = std::variant<std::string*, bool*, std::vector<std::string>*>;
struct OptionRow {
  const char* name;  // "bundle"
  char letter;       // 'b', or 0
  Target target;
};

// Takes flags from the front of `words` up to the first that is none; "--" ends them too. Removes
// what it took. kInvalid: unknown, or without its value.
Result<> take_options(const std::vector<OptionRow>& rows, std::vector<std::string>& words);
// Flags and other words mixed, as "kill --all ID TERM" and "kill ID TERM --all".
Result<> take_mixed_options(const std::vector<OptionRow>& rows, std::vector<std::string>& words);

}  // namespace kist::runtime::oci
