#include "runtime/images/rooted.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>
#include <memory>
#include <vector>

namespace kist::runtime::images {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Result<Directory> open_directory(int at, const std::string& name) {
  Fd fd(::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return errno_error("open " + name);
  Directory directory(::fdopendir(fd.get()));
  if (!directory) return errno_error("open " + name);
  (void)fd.release();
  return directory;
}

// The first entry but "." and "..", empty when there is none.
std::string first_entry(DIR* directory) {
  ::rewinddir(directory);
  while (const dirent* entry = ::readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry->d_name;
  }
  return "";
}

}  // namespace

Result<Fd> open_in_root(int root_fd, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const char* at = path.empty() ? "." : path.c_str();
  while (true) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, root_fd, at, &how, sizeof how)));
    if (fd) return fd;
    // EAGAIN: a rename happened meanwhile and the kernel could not be sure about "..".
    if (errno != EAGAIN && errno != EINTR) return errno_error("open " + path);
  }
}

Result<Fd> make_directories_in_root(int root_fd, std::string_view path) {
  Result<Fd> there = open_in_root(root_fd, std::string(path), O_PATH | O_DIRECTORY);
  if (there.ok() || there.error().code != Code::kNotFound || path.empty()) return there;
  const SplitPath split = split_path(path);
  const Fd parent = TRY(make_directories_in_root(root_fd, split.parent));
  if (::mkdirat(parent.get(), split.name.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error("mkdir " + std::string(path));
  return open_in_root(root_fd, std::string(path), O_PATH | O_DIRECTORY);
}

Result<> remove_tree(int directory_fd, const std::string& name) {
  if (::unlinkat(directory_fd, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return errno_error("remove " + name);
  // Walks down to something that can be removed, and begins anew at `name` where it came from. The
  // chain of open directories is bounded: deeper ones are moved up beside `name` first.
  constexpr size_t kOpenMax = 64;
  std::vector<Directory> chain;
  std::vector<std::string> names{name};
  chain.push_back(TRY(open_directory(directory_fd, name)));
  while (!chain.empty()) {
    DIR* const here = chain.back().get();
    const int fd = ::dirfd(here);
    if (::geteuid() != 0) ::fchmod(fd, 0700);  // a read-only directory keeps its entries otherwise
    const std::string entry = first_entry(here);
    if (entry.empty()) {
      chain.pop_back();
      const int parent = chain.empty() ? directory_fd : ::dirfd(chain.back().get());
      if (::unlinkat(parent, names.back().c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
        return errno_error("remove " + names.back());
      names.pop_back();
      continue;
    }
    if (::unlinkat(fd, entry.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) return errno_error("remove " + entry);
    if (chain.size() >= kOpenMax) {
      const int top = ::dirfd(chain.front().get());
      const std::string aside =
          ".remove-" + std::to_string(names.size()) + "-" + std::to_string(::getpid());
      if (::renameat(fd, entry.c_str(), top, aside.c_str()) != 0)
        return errno_error("remove " + entry);
      continue;
    }
    chain.push_back(TRY(open_directory(fd, entry)));
    names.push_back(entry);
  }
  return {};
}

Result<std::string> clean_path(std::string_view path) {
  std::string clean;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == path.npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return Error{Code::kInvalid, "a path with \"..\""};
    if (part.size() > 255) return Error{Code::kInvalid, "a name longer than 255 bytes"};
    if (!clean.empty()) clean += '/';
    clean += part;
  }
  return clean;
}

SplitPath split_path(std::string_view clean) {
  const size_t slash = clean.rfind('/');
  if (slash == clean.npos) return {"", std::string(clean)};
  return {std::string(clean.substr(0, slash)), std::string(clean.substr(slash + 1))};
}

}  // namespace kist::runtime::images
