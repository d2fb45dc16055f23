#include "runtime/root_paths.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <deque>
#include <string>
#include <vector>

#include "runtime/sys.h"

namespace kist::runtime {
namespace {

constexpr int kLinksMax = 40;  // as in the kernel

std::deque<std::string> parts_of(std::string_view path) {
  std::deque<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  }
  return parts;
}

Error failure(std::string_view path) {
  return errno_error("in the root file system, " + std::string(path));
}

// Walks part by part and follows links by their text alone, so the kernel never leaves the root.
class Walk {
 public:
  Walk(int root, std::string_view path, Create create) : path_(path), create_(create) {
    stack_.emplace_back(::fcntl(root, F_DUPFD_CLOEXEC, 3));
    left_ = parts_of(path);
  }

  Result<Fd> run() {
    if (!stack_.back()) return failure(path_);
    while (!left_.empty()) TRY(step());
    return std::move(stack_.back());
  }

 private:
  Result<> step() {
    const std::string part = std::move(left_.front());
    left_.pop_front();
    if (part == "..") {
      if (stack_.size() > 1) stack_.pop_back();
      return {};
    }
    Fd next(::openat(stack_.back().get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!next && errno == ENOENT && create_ != Create::kNothing) next = make(part);
    struct stat status {};
    if (!next || ::fstat(next.get(), &status) != 0) return failure(path_);
    if (S_ISLNK(status.st_mode)) return follow(next.get());
    if (!left_.empty() && !S_ISDIR(status.st_mode)) {
      errno = ENOTDIR;
      return failure(path_);
    }
    stack_.push_back(std::move(next));
    return {};
  }

  Fd make(const std::string& part) {
    const int parent = stack_.back().get();
    const bool file = left_.empty() && create_ == Create::kFile;
    const int made = file ? sys::mknodat(parent, part.c_str(), S_IFREG | 0644, 0)
                          : sys::mkdirat(parent, part.c_str(), 0755);
    if (made != 0 && errno != EEXIST) return Fd();
    return Fd(::openat(parent, part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  }

  Result<> follow(int link) {
    char target[PATH_MAX];
    const ssize_t size = ::readlinkat(link, "", target, sizeof(target));
    if (++links_ > kLinksMax) errno = ELOOP;
    if (size <= 0 || links_ > kLinksMax) return failure(path_);
    const std::string_view text(target, static_cast<size_t>(size));
    if (text[0] == '/') stack_.resize(1);
    std::deque<std::string> parts = parts_of(text);
    left_.insert(left_.begin(), parts.begin(), parts.end());
    return {};
  }

  std::string path_;
  Create create_;
  std::vector<Fd> stack_;  // the root and the directories below it, down to where we are
  std::deque<std::string> left_;
  int links_ = 0;
};

}  // namespace

Result<Fd> open_in_root(int root, std::string_view path, Create create) {
  const std::string text = path.empty() ? "." : std::string(path);
  Fd fd(sys::openat2(root, text.c_str(), O_PATH | O_CLOEXEC, 0,
                     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
  if (fd) return fd;
  const bool old_kernel = errno == ENOSYS || errno == EPERM;
  const bool to_make = errno == ENOENT && create != Create::kNothing;
  if (!old_kernel && !to_make && errno != EAGAIN) return failure(path);
  return Walk(root, path, create).run();
}

Result<Fd> open_parent_in_root(int root, std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  const std::string_view parent = slash == std::string_view::npos ? "" : path.substr(0, slash);
  return open_in_root(root, parent, Create::kDirectory);
}

std::string_view last_part(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace kist::runtime
