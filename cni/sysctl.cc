// One read before each write.
#include "cni/sysctl.h"

#include <fcntl.h>
#include <unistd.h>

#include "kist/base/fd.h"

namespace kist::cni {

Result<> set_sysctl(const std::filesystem::path& file, std::string_view value) {
  char now[64];
  {
    const Fd reading(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!reading) return errno_error("open " + file.string());
    const ssize_t got = ::read(reading.get(), now, sizeof now);
    if (got < 0) return errno_error("read " + file.string());
    std::string_view text(now, static_cast<size_t>(got));
    if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    if (text == value) return {};
  }
  const Fd writing(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!writing ||
      ::write(writing.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
    return errno_error("write " + std::string(value) + " to " + file.string());
  return {};
}

}  // namespace kist::cni
