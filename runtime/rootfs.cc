#include "runtime/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/copy_up.h"
#include "runtime/root_paths.h"
#include "runtime/sys.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace kist::runtime {
namespace {

std::string fd_path(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// For mount(2), where the kernel has no new mount API.
unsigned long old_flags(uint64_t attributes) {
  unsigned long flags = attributes & 0xf;  // RDONLY, NOSUID, NODEV, NOEXEC: the same bits
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_NOATIME) flags |= MS_NOATIME;
  if ((attributes & MOUNT_ATTR__ATIME) == MOUNT_ATTR_STRICTATIME) flags |= MS_STRICTATIME;
  if ((attributes & MOUNT_ATTR_NODIRATIME) != 0) flags |= MS_NODIRATIME;
  return flags;
}

Result<> mount_old(const MountPlan& mount, int target) {
  std::string data;
  for (const auto& [key, value] : mount.parameters) {
    data += (data.empty() ? "" : ",") + key + (value.empty() ? "" : "=" + value);
  }
  const uint64_t attributes = mount.set_attributes | mount.set_recursive;
  if (sys::mount(mount.source.c_str(), fd_path(target).c_str(), mount.type.c_str(),
                 old_flags(attributes), data.c_str()) != 0) {
    return errno_error("mount " + mount.destination);
  }
  return {};
}

Result<Fd> make_filesystem(const MountPlan& mount) {
  Fd fs(sys::fsopen(mount.type.c_str()));
  if (!fs) return errno_error("mount " + mount.destination + " of type " + mount.type);
  const char* source = mount.source.empty() ? mount.type.c_str() : mount.source.c_str();
  if (sys::fsconfig_string(fs.get(), "source", source) != 0) {
    return errno_error("mount " + mount.destination + ": source " + source);
  }
  for (const auto& [key, value] : mount.parameters) {
    const int done = value.empty() ? sys::fsconfig_flag(fs.get(), key.c_str())
                                   : sys::fsconfig_string(fs.get(), key.c_str(), value.c_str());
    if (done != 0) {
      return errno_error("mount " + mount.destination + ": option " + key +
                         (value.empty() ? "" : "=" + value));
    }
  }
  if (sys::fsconfig_create(fs.get()) != 0) return errno_error("mount " + mount.destination);
  return fs;
}

// Where a mount goes. /proc and /sys must be what they seem: a link there could make the paths that
// are masked later others than those that were mounted (CVE-2019-19921).
Result<Fd> mount_point(int root, const MountPlan& mount, bool directory) {
  const bool kernel = mount.type == "proc" || mount.type == "sysfs";
  if (kernel) {
    const Fd parent = TRY(open_parent_in_root(root, mount.destination));
    struct stat status {};
    const std::string name(last_part(mount.destination));
    if (::fstatat(parent.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        !S_ISDIR(status.st_mode)) {
      return Error{Code::kInvalid, "mount " + mount.destination + ": is not a directory"};
    }
  }
  Result<Fd> point =
      open_in_root(root, mount.destination, directory ? Create::kDirectory : Create::kFile);
  return std::move(point).context("mount " + mount.destination);
}

Result<> attach(int tree, int point, const std::string& destination) {
  if (sys::move_mount(tree, point, "") != 0) return errno_error("mount " + destination);
  return {};
}

Result<> mount_new(int root, const MountPlan& mount) {
  const Fd point = TRY(mount_point(root, mount, true));
  Result<Fd> fs = make_filesystem(mount);
  if (!fs.ok() && errno == ENOSYS) return mount_old(mount, point.get());
  const Fd context = TRY(std::move(fs));
  const uint64_t wanted = mount.set_attributes | mount.set_recursive;
  // What is copied up has to be written first.
  const uint64_t now = mount.copy_up ? wanted & ~uint64_t{MOUNT_ATTR_RDONLY} : wanted;
  const Fd tree(sys::fsmount(context.get(), static_cast<unsigned>(now)));
  if (!tree) return errno_error("mount " + mount.destination);
  if (mount.copy_up) {
    TRY(copy_up(point.get(), tree.get()).context("copy up " + mount.destination));
    TRY(set_mount_attributes(tree.get(), wanted & MOUNT_ATTR_RDONLY, 0, 0, false));
  }
  TRY(attach(tree.get(), point.get(), mount.destination));
  return set_mount_attributes(tree.get(), 0, 0, mount.propagation, mount.propagation_recursive);
}

Result<> mount_bind(int root, const MountPlan& mount, int tree) {
  struct stat status {};
  if (::fstat(tree, &status) != 0) return errno_error("mount source " + mount.source);
  const Fd point = TRY(mount_point(root, mount, S_ISDIR(status.st_mode)));
  return attach(tree, point.get(), mount.destination);
}

// cgroup v2: the container's own group. v1: one directory for each hierarchy, on a tmpfs.
Result<> mount_cgroups(int root, const MountPlan& mount, const Trees& trees) {
  if (trees.cgroups.empty()) return {};
  const uint64_t set = mount.set_attributes | mount.set_recursive;
  if (trees.cgroups.front().first.empty()) {
    const int tree = trees.cgroups.front().second.get();
    const Fd point = TRY(mount_point(root, mount, true));
    TRY(set_mount_attributes(tree, set, 0, 0, false));
    return attach(tree, point.get(), mount.destination);
  }
  MountPlan base;
  base.destination = mount.destination;
  base.type = "tmpfs";
  base.parameters = {{"mode", "755"}, {"size", "64k"}};
  base.set_attributes = set & ~uint64_t{MOUNT_ATTR_RDONLY};
  TRY(mount_new(root, base));
  for (const auto& [name, tree] : trees.cgroups) {
    const std::string place = mount.destination + "/" + name;
    const Fd point = TRY(open_in_root(root, place, Create::kDirectory));
    TRY(set_mount_attributes(tree.get(), set, 0, 0, false));
    TRY(attach(tree.get(), point.get(), place));
  }
  const Fd top = TRY(open_in_root(root, mount.destination));
  return set_mount_attributes(top.get(), set & MOUNT_ATTR_RDONLY, 0, 0, false);
}

// mount(2) takes one page of options: layers by descriptor are short however deep they lie.
Result<> mount_overlay_old(const RootPlan& plan) {
  std::vector<Fd> layers;
  std::string data = "lowerdir=";
  for (const std::string& layer : plan.layers) {
    layers.emplace_back(::open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!layers.back()) return errno_error("overlay layer " + layer);
    data += (layers.size() > 1 ? ":" : "") + fd_path(layers.back().get());
  }
  if (!plan.upper.empty()) data += ",upperdir=" + plan.upper + ",workdir=" + plan.work;
  if (sys::mount("overlay", plan.path.c_str(), "overlay", 0, data.c_str()) != 0) {
    return errno_error("overlay at " + plan.path);
  }
  return {};
}

Result<> mask(int root, const std::string& path) {
  Result<Fd> found = open_in_root(root, path);
  if (!found.ok()) {
    if (found.error().code == Code::kNotFound) return {};  // nothing on the way or at the end
    return std::move(found).error();
  }
  struct stat status {};
  if (::fstat(found.value().get(), &status) != 0) return errno_error("mask " + path);
  if (!S_ISDIR(status.st_mode)) {
    const Fd null(sys::open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE));
    if (!null) return errno_error("mask " + path + ": /dev/null");
    return attach(null.get(), found.value().get(), path);
  }
  MountPlan empty;
  empty.destination = path;
  empty.type = "tmpfs";
  empty.parameters = {{"size", "0k"}, {"nr_inodes", "1"}};
  empty.set_attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  return mount_new(root, empty);
}

Result<> make_readonly(int root, const std::string& path) {
  Result<Fd> found = open_in_root(root, path);
  if (!found.ok()) {
    if (found.error().code == Code::kNotFound) return {};  // nothing on the way or at the end
    return std::move(found).error();
  }
  const Fd tree(
      sys::open_tree(found.value().get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE));
  if (!tree) return errno_error("make " + path + " read-only");
  TRY(set_mount_attributes(tree.get(), MOUNT_ATTR_RDONLY, 0, 0, true)
          .context("make " + path + " read-only"));
  return attach(tree.get(), found.value().get(), path);
}

Result<> make_device(int root, const DevicePlan& device, int tree) {
  const Fd parent = TRY(open_parent_in_root(root, device.path).context("device " + device.path));
  const std::string name(last_part(device.path));
  if (tree >= 0) {
    const Fd point = TRY(open_in_root(root, device.path, Create::kFile));
    return attach(tree, point.get(), device.path);
  }
  const auto number = static_cast<dev_t>(device.number);
  if (sys::mknodat(parent.get(), name.c_str(), device.mode, number) != 0) {
    if (errno == EEXIST) return {};  // a /dev that was mounted brings its own
    return errno_error("device " + device.path);
  }
  // mknod obeys the umask.
  if (::fchmodat(parent.get(), name.c_str(), device.mode & 07777, 0) != 0 ||
      ::fchownat(parent.get(), name.c_str(), device.uid, device.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error("device " + device.path);
  }
  return {};
}

}  // namespace

Result<Fd> mount_root(const RootPlan& plan, const Trees& trees) {
  if (sys::mount(nullptr, "/", nullptr,
                 plan.propagation | (plan.propagation_recursive ? MS_REC : 0), nullptr) != 0) {
    return errno_error("propagation of /");
  }
  if (!trees.root) {
    if (plan.layers.size() > 1 || !plan.upper.empty()) {
      TRY(mount_overlay_old(plan));
    } else {
      const std::string& source = plan.layers.empty() ? plan.path : plan.layers.front();
      if (sys::mount(source.c_str(), plan.path.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
        return errno_error("root file system " + source);
      }
    }
    Fd root(::open(plan.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root) return errno_error("root file system " + plan.path);
    return root;
  }
  // In a user namespace the way to the directory may be closed to us; any other place will do,
  // since the old tree goes away.
  for (const char* place : {plan.path.c_str(), "/tmp", "/mnt", "/run"}) {
    if (sys::move_mount(trees.root.get(), AT_FDCWD, place) == 0) {
      return Fd(::fcntl(trees.root.get(), F_DUPFD_CLOEXEC, 3));
    }
    if (errno != EACCES && errno != ENOENT) break;
  }
  return errno_error("attach root file system " + plan.path);
}

Result<> mount_all(int root, const LaunchPlan& plan, const Trees& trees) {
  for (size_t i = 0; i < plan.mounts.size(); ++i) {
    const MountPlan& mount = plan.mounts[i];
    switch (mount.kind) {
      case MountSource::kFilesystem: TRY(mount_new(root, mount)); break;
      case MountSource::kBind: TRY(mount_bind(root, mount, trees.mounts[i].get())); break;
      case MountSource::kCgroup: TRY(mount_cgroups(root, mount, trees)); break;
    }
  }
  return {};
}

Result<> make_devices(int root, const LaunchPlan& plan, const Trees& trees) {
  for (size_t i = 0; i < plan.devices.size(); ++i) {
    const int tree = trees.devices.empty() ? -1 : trees.devices[i].get();
    TRY(make_device(root, plan.devices[i], tree));
  }
  const Fd dev = TRY(open_in_root(root, "dev", Create::kDirectory));
  constexpr std::pair<const char*, const char*> kLinks[] = {{"/proc/self/fd", "fd"},
                                                            {"/proc/self/fd/0", "stdin"},
                                                            {"/proc/self/fd/1", "stdout"},
                                                            {"/proc/self/fd/2", "stderr"},
                                                            {"pts/ptmx", "ptmx"}};
  for (const auto& [target, name] : kLinks) {
    if (::symlinkat(target, dev.get(), name) != 0 && errno != EEXIST && errno != EROFS) {
      return errno_error(std::string("link /dev/") + name);
    }
  }
  return {};
}

Result<> bind_console(int root, int slave_number) {
  const Fd slave = TRY(open_in_root(root, "dev/pts/" + std::to_string(slave_number)));
  const Fd tree(sys::open_tree(slave.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE));
  if (!tree) return errno_error("mount /dev/console");
  const Fd point = TRY(open_in_root(root, "dev/console", Create::kFile));
  return attach(tree.get(), point.get(), "/dev/console");
}

Result<> protect_paths(int root, const LaunchPlan& plan) {
  for (const std::string& path : plan.readonly_paths) TRY(make_readonly(root, path));
  for (const std::string& path : plan.masked_paths) TRY(mask(root, path));
  if (plan.root.readonly) {
    TRY(set_mount_attributes(root, MOUNT_ATTR_RDONLY, 0, 0, false).context("read-only root"));
  }
  return {};
}

Result<> enter_root(int root, const RootPlan& plan) {
  if (::fchdir(root) != 0) return errno_error("enter the root file system");
  if (!plan.pivot) {  // an initramfs cannot be pivoted away from
    if (sys::mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || ::chroot(".") != 0 ||
        ::chdir("/") != 0) {
      return errno_error("move the root file system");
    }
    return {};
  }
  const Fd old(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!old) return errno_error("open /");
  // Both on one place: the old root then lies under the new one, and no directory is needed.
  if (sys::pivot_root(".", ".") != 0) return errno_error("pivot_root");
  if (::fchdir(old.get()) != 0) return errno_error("old root");
  // Nothing of what follows may reach the host's mounts.
  if (sys::mount(nullptr, ".", nullptr, MS_SLAVE | MS_REC, nullptr) != 0 ||
      sys::umount2(".", MNT_DETACH) != 0) {
    return errno_error("let go of the old root");
  }
  if (::chdir("/") != 0) return errno_error("chdir /");
  return {};
}

}  // namespace kist::runtime
