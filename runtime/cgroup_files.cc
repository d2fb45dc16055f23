#include "runtime/cgroup_files.h"

#include <fcntl.h>

#include <charconv>

#include "kist/base/fd.h"
#include "runtime/sys.h"

namespace kist::runtime {
namespace {

constexpr size_t kFileMax = 1 << 20;

uint64_t parse(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end != text.data() ? number : UINT64_MAX;
}

}  // namespace

Result<> write_file(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || sys::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return errno_error("write \"" + std::string(text) + "\" to " + path);
  }
  return {};
}

std::string read_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char buffer[4096];
  while (fd && text.size() < kFileMax) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof(buffer));
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

uint64_t read_number(const std::string& path) { return parse(read_file(path)); }

uint64_t read_keyed(const std::string& path, std::string_view key) {
  const std::string text = read_file(path);
  std::string_view left = text;
  while (!left.empty()) {
    const size_t end = left.find('\n');
    const std::string_view line = left.substr(0, end);
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' ')) {
      return parse(line.substr(key.size() + 1));
    }
    left = end == std::string_view::npos ? "" : left.substr(end + 1);
  }
  return 0;
}

}  // namespace kist::runtime
