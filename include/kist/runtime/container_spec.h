// What a container shall be: the words of the OCI runtime specification 1.2, as plain values.
//
// Filled by runtime/oci from a config.json or by the kubelet from a Pod; prepare() turns it into a
// LaunchPlan. Nothing here touches the kernel. Paths are absolute, or relative where it says so.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kist::runtime {

enum class NamespaceKind : uint8_t { kMount, kPid, kNetwork, kIpc, kUts, kUser, kCgroup, kTime };

struct NamespaceSpec {
  NamespaceKind kind = NamespaceKind::kMount;
  std::string path;  // join this one; empty: a new one
};

struct IdMapping {
  uint32_t container_id = 0, host_id = 0, size = 0;
};

struct MountSpec {
  std::string destination;  // in the container
  std::string type;         // "bind" or a file system; "cgroup" shows the container its own groups
  std::string source;       // relative ones start at the bundle
  std::vector<std::string>
      options;  // as of mount(8), with "rbind", "rro", "tmpcopyup", "idmap", ...
  std::vector<IdMapping> uid_mappings, gid_mappings;
};

struct DeviceSpec {
  char type = 'c';  // c, b, u or p
  std::string path;
  int64_t major = 0, minor = 0;
  uint32_t mode = 0666, uid = 0, gid = 0;
};

struct DeviceRule {
  bool allow = false;
  char type = 'a';                 // a, c or b
  int64_t major = -1, minor = -1;  // -1: any
  std::string access = "rwm";
};

struct Rlimit {
  std::string type;  // "RLIMIT_NOFILE"
  uint64_t soft = 0, hard = 0;
};

// The five sets, by name ("CAP_KILL").
struct CapabilitySpec {
  std::vector<std::string> bounding, effective, inheritable, permitted, ambient;
};

struct ProcessSpec {
  std::vector<std::string> arguments, environment;
  std::string cwd = "/";
  bool terminal = false;
  uint16_t console_rows = 0, console_columns = 0;  // 0: the kernel's choice
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> additional_gids;
  std::optional<uint32_t> umask;
  CapabilitySpec capabilities;
  std::vector<Rlimit> rlimits;
  bool no_new_privileges = false;
  std::optional<int> oom_score_adj;
  std::string apparmor_profile, selinux_label;
};

struct SeccompArgument {
  uint32_t index = 0;
  uint64_t value = 0, value_two = 0;
  std::string op;  // "SCMP_CMP_EQ"
};

struct SeccompRule {
  std::vector<std::string> names;
  std::string action;
  std::optional<uint32_t> errno_value;
  std::vector<SeccompArgument> arguments;
};

struct SeccompSpec {
  std::string default_action;  // "SCMP_ACT_ERRNO"
  std::optional<uint32_t> default_errno;
  std::vector<std::string> architectures, flags;
  std::vector<SeccompRule> rules;
};

struct BlockDeviceLimit {
  int64_t major = 0, minor = 0;
  uint64_t value = 0;  // a weight, bytes a second or operations a second
};

// Limits of a cgroup; what is not set stays as the kernel has it.
struct ResourceSpec {
  std::optional<int64_t> memory_limit, memory_reservation, memory_swap, memory_min;  // -1: none
  std::optional<uint64_t> memory_swappiness;
  bool disable_oom_killer = false;
  std::optional<uint64_t> cpu_shares, cpu_period, cpu_burst;
  std::optional<int64_t> cpu_quota, cpu_idle;  // quota -1: none
  std::string cpuset_cpus, cpuset_mems;
  std::optional<int64_t> pids_limit;  // below 1: none
  std::optional<uint16_t> io_weight;
  std::vector<BlockDeviceLimit> io_weight_devices, read_bps, write_bps, read_iops, write_iops;
  std::vector<std::pair<std::string, uint64_t>> hugepage_limits;  // "2MB", bytes
  std::vector<DeviceRule> devices;
  std::map<std::string, std::string> unified;  // file of cgroup v2 -> text
};

struct HookSpec {
  std::string path;
  std::vector<std::string> arguments, environment;
  int timeout_seconds = 0;  // 0: none
};

struct HooksSpec {
  std::vector<HookSpec> prestart, create_runtime, create_container, start_container, poststart,
      poststop;
};

// Where the root file system comes from: a directory, or image layers put together in the
// container's own mount namespace, so that nothing stays mounted on the host.
struct RootSpec {
  std::string path;  // the directory; with layers, the empty directory to mount them at
  bool readonly = false;
  std::vector<std::string> layers;  // topmost first; empty: `path` is the file system itself
  std::string upper, work;          // of the overlay; both empty: nothing can be written
};

struct ContainerSpec {
  std::string id, bundle;
  ProcessSpec process;
  RootSpec root;
  std::string hostname, domainname;
  std::vector<MountSpec> mounts;
  std::vector<NamespaceSpec> namespaces;
  std::vector<IdMapping> uid_mappings, gid_mappings;
  std::map<std::string, int64_t> time_offsets_seconds;  // "monotonic", "boottime"
  std::vector<DeviceSpec> devices;
  std::string cgroups_path;
  ResourceSpec resources;
  std::optional<SeccompSpec> seccomp;
  std::map<std::string, std::string> sysctls, annotations;
  std::vector<std::string> masked_paths, readonly_paths;
  std::string rootfs_propagation;  // "", "private", "rslave", ...
  std::string mount_label;
  HooksSpec hooks;
};

}  // namespace kist::runtime
