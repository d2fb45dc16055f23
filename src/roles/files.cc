#include "roles/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "kist/base/fd.h"

namespace kist::roles {
namespace {

Result<> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("write " + path);
    text.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Result<> write_new(const std::string& path, std::string_view text, mode_t mode) {
  ::unlink(path.c_str());  // of a run that died here
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno_error("create " + path);
  TRY(write_all(fd.get(), text, path));
  // By the descriptor: open() would let the umask take bits away.
  if (::fchmod(fd.get(), mode) != 0) return errno_error("chmod " + path);
  if (::fsync(fd.get()) != 0) return errno_error("sync " + path);
  return {};
}

}  // namespace

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("open " + path);
  std::string text;
  char bytes[8192];
  while (true) {
    const ssize_t count = ::read(fd.get(), bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read " + path);
    if (count == 0) return text;
    text.append(bytes, static_cast<size_t>(count));
    if (text.size() > bytes_max) {
      return Error{Code::kTooLarge,
                   path + " has more than " + std::to_string(bytes_max) + " bytes"};
    }
  }
}

Result<> write_file(const std::string& path, std::string_view text, mode_t mode) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (error) return errno_error("create " + directory.string(), error.value());

  const std::string temporary = path + ".new";
  Result<> written = write_new(temporary, text, mode);
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = errno_error("rename " + temporary + " to " + path);
  }
  if (!written.ok()) ::unlink(temporary.c_str());
  return written;
}

}  // namespace kist::roles
