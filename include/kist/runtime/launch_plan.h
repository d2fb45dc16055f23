// All that a launch does, decided beforehand: numbers, bytes and paths, nothing left to look up.
//
// prepare() makes a plan in a process that may be large and slow; launch() carries it out in a small
// single-threaded one, which may get it over a socket: encode() and decode().
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kist/base/result.h"

namespace kist::runtime {

// One file of one cgroup to write. `controller` chooses the hierarchy of cgroup v1.
struct CgroupWrite {
  std::string controller, file, value;
  bool required = false;  // a limit somebody asked for; else a failure is a warning
};

struct CgroupPlan {
  std::string path;  // below the mount point: "/kubepods/pod1/c1"; empty: no cgroup of its own
  std::vector<CgroupWrite> writes;
  std::vector<uint64_t> device_program;  // BPF for cgroup v2; empty: every device is allowed
};

struct NamespacePlan {
  uint64_t create_flags = 0;                             // CLONE_NEW*
  std::vector<std::pair<uint64_t, std::string>> joined;  // flag, path
  std::string uid_map, gid_map;                          // as written to /proc/PID/uid_map
  std::string time_offsets;                              // as written to timens_offsets
};

enum class MountSource : uint8_t {
  kFilesystem,  // a new instance of `type`
  kBind,        // `source` of the host
  kCgroup,      // the container's own cgroups
};

struct MountPlan {
  MountSource kind = MountSource::kFilesystem;
  std::string destination, type, source;
  std::vector<std::pair<std::string, std::string>> parameters;  // of the file system; flags have ""
  uint64_t set_attributes = 0, clear_attributes = 0;            // MOUNT_ATTR_*
  uint64_t set_recursive = 0, clear_recursive = 0;              // "rro" and its like
  uint64_t propagation = 0;                                     // MS_SHARED, ...; 0: leave
  bool propagation_recursive = false;
  bool recursive = false;        // binds take what is mounted below
  bool copy_up = false;          // a tmpfs starts with what it hides
  std::string uid_map, gid_map;  // of an idmapped mount
};

struct DevicePlan {
  std::string path;
  uint32_t mode = 0;  // with the type: S_IFCHR | 0666
  uint64_t number = 0;
  uint32_t uid = 0, gid = 0;
};

struct RlimitPlan {
  int32_t resource = 0;
  uint64_t soft = 0, hard = 0;
};

struct HookPlan {
  std::string path;
  std::vector<std::string> arguments, environment;
  int32_t timeout_seconds = 0;
};

// Whatever becomes a process: the first of a container, or one that joins it.
struct ProcessPlan {
  std::vector<std::string> arguments, environment;
  std::string cwd;
  bool terminal = false;
  uint16_t console_rows = 0, console_columns = 0;
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> groups;
  int32_t umask = -1;  // -1: leave
  // Bits of CAP_*, in the order of kernel headers.
  uint64_t bounding = 0, effective = 0, inheritable = 0, permitted = 0, ambient = 0;
  std::vector<RlimitPlan> rlimits;
  bool no_new_privileges = false;
  bool has_oom_score_adj = false;
  int32_t oom_score_adj = 0;
  std::string exec_label_file, exec_label;  // below /proc/self/attr
  std::vector<uint64_t> seccomp_program;    // struct sock_filter; empty: unconfined
  uint32_t seccomp_flags = 0;
  std::string keyring;  // joined under this name; empty: the caller's is kept
};

struct RootPlan {
  std::string path;
  bool readonly = false;
  std::vector<std::string> layers;
  std::string upper, work;
  uint64_t propagation = 0;
  bool propagation_recursive = false;
  bool pivot = true;
};

struct LaunchPlan {
  std::string id;
  NamespacePlan namespaces;
  CgroupPlan cgroup;
  RootPlan root;
  std::vector<MountPlan> mounts;
  std::vector<DevicePlan> devices;
  std::vector<std::string> masked_paths, readonly_paths;
  std::vector<std::pair<std::string, std::string>> sysctls;  // path below /proc/sys, text
  std::string hostname, domainname;
  std::vector<HookPlan> create_container, start_container;  // run inside the container
  std::string hook_state;                                   // the JSON that those hooks read
  ProcessPlan process;
};

std::string encode(const LaunchPlan& plan);
// kInvalid: cut short, too long, of another version.
Result<LaunchPlan> decode(std::string_view bytes);

}  // namespace kist::runtime
