#include "runtime/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "kist/base/fd.h"

namespace kist::runtime {
namespace {

constexpr int kDepthMax = 64;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

Result<> copy_directory(int from, int to, int depth);

Result<> copy_file(int from, int to, const char* name) {
  const Fd in(::openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  const Fd out(::openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!in || !out) return errno_error(name);
  for (;;) {
    const ssize_t sent = ::sendfile(out.get(), in.get(), nullptr, 1 << 20);
    if (sent < 0) return errno_error(name);
    if (sent == 0) return {};
  }
}

Result<> copy_link(int from, int to, const char* name) {
  char target[PATH_MAX];
  const ssize_t size = ::readlinkat(from, name, target, sizeof(target) - 1);
  if (size < 0) return errno_error(name);
  target[size] = 0;
  if (::symlinkat(target, to, name) != 0) return errno_error(name);
  return {};
}

Result<> copy_entry(int from, int to, const char* name, int depth) {
  struct stat status {};
  if (::fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno_error(name);
  if (S_ISDIR(status.st_mode)) {
    if (::mkdirat(to, name, 0700) != 0) return errno_error(name);
    const Fd source(::openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    const Fd target(::openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!source || !target) return errno_error(name);
    TRY(copy_directory(source.get(), target.get(), depth + 1).context(name));
  } else if (S_ISREG(status.st_mode)) {
    TRY(copy_file(from, to, name));
  } else if (S_ISLNK(status.st_mode)) {
    TRY(copy_link(from, to, name));
  } else {
    return {};
  }
  if (::fchownat(to, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno_error(name);
  }
  if (!S_ISLNK(status.st_mode) && ::fchmodat(to, name, status.st_mode & 07777, 0) != 0) {
    return errno_error(name);
  }
  return {};
}

Result<> copy_directory(int from, int to, int depth) {
  if (depth > kDepthMax) return Error{Code::kTooLarge, "more than 64 directories deep"};
  // `from` may be O_PATH; reading needs a descriptor of its own.
  Fd readable(::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return errno_error("open");
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(readable.get()));
  if (dir == nullptr) return errno_error("read");
  readable.release();
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") TRY(copy_entry(from, to, entry->d_name, depth));
  }
  return {};
}

}  // namespace

Result<> copy_up(int from, int to) {
  struct stat status {};
  if (::fstat(from, &status) != 0) return errno_error("stat");
  // The directory itself as well: /tmp keeps its sticky bit.
  if (::fchownat(to, "", status.st_uid, status.st_gid, AT_EMPTY_PATH) != 0 ||
      ::fchmodat(to, ".", status.st_mode & 07777, 0) != 0) {
    return errno_error("mode");
  }
  return copy_directory(from, to, 0);
}

}  // namespace kist::runtime
