// Limits -> files, for both versions of cgroups. Pure.
#include <algorithm>

#include "kist/runtime/cgroup.h"

namespace kist::runtime {
namespace {

std::string number_or_max(int64_t value) { return value < 0 ? "max" : std::to_string(value); }

std::string device(const BlockDeviceLimit& limit) {
  return std::to_string(limit.major) + ":" + std::to_string(limit.minor);
}

std::string rule_text(const DeviceRule& rule) {
  const auto number = [](int64_t n) { return n < 0 ? std::string("*") : std::to_string(n); };
  return std::string(1, rule.type) + " " + number(rule.major) + ":" + number(rule.minor) + " " +
         rule.access;
}

class Plan {
 public:
  Plan(const CgroupHost& host, std::vector<std::string>& warnings)
      : host_(host), warnings_(warnings) {}

  void add(const char* controller, std::string file, std::string value, bool required = true) {
    if (!host_.unified_has_controllers && !host_.v1.contains(controller)) {
      warn(std::string("no cgroup controller ") + controller + ": " + file + " is not limited");
      return;
    }
    writes_.push_back({controller, std::move(file), std::move(value), required});
  }
  void warn(std::string text) {
    if (std::find(warnings_.begin(), warnings_.end(), text) == warnings_.end()) {
      warnings_.push_back(std::move(text));
    }
  }
  std::vector<CgroupWrite> take() && { return std::move(writes_); }

 private:
  const CgroupHost& host_;
  std::vector<std::string>& warnings_;
  std::vector<CgroupWrite> writes_;
};

// cgroup v1's cpu.shares 2..262144 onto cpu.weight 1..10000, as every runtime does.
uint64_t weight_of_shares(uint64_t shares) {
  return 1 + ((std::clamp<uint64_t>(shares, 2, 262144) - 2) * 9999) / 262142;
}

// blkioWeight 10..1000 onto io.weight 1..10000.
uint64_t io_weight_of(uint64_t weight) {
  return 1 + (std::clamp<uint64_t>(weight, 10, 1000) - 10) * 9999 / 990;
}

void memory_v2(const ResourceSpec& r, Plan& plan) {
  if (r.memory_swap) {
    // The spec's number is memory and swap together.
    const int64_t limit = r.memory_limit.value_or(-1);
    const bool open = *r.memory_swap < 0 || limit < 0;
    plan.add("memory", "memory.swap.max",
             open ? "max" : std::to_string(std::max<int64_t>(0, *r.memory_swap - limit)), false);
  }
  if (r.memory_limit) plan.add("memory", "memory.max", number_or_max(*r.memory_limit));
  if (r.memory_reservation) {
    plan.add("memory", "memory.low", number_or_max(*r.memory_reservation), false);
  }
  if (r.memory_min) plan.add("memory", "memory.min", number_or_max(*r.memory_min), false);
  if (r.memory_swappiness) plan.warn("memory.swappiness is of cgroup v1 only");
  if (r.disable_oom_killer) plan.warn("memory.disableOOMKiller is of cgroup v1 only");
}

void cpu_v2(const ResourceSpec& r, Plan& plan) {
  if (r.cpu_idle) plan.add("cpu", "cpu.idle", std::to_string(*r.cpu_idle), false);
  if (r.cpu_shares && *r.cpu_shares != 0) {
    plan.add("cpu", "cpu.weight", std::to_string(weight_of_shares(*r.cpu_shares)));
  }
  if (r.cpu_quota || r.cpu_period) {
    const int64_t quota = r.cpu_quota.value_or(-1);
    plan.add("cpu", "cpu.max",
             (quota <= 0 ? "max" : std::to_string(quota)) + " " +
                 std::to_string(r.cpu_period.value_or(100000)));
  }
  if (r.cpu_burst) plan.add("cpu", "cpu.max.burst", std::to_string(*r.cpu_burst), false);
}

void io_v2(const ResourceSpec& r, Plan& plan) {
  if (r.io_weight && *r.io_weight != 0) {
    plan.add("io", "io.weight", "default " + std::to_string(io_weight_of(*r.io_weight)), false);
  }
  for (const auto& limit : r.io_weight_devices) {
    plan.add("io", "io.weight", device(limit) + " " + std::to_string(io_weight_of(limit.value)),
             false);
  }
  const std::pair<const char*, const std::vector<BlockDeviceLimit>*> kinds[] = {
      {" rbps=", &r.read_bps},
      {" wbps=", &r.write_bps},
      {" riops=", &r.read_iops},
      {" wiops=", &r.write_iops}};
  for (const auto& [word, limits] : kinds) {
    for (const auto& limit : *limits) {
      plan.add("io", "io.max", device(limit) + word + std::to_string(limit.value));
    }
  }
}

void plan_v2(const ResourceSpec& r, Plan& plan) {
  memory_v2(r, plan);
  cpu_v2(r, plan);
  io_v2(r, plan);
  for (const auto& [size, bytes] : r.hugepage_limits) {
    plan.add("hugetlb", "hugetlb." + size + ".max", std::to_string(bytes), false);
  }
  for (const auto& [file, value] : r.unified) {
    plan.add(file.substr(0, file.find('.')).c_str(), file, value);
  }
}

void memory_v1(const ResourceSpec& r, Plan& plan) {
  if (r.memory_limit) {
    plan.add("memory", "memory.limit_in_bytes", std::to_string(*r.memory_limit));
  }
  if (r.memory_swap) {  // the kernel may be built or booted without swap accounting
    plan.add("memory", "memory.memsw.limit_in_bytes", std::to_string(*r.memory_swap), false);
  }
  if (r.memory_reservation) {
    plan.add("memory", "memory.soft_limit_in_bytes", std::to_string(*r.memory_reservation), false);
  }
  if (r.memory_swappiness) {
    plan.add("memory", "memory.swappiness", std::to_string(*r.memory_swappiness), false);
  }
  if (r.disable_oom_killer) plan.add("memory", "memory.oom_control", "1", false);
}

void cpu_v1(const ResourceSpec& r, Plan& plan) {
  if (r.cpu_shares && *r.cpu_shares != 0) {
    plan.add("cpu", "cpu.shares", std::to_string(*r.cpu_shares));
  }
  if (r.cpu_period) plan.add("cpu", "cpu.cfs_period_us", std::to_string(*r.cpu_period));
  if (r.cpu_quota) plan.add("cpu", "cpu.cfs_quota_us", std::to_string(*r.cpu_quota));
  if (r.cpu_burst) plan.add("cpu", "cpu.cfs_burst_us", std::to_string(*r.cpu_burst), false);
}

void io_v1(const ResourceSpec& r, Plan& plan) {
  if (r.io_weight && *r.io_weight != 0) {
    plan.add("blkio", "blkio.bfq.weight", std::to_string(*r.io_weight), false);
  }
  for (const auto& limit : r.io_weight_devices) {
    plan.add("blkio", "blkio.bfq.weight_device", device(limit) + " " + std::to_string(limit.value),
             false);
  }
  const std::pair<const char*, const std::vector<BlockDeviceLimit>*> kinds[] = {
      {"blkio.throttle.read_bps_device", &r.read_bps},
      {"blkio.throttle.write_bps_device", &r.write_bps},
      {"blkio.throttle.read_iops_device", &r.read_iops},
      {"blkio.throttle.write_iops_device", &r.write_iops}};
  for (const auto& [file, limits] : kinds) {
    for (const auto& limit : *limits) {
      plan.add("blkio", file, device(limit) + " " + std::to_string(limit.value));
    }
  }
}

void plan_v1(const ResourceSpec& r, Plan& plan) {
  memory_v1(r, plan);
  cpu_v1(r, plan);
  io_v1(r, plan);
  for (const auto& [size, bytes] : r.hugepage_limits) {
    plan.add("hugetlb", "hugetlb." + size + ".limit_in_bytes", std::to_string(bytes), false);
  }
  for (const DeviceRule& rule : r.devices) {
    plan.add("devices", rule.allow ? "devices.allow" : "devices.deny", rule_text(rule));
  }
  if (!r.unified.empty()) plan.warn("resources.unified needs cgroup v2");
}

}  // namespace

std::vector<CgroupWrite> plan_cgroup(const ResourceSpec& limits, const CgroupHost& host,
                                     std::vector<std::string>& warnings) {
  Plan plan(host, warnings);
  if (!limits.cpuset_cpus.empty()) plan.add("cpuset", "cpuset.cpus", limits.cpuset_cpus);
  if (!limits.cpuset_mems.empty()) plan.add("cpuset", "cpuset.mems", limits.cpuset_mems);
  if (limits.pids_limit) {
    const int64_t most = *limits.pids_limit;
    plan.add("pids", "pids.max", most < 1 ? "max" : std::to_string(most));
  }
  if (host.unified_has_controllers) {
    plan_v2(limits, plan);
  } else {
    plan_v1(limits, plan);
  }
  return std::move(plan).take();
}

}  // namespace kist::runtime
