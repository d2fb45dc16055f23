#include "runtime/mount_plan.h"

#include <linux/mount.h>

#include "runtime/names.h"

namespace kist::runtime {
namespace {

using Effect = MountOption::Effect;

// The access time attributes are one field of several bits: the last word wins.
void set_attribute(const MountOption& option, uint64_t& set, uint64_t& clear) {
  if ((option.value & MOUNT_ATTR__ATIME) != 0 || option.name.ends_with("atime")) {
    if (option.value != MOUNT_ATTR_NODIRATIME) {
      set &= ~static_cast<uint64_t>(MOUNT_ATTR__ATIME);
      clear |= MOUNT_ATTR__ATIME;
    }
  }
  if (option.effect == Effect::kSet) {
    set |= option.value;
    if (option.value != MOUNT_ATTR_NOATIME && option.value != MOUNT_ATTR_STRICTATIME) {
      clear &= ~option.value;
    }
  } else {
    set &= ~option.value;
    if ((option.value & MOUNT_ATTR__ATIME) == 0) clear |= option.value;
  }
}

struct Flags {
  bool bind = false, idmap = false;
};

void apply_option(const MountOption& option, MountPlan& plan, Flags& flags) {
  switch (option.effect) {
    case Effect::kSet:
    case Effect::kClear:
      option.recursive ? set_attribute(option, plan.set_recursive, plan.clear_recursive)
                       : set_attribute(option, plan.set_attributes, plan.clear_attributes);
      break;
    case Effect::kPropagation:
      plan.propagation = option.value;
      plan.propagation_recursive = option.recursive;
      break;
    case Effect::kBind:
      flags.bind = true;
      plan.recursive = option.recursive;
      break;
    case Effect::kCopyUp: plan.copy_up = true; break;
    case Effect::kIdmap: flags.idmap = true; break;
    case Effect::kNothing: break;
  }
}

// SELinux contexts hold commas: they come quoted in mount data, but not with fsconfig.
void add_label(const std::string& label, const std::string& type, MountPlan& plan) {
  const bool labelled = type == "tmpfs" || type == "mqueue" || type == "devpts";
  if (!label.empty() && labelled) plan.parameters.emplace_back("context", label);
}

}  // namespace

Result<MountPlan> plan_mount(const MountSpec& mount, const ContainerSpec& spec,
                             const std::string& field) {
  MountPlan plan;
  Flags flags;
  if (mount.destination.empty()) {
    return Error{Code::kInvalid, field + ".destination: Required value"};
  }
  plan.destination = mount.destination;
  plan.type = mount.type;
  plan.source = mount.source;
  for (const std::string& option : mount.options) {
    if (const MountOption* known = find_mount_option(option)) {
      apply_option(*known, plan, flags);
      continue;
    }
    const size_t equals = option.find('=');
    plan.parameters.emplace_back(option.substr(0, equals),
                                 equals == std::string::npos ? "" : option.substr(equals + 1));
  }
  if (flags.bind || mount.type == "bind") {
    plan.kind = MountSource::kBind;
    plan.parameters.clear();  // a bind has no file system of its own to configure
    if (plan.source.empty()) return Error{Code::kInvalid, field + ".source: Required value"};
    if (plan.source[0] != '/') plan.source = spec.bundle + "/" + plan.source;
  } else if (mount.type == "cgroup" || mount.type == "cgroup2") {
    plan.kind = MountSource::kCgroup;
    plan.parameters.clear();
  } else if (mount.type.empty()) {
    return Error{Code::kInvalid, field + ".type: Required value"};
  }
  add_label(spec.mount_label, mount.type, plan);
  if (flags.idmap || !mount.uid_mappings.empty()) {
    const bool own = !mount.uid_mappings.empty();
    plan.uid_map =
        TRY(plan_id_map(own ? mount.uid_mappings : spec.uid_mappings, field + ".uidMappings"));
    plan.gid_map =
        TRY(plan_id_map(own ? mount.gid_mappings : spec.gid_mappings, field + ".gidMappings"));
    if (plan.kind != MountSource::kBind) {
      return Error{Code::kInvalid, field + ".options: idmap needs a bind mount"};
    }
  }
  return plan;
}

Result<std::string> plan_id_map(const std::vector<IdMapping>& mappings, const std::string& field) {
  std::string text;
  for (const IdMapping& one : mappings) {
    if (one.size == 0 || one.container_id + one.size < one.container_id ||
        one.host_id + one.size < one.host_id) {
      return Error{Code::kInvalid, field + ": an empty range, or one beyond 32 bits"};
    }
    text += std::to_string(one.container_id) + " " + std::to_string(one.host_id) + " " +
            std::to_string(one.size) + "\n";
  }
  if (text.empty()) return Error{Code::kInvalid, field + ": Required value"};
  return text;
}

}  // namespace kist::runtime
