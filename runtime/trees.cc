#include "runtime/trees.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <cerrno>

#include "runtime/cgroup_files.h"
#include "runtime/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace kist::runtime {
namespace {

bool has_user_namespace(const LaunchPlan& plan) {
  if ((plan.namespaces.create_flags & CLONE_NEWUSER) != 0) return true;
  for (const auto& [flag, path] : plan.namespaces.joined) {
    if (flag == CLONE_NEWUSER) return true;
  }
  return false;
}

// The kernel takes the mapping of an idmapped mount from a user namespace: one is made for it, by a
// child that does nothing but live until we have the descriptor.
Result<Fd> make_mapping(const std::string& uid_map, const std::string& gid_map) {
  int pidfd = -1;
  const pid_t pid = sys::clone3(CLONE_NEWUSER, &pidfd, -1);
  if (pid < 0) return errno_error("clone for an idmapped mount");
  if (pid == 0) {
    for (;;) ::pause();
  }
  const Fd holder(pidfd);
  const std::string base = "/proc/" + std::to_string(pid);
  Result<> mapped = write_file(base + "/uid_map", uid_map);
  if (mapped.ok()) mapped = write_file(base + "/gid_map", gid_map);
  Fd mapping(::open((base + "/ns/user").c_str(), O_RDONLY | O_CLOEXEC));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  TRY(std::move(mapped));
  if (!mapping) return errno_error("user namespace of an idmapped mount");
  return mapping;
}

Result<Fd> open_bind(const MountPlan& mount) {
  const unsigned recursive = mount.recursive ? AT_RECURSIVE : 0;
  Fd tree(sys::open_tree(AT_FDCWD, mount.source.c_str(), OPEN_TREE_CLONE | recursive));
  if (!tree) return errno_error("mount source " + mount.source);
  if (!mount.uid_map.empty()) {
    const Fd mapping = TRY(make_mapping(mount.uid_map, mount.gid_map));
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<uint64_t>(mapping.get());
    if (sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH | recursive, attributes) != 0) {
      return errno_error("map ids of mount source " + mount.source);
    }
  }
  // Private unless asked otherwise: a container's mounts are nobody else's.
  const uint64_t propagation = mount.propagation != 0 ? mount.propagation : uint64_t{MS_PRIVATE};
  TRY(set_mount_attributes(tree.get(), mount.set_recursive, mount.clear_recursive, propagation,
                           mount.propagation == 0 || mount.propagation_recursive)
          .context("mount source " + mount.source));
  if ((mount.set_attributes | mount.clear_attributes) != 0) {
    TRY(set_mount_attributes(tree.get(), mount.set_attributes, mount.clear_attributes, 0, false)
            .context("mount source " + mount.source));
  }
  return tree;
}

// The layers of an image and a place to write, as one file system.
Result<Fd> open_overlay(const RootPlan& root) {
  const Fd fs(sys::fsopen("overlay"));
  if (!fs) return errno_error("overlay");
  for (const std::string& layer : root.layers) {  // since Linux 6.5; strings end at 256 bytes
    if (sys::fsconfig_string(fs.get(), "lowerdir+", layer.c_str()) != 0) {
      return errno_error("overlay layer " + layer);
    }
  }
  if (!root.upper.empty() && (sys::fsconfig_string(fs.get(), "upperdir", root.upper.c_str()) != 0 ||
                              sys::fsconfig_string(fs.get(), "workdir", root.work.c_str()) != 0)) {
    return errno_error("overlay upper directory " + root.upper);
  }
  if (sys::fsconfig_create(fs.get()) != 0) return errno_error("overlay of " + root.path);
  Fd tree(sys::fsmount(fs.get(), 0));
  if (!tree) return errno_error("overlay of " + root.path);
  return tree;
}

Result<Fd> open_root(const RootPlan& root) {
  const bool overlay = root.layers.size() > 1 || !root.upper.empty();
  if (overlay) {
    Result<Fd> tree = open_overlay(root);
    // Old kernels know no lowerdir+: the child mounts with mount(2).
    if (!tree.ok() && (errno == EINVAL || errno == ENOSYS)) return Fd();
    return tree;
  }
  const std::string& source = root.layers.empty() ? root.path : root.layers.front();
  Fd tree(sys::open_tree(AT_FDCWD, source.c_str(), OPEN_TREE_CLONE | AT_RECURSIVE));
  if (!tree && errno == ENOSYS) return Fd();
  if (!tree) return errno_error("root file system " + source);
  if (root.propagation != MS_SHARED) {
    TRY(set_mount_attributes(tree.get(), 0, 0, MS_PRIVATE, true));
  }
  return tree;
}

Result<Fd> clone_tree(const std::string& path) {
  Fd tree(sys::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE));
  if (!tree) return errno_error(path);
  TRY(set_mount_attributes(tree.get(), 0, 0, MS_PRIVATE, false));
  return tree;
}

Result<> open_cgroups(const CgroupHost& host, const Cgroup& cgroup, Trees& trees) {
  for (const auto& [controller, directory] : cgroup.directories()) {
    Fd tree = TRY(clone_tree(directory));
    if (host.unified_has_controllers) {
      trees.cgroups.emplace_back("", std::move(tree));
      return {};
    }
    // Named as on the host: "cpu,cpuacct", "unified".
    const std::string mount = directory.substr(0, directory.size() - cgroup.path().size());
    trees.cgroups.emplace_back(mount.substr(mount.rfind('/') + 1), std::move(tree));
  }
  return {};
}

}  // namespace

Result<> set_mount_attributes(int mount, uint64_t set, uint64_t clear, uint64_t propagation,
                              bool recursive) {
  if (set == 0 && clear == 0 && propagation == 0) return {};
  mount_attr attributes{};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  attributes.propagation = propagation;
  const unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  if (sys::mount_setattr(mount, "", flags, attributes) == 0) return {};
  if (errno != ENOSYS) return errno_error("mount attributes");
  // Before Linux 5.12. A detached mount has no path that mount(2) could name.
  const std::string path = "/proc/self/fd/" + std::to_string(mount);
  if (propagation != 0 &&
      sys::mount(nullptr, path.c_str(), nullptr, propagation | (recursive ? MS_REC : 0), nullptr)) {
    return errno_error("mount propagation");
  }
  if ((set | clear) == 0) return {};
  struct statvfs now {};
  if (::fstatvfs(mount, &now) != 0) return errno_error("mount attributes");
  // The first four attributes have the values of MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC.
  const unsigned long kept = (now.f_flag & 0xf & ~clear) | (set & 0xf);
  if (sys::mount(nullptr, path.c_str(), nullptr, MS_REMOUNT | MS_BIND | kept, nullptr) != 0) {
    return errno_error("mount attributes");
  }
  return {};
}

Result<Trees> open_trees(const LaunchPlan& plan, const CgroupHost& host, const Cgroup& cgroup) {
  Trees trees;
  trees.root = TRY(open_root(plan.root));
  for (const MountPlan& mount : plan.mounts) {
    trees.mounts.emplace_back();
    if (mount.kind == MountSource::kBind) trees.mounts.back() = TRY(open_bind(mount));
    if (mount.kind == MountSource::kCgroup && trees.cgroups.empty()) {
      TRY(open_cgroups(host, cgroup, trees));
    }
  }
  if (!has_user_namespace(plan)) return trees;
  for (const DevicePlan& device : plan.devices) {
    trees.devices.push_back(TRY(clone_tree(device.path)));
  }
  return trees;
}

}  // namespace kist::runtime
