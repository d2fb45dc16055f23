#include "runtime/images/recipe.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "runtime/images/inflate.h"
#include "runtime/images/rooted.h"

namespace kist::runtime::images {
namespace {

constexpr char kBytesItem = 'b';
constexpr char kFileItem = 'f';
constexpr size_t kPendingMax = 64 * 1024;
constexpr uint64_t kPathMax = 4096;
constexpr int kCompressionLevel = 1;  // headers repeat: more effort hardly saves

Error damaged() { return {Code::kInvalid, "the layer's recipe is damaged"}; }

// One file of the layer, read piece by piece along its segments.
struct OpenFile {
  std::string path;
  Fd fd;
  std::vector<TarEntry::Segment> segments;
  size_t segment = 0;
  uint64_t done = 0;  // of the present segment
};

class RecipeSource : public ByteSource {
 public:
  RecipeSource(int recipe_fd, int root_fd)
      : file_(recipe_fd), inflated_(make_inflater(file_, {})), root_fd_(root_fd) {}

  Result<size_t> read(char* to, size_t size) override {
    while (true) {
      if (bytes_left_ > 0) {
        const size_t got = TRY(inflated_->read(to, std::min<uint64_t>(size, bytes_left_)));
        if (got == 0) return damaged();
        bytes_left_ -= got;
        return got;
      }
      if (open_.segment < open_.segments.size()) return read_file(to, size);
      if (!TRY(next_item())) return size_t{0};
    }
  }

 private:
  Result<size_t> read_file(char* to, size_t size) {
    const TarEntry::Segment& segment = open_.segments[open_.segment];
    const size_t wanted = std::min<uint64_t>(size, segment.size - open_.done);
    const ssize_t got =
        ::pread(open_.fd.get(), to, wanted, static_cast<off_t>(segment.offset + open_.done));
    if (got < 0) return errno_error("read " + open_.path);
    if (got == 0) return Error{Code::kInvalid, open_.path + " is shorter than it was"};
    open_.done += static_cast<uint64_t>(got);
    if (open_.done == segment.size) {
      ++open_.segment;
      open_.done = 0;
    }
    return static_cast<size_t>(got);
  }

  // False at a clean end.
  Result<bool> next_item() {
    char kind;
    if (TRY(inflated_->read(&kind, 1)) == 0) return false;
    const uint64_t length = TRY(number());
    if (kind == kBytesItem) {
      bytes_left_ = length;
      return true;
    }
    if (kind != kFileItem || length > kPathMax) return damaged();
    OpenFile next;
    next.path.resize(length);
    TRY(exactly(next.path.data(), length));
    const uint64_t count = TRY(number());
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t offset = TRY(number());
      next.segments.push_back({offset, TRY(number())});
    }
    next.fd = TRY(open_in_root(root_fd_, next.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    open_ = std::move(next);
    return true;
  }

  Result<> exactly(char* to, size_t size) {
    while (size > 0) {
      const size_t got = TRY(inflated_->read(to, size));
      if (got == 0) return damaged();
      to += got;
      size -= got;
    }
    return {};
  }

  Result<uint64_t> number() {
    unsigned char bytes[8];
    TRY(exactly(reinterpret_cast<char*>(bytes), sizeof bytes));
    uint64_t value = 0;
    for (int i = 7; i >= 0; --i) value = value << 8 | bytes[i];
    return value;
  }

  FdSource file_;
  std::unique_ptr<ByteSource> inflated_;
  const int root_fd_;
  uint64_t bytes_left_ = 0;
  OpenFile open_;
};

}  // namespace

struct RecipeWriter::Stream {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::vector<char> out = std::vector<char>(ZSTD_CStreamOutSize());
  ~Stream() { ZSTD_freeCCtx(context); }
};

RecipeWriter::RecipeWriter(int fd) : fd_(fd), stream_(std::make_unique<Stream>()) {
  if (stream_->context == nullptr) std::abort();  // out of memory
  ZSTD_CCtx_setParameter(stream_->context, ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(stream_->context, ZSTD_c_checksumFlag, 1);
}
RecipeWriter::~RecipeWriter() = default;

void RecipeWriter::bytes(std::string_view piece) {
  pending_ += piece;
  if (pending_.size() >= kPendingMax) flush_bytes();
}

void RecipeWriter::payload(const TarEntry& entry) {
  if (entry.segments.empty()) return;
  flush_bytes();
  // A name that leads nowhere is refused by the unpacker; what is written here is dropped then.
  const std::string path = clean_path(entry.path).ok() ? clean_path(entry.path).value() : "";
  put({&kFileItem, 1});
  put_number(path.size());
  put(path);
  put_number(entry.segments.size());
  for (const TarEntry::Segment& segment : entry.segments) {
    put_number(segment.offset);
    put_number(segment.size);
  }
}

Result<> RecipeWriter::finish() {
  flush_bytes();
  compress({}, true);
  return std::exchange(state_, Result<>());
}

void RecipeWriter::flush_bytes() {
  if (pending_.empty()) return;
  put({&kBytesItem, 1});
  put_number(pending_.size());
  put(pending_);
  pending_.clear();
}

void RecipeWriter::put(std::string_view bytes) { compress(bytes, false); }

void RecipeWriter::put_number(uint64_t number) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  put({bytes, sizeof bytes});
}

void RecipeWriter::compress(std::string_view bytes, bool end) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  while (state_.ok()) {
    ZSTD_outBuffer out{stream_->out.data(), stream_->out.size(), 0};
    const size_t left =
        ZSTD_compressStream2(stream_->context, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) state_ = Error{Code::kInternal, ZSTD_getErrorName(left)};
    if (out.pos > 0 && ::write(fd_, stream_->out.data(), out.pos) != static_cast<ssize_t>(out.pos))
      state_ = errno_error("write recipe");
    if (end ? left == 0 : in.pos == in.size) return;
  }
}

std::unique_ptr<ByteSource> make_recipe_source(int recipe_fd, int root_fd) {
  return std::make_unique<RecipeSource>(recipe_fd, root_fd);
}

}  // namespace kist::runtime::images
