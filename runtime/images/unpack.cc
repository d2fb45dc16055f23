#include "runtime/images/unpack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>

#include "runtime/images/rooted.h"

namespace kist::runtime::images {
namespace {

constexpr std::string_view kWhiteoutPrefix = ".wh.";
constexpr std::string_view kOpaqueMarker = ".wh..wh..opq";
constexpr std::string_view kAufsPrefix = ".wh..wh.";  // aufs' own book-keeping
constexpr dev_t kWhiteoutDevice = 0;
constexpr uint64_t kWritebackBytesMin = 64 * 1024;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

timespec time_of(int64_t seconds, uint32_t nanoseconds) {
  timespec time{};
  time.tv_sec = seconds;
  time.tv_nsec = nanoseconds;
  return time;
}

Result<> set_times(int at, const char* name, int64_t seconds, uint32_t nanoseconds) {
  const timespec both[2] = {time_of(seconds, nanoseconds), time_of(seconds, nanoseconds)};
  const int done =
      name[0] == '\0' ? ::futimens(at, both) : ::utimensat(at, name, both, AT_SYMLINK_NOFOLLOW);
  if (done != 0) return errno_error("set times");
  return {};
}

bool is_whiteout(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == kWhiteoutDevice;
}

// Overlayfs' own attributes would let an archive show files that it does not contain.
bool keeps_xattr(std::string_view name) {
  if (name == "security.capability") return true;
  return name.starts_with("user.") && !name.starts_with("user.overlay.");
}

Result<> write_at(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("write");
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

Result<> write_payload(TarReader& tar, int fd, const TarEntry& entry) {
  std::string_view piece;
  for (const TarEntry::Segment& segment : entry.segments) {
    uint64_t offset = segment.offset;
    const uint64_t end = segment.offset + segment.size;
    while (offset < end) {
      if (piece.empty()) piece = TRY(tar.payload());
      const std::string_view part = piece.substr(0, std::min<uint64_t>(piece.size(), end - offset));
      TRY(write_at(fd, part, offset));
      offset += part.size();
      piece.remove_prefix(part.size());
    }
  }
  const bool ends_with_hole =
      entry.segments.empty()
          ? entry.size > 0
          : entry.segments.back().offset + entry.segments.back().size < entry.size;
  if (ends_with_hole && ::ftruncate(fd, static_cast<off_t>(entry.size)) != 0)
    return errno_error("set size");
  return {};
}

}  // namespace

Result<UnpackReport> Unpacker::run(TarReader& tar) {
  while (std::optional<TarEntry> entry = TRY(tar.next())) {
    if (++report_.entries > options_.entries_max)
      return Error{Code::kTooLarge,
                   "a layer of more than " + std::to_string(options_.entries_max) + " entries"};
    TRY(place(tar, *entry).context("tar entry " + entry->path.substr(0, 256)));
  }
  TRY(finish_directories());
  return report_;
}

Result<> Unpacker::place(TarReader& tar, const TarEntry& entry) {
  const std::string path = TRY(clean_path(entry.path));
  if (path.empty()) return set_root_attributes(entry);
  const auto [parent_path, name] = split_path(path);
  if (name.starts_with(kWhiteoutPrefix)) return whiteout(parent_path, name);

  const int parent = TRY(parent_fd(parent_path));
  const bool hides_lower = TRY(clear_way(parent, name, entry));
  switch (entry.kind) {
    case TarEntry::Kind::kFile: TRY(make_file(tar, parent, name, entry)); return {};
    case TarEntry::Kind::kHardLink: return make_link(parent, name, entry);
    case TarEntry::Kind::kDirectory:
      TRY(make_directory(parent, name, entry));
      directories_.push_back({path, entry.mode, entry.mtime_seconds, entry.mtime_nanoseconds});
      break;
    case TarEntry::Kind::kSymlink:
      if (::symlinkat(entry.target.c_str(), parent, name.c_str()) != 0)
        return errno_error("symlink");
      break;
    default:
      if (!options_.privileged && entry.kind != TarEntry::Kind::kFifo) {
        ++report_.devices_skipped;
        return {};
      }
      TRY(make_node(parent, name, entry));
  }
  TRY(set_attributes(parent, name, entry));
  if (entry.kind != TarEntry::Kind::kDirectory || !hides_lower) return {};
  const Fd directory(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory) return errno_error("open");
  return set_opaque(directory.get());
}

Result<int> Unpacker::parent_fd(const std::string& parent) {
  if (parent.empty()) return root_;
  if (!parent_ || parent != parent_path_) {
    parent_ = TRY(make_directories_in_root(root_, parent));
    parent_path_ = parent;
  }
  return parent_.get();
}

// Makes room for the entry. True: a whiteout stood here, so what takes its place must go on hiding
// what lower layers have.
Result<bool> Unpacker::clear_way(int parent, const std::string& name, const TarEntry& entry) {
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return errno_error("stat");
  }
  if (entry.kind == TarEntry::Kind::kDirectory && S_ISDIR(status.st_mode)) return false;
  TRY(remove_tree(parent, name));
  report_.replaced = report_.replaced || !is_whiteout(status);
  if (S_ISDIR(status.st_mode)) parent_.reset();
  return is_whiteout(status);
}

Result<> Unpacker::whiteout(const std::string& parent_path, std::string_view marker) {
  if (marker == kOpaqueMarker) {
    TRY(parent_fd(parent_path));  // makes it
    const Fd directory = TRY(open_in_root(root_, parent_path, O_RDONLY | O_DIRECTORY));
    return set_opaque(directory.get());
  }
  if (marker.starts_with(kAufsPrefix)) return {};
  const std::string name(marker.substr(kWhiteoutPrefix.size()));
  if (name.empty() || name == "." || name == "..") return invalid("a whiteout of nothing");
  const int parent = TRY(parent_fd(parent_path));
  struct stat status {};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    // This layer has the name already: the whiteout is about lower layers only.
    if (!S_ISDIR(status.st_mode)) return {};
    const Fd directory(
        ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!directory) return errno_error("open");
    return set_opaque(directory.get());
  }
  // Since Linux 5.8 anybody may make this one device.
  if (::mknodat(parent, name.c_str(), S_IFCHR, kWhiteoutDevice) != 0)
    return errno_error("whiteout");
  return {};
}

Result<> Unpacker::set_opaque(int directory_fd) {
  const char* name = options_.privileged ? "trusted.overlay.opaque" : "user.overlay.opaque";
  if (::fsetxattr(directory_fd, name, "y", 1, 0) != 0) return errno_error(name);
  return {};
}

Result<> Unpacker::make_file(TarReader& tar, int parent, const std::string& name,
                             const TarEntry& entry) {
  const Fd file(
      ::openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return errno_error("create");
  TRY(write_payload(tar, file.get(), entry));
  report_.bytes += entry.size;
  // The disk begins now, so that the sync before the layer's record finds little left to do.
  if (entry.size >= kWritebackBytesMin)
    ::sync_file_range(file.get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // a hint: errors show at the sync
  // The owner first: a change of owner clears set-id bits and capabilities.
  if (options_.privileged && ::fchown(file.get(), entry.uid, entry.gid) != 0)
    return errno_error("chown");
  if (::fchmod(file.get(), entry.mode) != 0) return errno_error("chmod");
  for (const auto& [key, value] : entry.xattrs) {
    if (!keeps_xattr(key)) continue;
    if (::fsetxattr(file.get(), key.c_str(), value.data(), value.size(), 0) != 0 &&
        (options_.privileged || errno != EPERM) && errno != ENOTSUP)
      return errno_error("set " + key);
  }
  return set_times(file.get(), "", entry.mtime_seconds, entry.mtime_nanoseconds);
}

Result<> Unpacker::make_link(int parent, const std::string& name, const TarEntry& entry) {
  const std::string target = TRY(clean_path(entry.target).context("hard link to " + entry.target));
  if (target.empty()) return invalid("a hard link to the root");
  const SplitPath split = split_path(target);
  Result<Fd> directory = open_in_root(root_, split.parent, O_PATH | O_DIRECTORY);
  if (!directory.ok() ||
      ::linkat(directory.value().get(), split.name.c_str(), parent, name.c_str(), 0) != 0) {
    if (directory.ok() && errno != ENOENT && errno != EPERM)
      return errno_error("hard link to " + target);
    return invalid("a hard link to " + target + ", which is no file of this layer");
  }
  return {};
}

Result<> Unpacker::make_directory(int parent, const std::string& name, const TarEntry& entry) {
  const mode_t mode = options_.privileged ? entry.mode & 0777 : 0700;
  if (::mkdirat(parent, name.c_str(), mode) != 0 && errno != EEXIST) return errno_error("mkdir");
  return {};
}

Result<> Unpacker::make_node(int parent, const std::string& name, const TarEntry& entry) {
  const bool fifo = entry.kind == TarEntry::Kind::kFifo;
  const mode_t kind = fifo                                        ? S_IFIFO
                      : entry.kind == TarEntry::Kind::kCharDevice ? S_IFCHR
                                                                  : S_IFBLK;
  const dev_t device = fifo ? 0 : ::makedev(entry.device_major, entry.device_minor);
  if (kind == S_IFCHR && device == kWhiteoutDevice)
    return invalid("a character device 0:0, which is how overlayfs marks what is deleted");
  if (::mknodat(parent, name.c_str(), kind | 0600, device) != 0) return errno_error("mknod");
  return {};
}

// Of everything but regular files, which have a descriptor for it.
Result<> Unpacker::set_attributes(int parent, const std::string& name, const TarEntry& entry) {
  if (options_.privileged &&
      ::fchownat(parent, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0)
    return errno_error("chown");
  const bool directory = entry.kind == TarEntry::Kind::kDirectory;
  if (entry.kind == TarEntry::Kind::kSymlink)
    return set_times(parent, name.c_str(), entry.mtime_seconds, entry.mtime_nanoseconds);
  if (directory) {
    const Fd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return errno_error("open");
    for (const auto& [key, value] : entry.xattrs)
      if (keeps_xattr(key) && key != "security.capability")
        (void)::fsetxattr(fd.get(), key.c_str(), value.data(), value.size(), 0);  // best effort
    return {};  // mode and times come last: finish_directories()
  }
  // Nobody else writes here, and `name` was made by us: it is no link.
  if (::fchmodat(parent, name.c_str(), entry.mode, 0) != 0) return errno_error("chmod");
  return set_times(parent, name.c_str(), entry.mtime_seconds, entry.mtime_nanoseconds);
}

Result<> Unpacker::set_root_attributes(const TarEntry& entry) {
  if (entry.kind != TarEntry::Kind::kDirectory) return invalid("the root is not a directory");
  if (options_.privileged && ::fchown(root_, entry.uid, entry.gid) != 0)
    return errno_error("chown");
  directories_.push_back({"", entry.mode, entry.mtime_seconds, entry.mtime_nanoseconds});
  return {};
}

Result<> Unpacker::finish_directories() {
  // Deepest last entries first, so that closing a parent does not lock its children out.
  for (auto later = directories_.rbegin(); later != directories_.rend(); ++later) {
    const Result<Fd> fd = open_in_root(root_, later->path, O_RDONLY | O_DIRECTORY);
    if (!fd.ok()) continue;  // a later entry replaced it
    if (::fchmod(fd.value().get(), later->mode) != 0) return errno_error("chmod " + later->path);
    TRY(set_times(fd.value().get(), "", later->mtime_seconds, later->mtime_nanoseconds)
            .context(later->path));
  }
  return {};
}

}  // namespace kist::runtime::images
