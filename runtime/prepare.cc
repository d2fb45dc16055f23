// spec + host -> plan. The only file that decides; all that follows carries out.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "kist/runtime/launcher.h"
#include "runtime/cgroup_files.h"
#include "runtime/mount_plan.h"
#include "runtime/names.h"
#include "runtime/seccomp_profile.h"

namespace kist::runtime {
namespace {

Error invalid(const std::string& field, const std::string& why) {
  return Error{Code::kInvalid, field + ": " + why};
}

// ---- process ----

Result<uint64_t> capability_bits(const std::vector<std::string>& names, const char* set,
                                 const HostFacts& host, std::vector<std::string>& warnings) {
  uint64_t bits = 0;
  for (const std::string& name : names) {
    const std::optional<int> number = capability_number(name);
    if (!number) {
      return invalid(std::string("process.capabilities.") + set, "unknown capability " + name);
    }
    const uint64_t bit = uint64_t{1} << *number;
    if ((host.capabilities & bit) == 0) {
      const std::string text = name + " is not given: we do not have it";
      if (std::find(warnings.begin(), warnings.end(), text) == warnings.end()) {
        warnings.push_back(text);
      }
      continue;
    }
    bits |= bit;
  }
  return bits;
}

Result<> plan_capabilities(const CapabilitySpec& spec, const HostFacts& host, ProcessPlan& plan,
                           std::vector<std::string>& warnings) {
  plan.bounding = TRY(capability_bits(spec.bounding, "bounding", host, warnings));
  plan.effective = TRY(capability_bits(spec.effective, "effective", host, warnings));
  plan.permitted = TRY(capability_bits(spec.permitted, "permitted", host, warnings));
  plan.inheritable = TRY(capability_bits(spec.inheritable, "inheritable", host, warnings));
  plan.ambient = TRY(capability_bits(spec.ambient, "ambient", host, warnings));
  if ((plan.effective & ~plan.permitted) != 0) {
    return invalid("process.capabilities.effective", "must be permitted as well");
  }
  // The kernel gives ambient ones only to sets that are permitted and inheritable.
  plan.ambient &= plan.permitted & plan.inheritable;
  return {};
}

Result<> plan_rlimits(const std::vector<Rlimit>& rlimits, ProcessPlan& plan) {
  for (size_t i = 0; i < rlimits.size(); ++i) {
    const std::string field = "process.rlimits[" + std::to_string(i) + "]";
    const std::optional<int> number = rlimit_number(rlimits[i].type);
    if (!number) return invalid(field + ".type", "unknown limit \"" + rlimits[i].type + "\"");
    if (rlimits[i].soft > rlimits[i].hard) return invalid(field + ".soft", "is above hard");
    for (const RlimitPlan& other : plan.rlimits) {
      if (other.resource == *number) return invalid(field + ".type", "Duplicate value");
    }
    plan.rlimits.push_back({*number, rlimits[i].soft, rlimits[i].hard});
  }
  return {};
}

void plan_label(const ProcessSpec& process, const HostFacts& host, ProcessPlan& plan,
                std::vector<std::string>& warnings) {
  if (!process.apparmor_profile.empty() && process.apparmor_profile != "unconfined") {
    if (host.apparmor) {
      plan.exec_label_file = "apparmor/exec";
      plan.exec_label = "exec " + process.apparmor_profile;
    } else {
      warnings.push_back("no AppArmor in this kernel: profile " + process.apparmor_profile +
                         " is not used");
    }
  }
  if (!process.selinux_label.empty()) {
    if (host.selinux) {
      plan.exec_label_file = "exec";
      plan.exec_label = process.selinux_label;
    } else {
      warnings.push_back("no SELinux in this kernel: label " + process.selinux_label +
                         " is not used");
    }
  }
}

// ---- namespaces ----

// A user namespace of another owner decides what its processes may do; the ids must be there.
Result<> plan_namespaces(const ContainerSpec& spec, LaunchPlan& plan) {
  std::set<NamespaceKind> seen;
  for (size_t i = 0; i < spec.namespaces.size(); ++i) {
    const NamespaceSpec& one = spec.namespaces[i];
    const std::string field = "linux.namespaces[" + std::to_string(i) + "]";
    if (!seen.insert(one.kind).second) return invalid(field + ".type", "Duplicate value");
    if (one.path.empty()) {
      plan.namespaces.create_flags |= namespace_flag(one.kind);
    } else if (one.path[0] != '/') {
      return invalid(field + ".path", "must be absolute");
    } else {
      plan.namespaces.joined.emplace_back(namespace_flag(one.kind), one.path);
    }
  }
  // Without a mount namespace the container's mounts would be the host's.
  if (!seen.contains(NamespaceKind::kMount)) {
    return invalid("linux.namespaces", "a mount namespace is needed");
  }
  if ((plan.namespaces.create_flags & CLONE_NEWUSER) != 0) {
    plan.namespaces.uid_map = TRY(plan_id_map(spec.uid_mappings, "linux.uidMappings"));
    plan.namespaces.gid_map = TRY(plan_id_map(spec.gid_mappings, "linux.gidMappings"));
  }
  for (const auto& [clock, seconds] : spec.time_offsets_seconds) {
    if (clock != "monotonic" && clock != "boottime") {
      return invalid("linux.timeOffsets", "unknown clock \"" + clock + "\"");
    }
    plan.namespaces.time_offsets += clock + " " + std::to_string(seconds) + " 0\n";
  }
  if (!spec.hostname.empty() && !seen.contains(NamespaceKind::kUts)) {
    return invalid("hostname", "needs a uts namespace of its own");
  }
  plan.hostname = spec.hostname;
  plan.domainname = spec.domainname;
  return {};
}

// ---- devices ----

struct DefaultDevice {
  const char* path;
  unsigned major, minor;
};
constexpr DefaultDevice kDefaultDevices[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5},
                                             {"/dev/full", 1, 7},    {"/dev/random", 1, 8},
                                             {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};

void plan_devices(const ContainerSpec& spec, LaunchPlan& plan) {
  const auto named = [&](const std::string& path) {
    return std::any_of(spec.devices.begin(), spec.devices.end(),
                       [&](const DeviceSpec& device) { return device.path == path; });
  };
  for (const DefaultDevice& one : kDefaultDevices) {
    if (named(one.path)) continue;
    plan.devices.push_back({one.path, S_IFCHR | 0666, ::makedev(one.major, one.minor), 0, 0});
  }
  for (const DeviceSpec& one : spec.devices) {
    const mode_t type = one.type == 'b' ? S_IFBLK : one.type == 'p' ? S_IFIFO : S_IFCHR;
    plan.devices.push_back(
        {one.path, type | (one.mode & 07777),
         ::makedev(static_cast<unsigned>(one.major), static_cast<unsigned>(one.minor)), one.uid,
         one.gid});
  }
}

// What every container may use; behind the spec's rules, so that it is decided last.
constexpr DeviceRule rule(char type, int64_t major, int64_t minor) {
  return DeviceRule{.allow = true, .type = type, .major = major, .minor = minor};
}
std::vector<DeviceRule> device_rules(const ContainerSpec& spec) {
  std::vector<DeviceRule> rules = spec.resources.devices;
  if (rules.empty()) return rules;
  for (const DefaultDevice& one : kDefaultDevices) rules.push_back(rule('c', one.major, one.minor));
  rules.push_back(rule('c', 5, 1));     // console
  rules.push_back(rule('c', 5, 2));     // ptmx
  rules.push_back(rule('c', 136, -1));  // pts
  for (const char type : {'c', 'b'}) {  // a node may be made; using it is another matter
    rules.push_back({true, type, -1, -1, "m"});
  }
  return rules;
}

// ---- the rest ----

Result<> plan_cgroup_part(const ContainerSpec& spec, const HostFacts& host, Prepared& out) {
  CgroupPlan& plan = out.plan.cgroup;
  plan.path = spec.cgroups_path.empty() ? "/kist/" + spec.id : spec.cgroups_path;
  if (plan.path[0] != '/') plan.path.insert(0, "/");
  while (plan.path.size() > 1 && plan.path.ends_with('/')) plan.path.pop_back();
  if ((plan.path + "/").find("/../") != std::string::npos || plan.path == "/" ||
      plan.path.find("//") != std::string::npos) {
    return invalid("linux.cgroupsPath", "must be a plain path below the root group");
  }
  ResourceSpec limits = spec.resources;
  limits.devices = device_rules(spec);
  plan.writes = plan_cgroup(limits, host.cgroups, out.warnings);
  if (host.cgroups.unified_has_controllers && !limits.devices.empty()) {
    plan.device_program = plan_device_program(limits.devices);
  }
  return {};
}

Result<> plan_root(const ContainerSpec& spec, const PrepareOptions& options, RootPlan& plan) {
  plan.path = spec.root.path;
  if (plan.path.empty()) return invalid("root.path", "Required value");
  if (plan.path[0] != '/') plan.path = spec.bundle + "/" + plan.path;
  plan.readonly = spec.root.readonly;
  plan.layers = spec.root.layers;
  plan.upper = spec.root.upper;
  plan.work = spec.root.work;
  plan.pivot = options.pivot;
  plan.propagation = MS_SLAVE;
  plan.propagation_recursive = true;
  if (!spec.rootfs_propagation.empty()) {
    const MountOption* option = find_mount_option(spec.rootfs_propagation);
    if (option == nullptr || option->effect != MountOption::Effect::kPropagation) {
      return invalid("linux.rootfsPropagation", "\"" + spec.rootfs_propagation + "\" is none");
    }
    plan.propagation = option->value;
    plan.propagation_recursive = option->recursive;
  }
  return {};
}

// Only those that a namespace of the container owns: others would change the host.
Result<> plan_sysctls(const ContainerSpec& spec, LaunchPlan& plan) {
  const auto has = [&](NamespaceKind kind) {
    return std::any_of(spec.namespaces.begin(), spec.namespaces.end(),
                       [&](const NamespaceSpec& one) { return one.kind == kind; });
  };
  static constexpr std::string_view kIpc[] = {
      "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
  for (const auto& [name, value] : spec.sysctls) {
    std::string path = name;
    // "net/ipv4/conf/eth0.1/x" keeps its dots; "net.ipv4.x" trades them in.
    if (path.find('/') == std::string::npos) std::replace(path.begin(), path.end(), '.', '/');
    std::string dotted = path;
    std::replace(dotted.begin(), dotted.end(), '/', '.');
    const bool ipc = std::find(std::begin(kIpc), std::end(kIpc), dotted) != std::end(kIpc) ||
                     dotted.starts_with("fs.mqueue.");
    const bool uts = dotted == "kernel.domainname" || dotted == "kernel.hostname";
    const bool owned = (ipc && has(NamespaceKind::kIpc)) || (uts && has(NamespaceKind::kUts)) ||
                       (dotted.starts_with("net.") && has(NamespaceKind::kNetwork));
    if (!owned || path.find("..") != std::string::npos) {
      return invalid("linux.sysctl[" + name + "]", "is not in a namespace of the container");
    }
    plan.sysctls.emplace_back(path, value);
  }
  return {};
}

void plan_hooks(const std::vector<HookSpec>& from, std::vector<HookPlan>& to) {
  for (const HookSpec& hook : from) {
    to.push_back({hook.path, hook.arguments, hook.environment, hook.timeout_seconds});
  }
}

}  // namespace

HostFacts read_host_facts(const std::string& root) {
  HostFacts host;
  host.cgroups = find_cgroups(root);
  for (int number = 0; number < kCapabilityCount; ++number) {
    if (::prctl(PR_CAPBSET_READ, number) == 1) host.capabilities |= uint64_t{1} << number;
  }
  const std::string base = root == "/" ? "" : root;
  host.apparmor = ::access((base + "/sys/kernel/security/apparmor").c_str(), F_OK) == 0;
  host.selinux = ::access((base + "/sys/fs/selinux/enforce").c_str(), F_OK) == 0;
  return host;
}

Result<PreparedProcess> prepare_process(const ProcessSpec& process, const ContainerSpec& spec,
                                        const HostFacts& host, const PrepareOptions& options) {
  PreparedProcess out;
  ProcessPlan& plan = out.plan;
  if (process.arguments.empty()) return invalid("process.args", "Required value");
  if (process.cwd.empty() || process.cwd[0] != '/') {
    return invalid("process.cwd", "must be an absolute path");
  }
  plan.arguments = process.arguments;
  plan.environment = process.environment;
  plan.cwd = process.cwd;
  plan.terminal = process.terminal;
  plan.console_rows = process.console_rows;
  plan.console_columns = process.console_columns;
  plan.uid = process.uid;
  plan.gid = process.gid;
  plan.groups = process.additional_gids;
  if (process.umask) plan.umask = static_cast<int32_t>(*process.umask & 07777);
  plan.no_new_privileges = process.no_new_privileges;
  plan.has_oom_score_adj = process.oom_score_adj.has_value();
  plan.oom_score_adj = process.oom_score_adj.value_or(0);
  if (!options.keep_keyring) plan.keyring = "_ses." + spec.id;
  TRY(plan_capabilities(process.capabilities, host, plan, out.warnings));
  TRY(plan_rlimits(process.rlimits, plan));
  plan_label(process, host, plan, out.warnings);
  if (spec.seccomp) {
    SeccompProgram program = TRY(compile_seccomp(*spec.seccomp, options.seccomp_cache_dir));
    plan.seccomp_program = std::move(program.instructions);
    plan.seccomp_flags = program.flags;
  }
  return out;
}

Result<Prepared> prepare(const ContainerSpec& spec, const HostFacts& host,
                         const PrepareOptions& options) {
  Prepared out;
  LaunchPlan& plan = out.plan;
  plan.id = spec.id;
  TRY(plan_namespaces(spec, plan));
  TRY(plan_root(spec, options, plan.root));
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    plan.mounts.push_back(
        TRY(plan_mount(spec.mounts[i], spec, "mounts[" + std::to_string(i) + "]")));
  }
  plan_devices(spec, plan);
  plan.masked_paths = spec.masked_paths;
  plan.readonly_paths = spec.readonly_paths;
  TRY(plan_sysctls(spec, plan));
  TRY(plan_cgroup_part(spec, host, out));
  plan_hooks(spec.hooks.create_container, plan.create_container);
  plan_hooks(spec.hooks.start_container, plan.start_container);
  PreparedProcess process = TRY(prepare_process(spec.process, spec, host, options));
  plan.process = std::move(process.plan);
  out.warnings.insert(out.warnings.end(), process.warnings.begin(), process.warnings.end());
  return out;
}

}  // namespace kist::runtime
