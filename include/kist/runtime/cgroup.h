// Control groups: cgroup v2 as the main road, v1 and hybrid hosts as they are, none at all.
//
// Threads:   a Cgroup belongs to one thread.
// Ownership: a Cgroup from create() removes itself when dropped, half built or not, until keep().
// Errors:    name the file; a limit that could not be set is an error, an extra a warning.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/container_spec.h"
#include "kist/runtime/launch_plan.h"

namespace kist::runtime {

// Where the hierarchies are. Tests point them at temporary directories.
struct CgroupHost {
  std::string unified;                    // mount of cgroup v2; empty: none
  bool unified_has_controllers = false;   // v2 is the main road
  std::map<std::string, std::string> v1;  // controller -> mount; "name=systemd" left out

  bool none() const { return unified.empty() && v1.empty(); }
};
// `root` is "/" or a stand-in with proc/self/mountinfo below it.
CgroupHost find_cgroups(const std::string& root);

// The files that these limits mean on this host, in the order to write them. Pure. Warnings name
// what the host cannot do.
std::vector<CgroupWrite> plan_cgroup(const ResourceSpec& limits, const CgroupHost& host,
                                     std::vector<std::string>& warnings);
// The BPF program that a list of rules means; the last rule that matches decides.
std::vector<uint64_t> plan_device_program(const std::vector<DeviceRule>& rules);

struct CgroupStats {
  uint64_t memory_bytes = 0, memory_limit = 0, memory_failures = 0, oom_kills = 0;
  uint64_t cpu_usage_microseconds = 0, cpu_throttled_microseconds = 0;
  uint64_t pids = 0, pids_limit = 0;
};

class Cgroup {
 public:
  Cgroup() = default;
  // Makes the groups and applies the plan. An empty path makes a Cgroup that does nothing.
  static Result<Cgroup> create(const CgroupHost& host, const CgroupPlan& plan,
                               std::vector<std::string>& warnings);
  // One that is there; never removes itself.
  static Cgroup open(const CgroupHost& host, const std::string& path);
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&& other) noexcept;
  ~Cgroup();

  // A directory for CLONE_INTO_CGROUP, or -1.
  int clone_directory() const { return unified_.get(); }
  // The hierarchies that clone does not reach (all of v1).
  Result<> add_process(pid_t pid, bool cloned_into) const;
  Result<> apply(const std::vector<CgroupWrite>& writes, std::vector<std::string>& warnings) const;
  Result<> set_frozen(bool frozen) const;
  bool frozen() const;
  std::vector<pid_t> processes() const;  // also of groups below
  // SIGKILL to all, also of groups that fork faster than we read.
  void kill_all() const;
  CgroupStats stats() const;
  // Kills what is left and removes the groups. kUnavailable: the kernel did not let go in time.
  Result<> remove();
  void keep() { owned_ = false; }

  // Mount points of the container's own view: controller name ("" for v2) and host directory.
  std::vector<std::pair<std::string, std::string>> directories() const;
  const std::string& path() const { return path_; }

 private:
  Result<std::string> directory_of(const std::string& controller) const;
  Result<> make(const std::string& mount, const std::string& controller);

  CgroupHost host_;
  std::string path_;
  Fd unified_;
  bool owned_ = false;
};

}  // namespace kist::runtime
