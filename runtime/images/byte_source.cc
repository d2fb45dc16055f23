#include "runtime/images/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace kist::runtime::images {

constexpr size_t kChunkBytes = 64 * 1024;

Result<size_t> FdSource::read(char* to, size_t size) {
  while (true) {
    const ssize_t got = ::read(fd_, to, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return errno_error("read");
  }
}

Result<size_t> MemorySource::read(char* to, size_t size) {
  const size_t got = std::min(size, left_.size());
  if (got > 0) std::memcpy(to, left_.data(), got);
  left_.remove_prefix(got);
  return got;
}

Result<size_t> HashingSource::read(char* to, size_t size) {
  const size_t got = TRY(from_.read(to, size));
  hasher_.update({to, got});
  bytes_ += got;
  return got;
}

Result<> drain(ByteSource& source) {
  const auto buffer = std::make_unique<char[]>(kChunkBytes);
  while (TRY(source.read(buffer.get(), kChunkBytes)) > 0) continue;
  return {};
}

Result<std::string> read_all(ByteSource& source, uint64_t bytes_max) {
  const auto buffer = std::make_unique<char[]>(kChunkBytes);
  std::string all;
  while (const size_t got = TRY(source.read(buffer.get(), kChunkBytes))) {
    if (all.size() + got > bytes_max)
      return Error{Code::kTooLarge, "more than " + std::to_string(bytes_max) + " bytes"};
    all.append(buffer.get(), got);
  }
  return all;
}

}  // namespace kist::runtime::images
