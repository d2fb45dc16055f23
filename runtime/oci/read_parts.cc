#include "runtime/oci/read_parts.h"

#include <algorithm>

namespace kist::runtime::oci {
namespace {

Result<> read_user(const Field& user, ProcessSpec& process) {
  TRY(user.get("uid", process.uid));
  TRY(user.get("gid", process.gid));
  TRY(user.get("umask", process.umask));
  for (const Field& group : TRY(user.elements_of("additionalGids"))) {
    TRY(group.read(process.additional_gids.emplace_back()));
  }
  return {};
}

Result<> read_capabilities(const Field& sets, CapabilitySpec& spec) {
  TRY(sets.get("bounding", spec.bounding));
  TRY(sets.get("effective", spec.effective));
  TRY(sets.get("inheritable", spec.inheritable));
  TRY(sets.get("permitted", spec.permitted));
  return sets.get("ambient", spec.ambient);
}

Result<> read_rlimits(const Field& list, std::vector<Rlimit>& rlimits) {
  for (const Field& one : TRY(list.elements())) {
    Rlimit& limit = rlimits.emplace_back();
    TRY(one.get("type", limit.type));
    TRY(one.get("soft", limit.soft));
    TRY(one.get("hard", limit.hard));
  }
  return {};
}

Result<> read_console_size(const Field& size, ProcessSpec& process) {
  uint32_t rows = 0, columns = 0;
  TRY(size.get("height", rows));
  TRY(size.get("width", columns));
  process.console_rows = static_cast<uint16_t>(std::min<uint32_t>(rows, UINT16_MAX));
  process.console_columns = static_cast<uint16_t>(std::min<uint32_t>(columns, UINT16_MAX));
  return {};
}

Result<> read_device_rules(const Field& list, std::vector<DeviceRule>& rules) {
  for (const Field& one : TRY(list.elements())) {
    DeviceRule& rule = rules.emplace_back();
    std::string type = "a";
    TRY(one.get("allow", rule.allow));
    TRY(one.get("type", type));
    TRY(one.get("major", rule.major));
    TRY(one.get("minor", rule.minor));
    TRY(one.get("access", rule.access));
    if (type.empty()) type = "a";
    if (type != "a" && type != "b" && type != "c") return one.invalid("type must be a, b or c");
    rule.type = type[0];
    if (rule.access.empty()) rule.access = "rwm";
    if (rule.access.find_first_not_of("rwm") != std::string::npos) {
      return one.invalid("access may hold r, w and m only");
    }
  }
  return {};
}

Result<> read_memory(const Field& memory, ResourceSpec& r) {
  TRY(memory.get("limit", r.memory_limit));
  TRY(memory.get("reservation", r.memory_reservation));
  TRY(memory.get("swap", r.memory_swap));
  TRY(memory.get("swappiness", r.memory_swappiness));
  TRY(memory.get("disableOOMKiller", r.disable_oom_killer));
  // Engines write 0 for "not set".
  if (r.memory_limit == 0) r.memory_limit.reset();
  if (r.memory_swap == 0) r.memory_swap.reset();
  if (r.memory_limit.value_or(-1) > 0 && r.memory_swap.value_or(-1) > 0 &&
      *r.memory_swap < *r.memory_limit) {
    return memory.invalid("swap must not be below limit, which it includes");
  }
  return {};
}

Result<> read_cpu(const Field& cpu, ResourceSpec& r) {
  TRY(cpu.get("shares", r.cpu_shares));
  TRY(cpu.get("quota", r.cpu_quota));
  TRY(cpu.get("period", r.cpu_period));
  TRY(cpu.get("burst", r.cpu_burst));
  TRY(cpu.get("idle", r.cpu_idle));
  TRY(cpu.get("cpus", r.cpuset_cpus));
  TRY(cpu.get("mems", r.cpuset_mems));
  if (r.cpu_quota == 0) r.cpu_quota.reset();
  if (r.cpu_period == 0) r.cpu_period.reset();
  return {};
}

Result<> read_block_limits(const Field& list, const char* value,
                           std::vector<BlockDeviceLimit>& limits) {
  for (const Field& one : TRY(list.elements())) {
    BlockDeviceLimit& limit = limits.emplace_back();
    TRY(one.get("major", limit.major));
    TRY(one.get("minor", limit.minor));
    TRY(one.get(value, limit.value));
  }
  return {};
}

Result<> read_block_io(const Field& io, ResourceSpec& r) {
  std::optional<uint32_t> weight;
  TRY(io.get("weight", weight));
  if (weight) r.io_weight = static_cast<uint16_t>(std::min<uint32_t>(*weight, 1000));
  TRY(part(io, "weightDevice", read_block_limits, "weight", r.io_weight_devices));
  TRY(part(io, "throttleReadBpsDevice", read_block_limits, "rate", r.read_bps));
  TRY(part(io, "throttleWriteBpsDevice", read_block_limits, "rate", r.write_bps));
  TRY(part(io, "throttleReadIOPSDevice", read_block_limits, "rate", r.read_iops));
  return part(io, "throttleWriteIOPSDevice", read_block_limits, "rate", r.write_iops);
}

}  // namespace

Result<> read_process_fields(const Field& field, ProcessSpec& process) {
  TRY(field.get("terminal", process.terminal));
  TRY(part(field, "consoleSize", read_console_size, process));
  TRY(part(field, "user", read_user, process));
  TRY(field.get("args", process.arguments));
  TRY(field.get("env", process.environment));
  TRY(field.get("cwd", process.cwd));
  TRY(part(field, "capabilities", read_capabilities, process.capabilities));
  TRY(part(field, "rlimits", read_rlimits, process.rlimits));
  TRY(field.get("noNewPrivileges", process.no_new_privileges));
  TRY(field.get("apparmorProfile", process.apparmor_profile));
  TRY(field.get("selinuxLabel", process.selinux_label));
  std::optional<int64_t> score;
  TRY(field.get("oomScoreAdj", score));
  if (score && (*score < -1000 || *score > 1000)) {
    return field.invalid("oomScoreAdj must be between -1000 and 1000");
  }
  if (score) process.oom_score_adj = static_cast<int>(*score);
  return {};
}

Result<> read_resource_fields(const Field& field, ResourceSpec& r) {
  TRY(part(field, "devices", read_device_rules, r.devices));
  TRY(part(field, "memory", read_memory, r));
  TRY(part(field, "cpu", read_cpu, r));
  const Field pids = TRY(field.member("pids"));
  TRY(pids.get("limit", r.pids_limit));
  TRY(part(field, "blockIO", read_block_io, r));
  for (const Field& one : TRY(field.elements_of("hugepageLimits"))) {
    auto& [size, bytes] = r.hugepage_limits.emplace_back();
    TRY(one.get("pageSize", size));
    TRY(one.get("limit", bytes));
    if (size.empty() || size.find('/') != std::string::npos)
      return one.invalid("pageSize is wrong");
  }
  for (const auto& [file, value] : TRY(field.members_of("unified"))) {
    if (file.find('/') != std::string::npos) return value.invalid("is no file of a cgroup");
    TRY(value.read(r.unified[file]));
  }
  return {};
}

Result<> read_seccomp(const Field& field, SeccompSpec& seccomp) {
  TRY(field.get("defaultAction", seccomp.default_action));
  TRY(field.get("defaultErrnoRet", seccomp.default_errno));
  TRY(field.get("architectures", seccomp.architectures));
  TRY(field.get("flags", seccomp.flags));
  if (TRY(field.member("listenerPath")).there()) {
    return Error{Code::kInvalid, "linux.seccomp.listenerPath: is not supported"};
  }
  for (const Field& one : TRY(field.elements_of("syscalls"))) {
    SeccompRule& rule = seccomp.rules.emplace_back();
    TRY(one.get("names", rule.names));
    TRY(one.get("action", rule.action));
    TRY(one.get("errnoRet", rule.errno_value));
    for (const Field& arg : TRY(one.elements_of("args"))) {
      SeccompArgument& argument = rule.arguments.emplace_back();
      TRY(arg.get("index", argument.index));
      TRY(arg.get("value", argument.value));
      TRY(arg.get("valueTwo", argument.value_two));
      TRY(arg.get("op", argument.op));
    }
  }
  return {};
}

Result<> read_id_mappings(const Field& list, std::vector<IdMapping>& mappings) {
  for (const Field& one : TRY(list.elements())) {
    IdMapping& mapping = mappings.emplace_back();
    TRY(one.get("containerID", mapping.container_id));
    TRY(one.get("hostID", mapping.host_id));
    TRY(one.get("size", mapping.size));
  }
  return {};
}

}  // namespace kist::runtime::oci
