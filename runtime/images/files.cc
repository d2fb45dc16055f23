#include "runtime/images/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "kist/base/fd.h"
#include "runtime/images/byte_source.h"
#include "runtime/images/rooted.h"

namespace kist::runtime::images {

constexpr uint64_t kFileBytesMax = uint64_t{16} << 20;

Result<std::string> read_small_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error("open " + path);
  FdSource source(file.get());
  return read_all(source, kFileBytesMax).context(path);
}

Result<> sync_directory(const std::string& path) {
  const Fd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno_error("open " + path);
  if (::fsync(directory.get()) != 0) return errno_error("sync " + path);
  return {};
}

Result<> replace_file(const std::string& path, std::string_view content) {
  const std::string fresh = path + ".new";
  const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return errno_error("create " + fresh);
  std::string_view left = content;
  while (!left.empty()) {
    const ssize_t put = ::write(file.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("write " + fresh);
    left.remove_prefix(static_cast<size_t>(put));
  }
  if (::fdatasync(file.get()) != 0) return errno_error("sync " + fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("rename " + fresh);
  return sync_directory(path.substr(0, path.rfind('/')));
}

std::vector<std::string> names_with_suffix(const std::string& directory, std::string_view suffix) {
  std::vector<std::string> names;
  DIR* const listing = ::opendir(directory.c_str());
  if (listing == nullptr) return names;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || !name.ends_with(suffix)) continue;
    names.emplace_back(name.substr(0, name.size() - suffix.size()));
  }
  ::closedir(listing);
  std::ranges::sort(names);
  return names;
}

Result<> make_directory(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
  if (errno == ENOENT) {
    const size_t slash = path.rfind('/');
    if (slash != path.npos && slash > 0) {
      TRY(make_directory(path.substr(0, slash)));
      if (::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
    }
  }
  return errno_error("mkdir " + path);
}

Result<> remove_path(const std::string& directory, const std::string& name) {
  const Fd at(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return errno_error("open " + directory);
  return remove_tree(at.get(), name).context(directory);
}

}  // namespace kist::runtime::images
