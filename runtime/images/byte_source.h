// Where the bytes of a pipeline come from. Stages wrap each other: a file or a connection, hashed,
// inflated, hashed again, read as tar. Each stage writes straight into the reader's buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kist/base/result.h"
#include "runtime/images/digest.h"

namespace kist::runtime::images {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At least one byte and at most `size`; 0 at the end, and from then on.
  virtual Result<size_t> read(char* to, size_t size) = 0;
};

// A file or a pipe; does not own it.
class FdSource : public ByteSource {
 public:
  explicit FdSource(int fd) : fd_(fd) {}
  Result<size_t> read(char* to, size_t size) override;

 private:
  int fd_;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : left_(bytes) {}
  Result<size_t> read(char* to, size_t size) override;

 private:
  std::string_view left_;
};

// Passes the bytes of `from` on, counted and hashed.
class HashingSource : public ByteSource {
 public:
  explicit HashingSource(ByteSource& from, std::string_view algorithm = "sha256")
      : from_(from), hasher_(algorithm) {}
  Result<size_t> read(char* to, size_t size) override;

  uint64_t bytes() const { return bytes_; }
  std::string digest() const { return hasher_.digest(); }

 private:
  ByteSource& from_;
  Hasher hasher_;
  uint64_t bytes_ = 0;
};

// Reads to the end and forgets the bytes.
Result<> drain(ByteSource& source);
// Everything, or kTooLarge behind `bytes_max`.
Result<std::string> read_all(ByteSource& source, uint64_t bytes_max);

}  // namespace kist::runtime::images
