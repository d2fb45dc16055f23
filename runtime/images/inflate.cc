#include "runtime/images/inflate.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

namespace kist::runtime::images {
namespace {

constexpr size_t kInputBytes = 128 * 1024;
constexpr uint64_t kRatioFloorBytes = uint64_t{64} << 20;  // small things may be very compressible
constexpr int kZstdWindowLogMax = 27;  // 128 MiB: what zstd itself accepts without being told

Error damaged(const char* format, const char* why) {
  return {Code::kInvalid, std::string("damaged ") + format + " data: " + why};
}

// One way to make bytes of bytes. step() takes from `in`, writes to [to, to + size) and says how
// much it wrote; at the end of a member it sets `between`.
class Codec {
 public:
  virtual ~Codec() = default;
  virtual Result<size_t> step(std::string_view& in, char* to, size_t size) = 0;
  virtual const char* name() const = 0;
  bool between = false;  // no member is open: the input may end here
};

class GzipCodec : public Codec {
 public:
  GzipCodec() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) std::abort();  // out of memory
  }
  ~GzipCodec() override { inflateEnd(&stream_); }
  const char* name() const override { return "gzip"; }

  Result<size_t> step(std::string_view& in, char* to, size_t size) override {
    if (between) {
      inflateReset(&stream_);
      between = false;
    }
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(size);
    const int done = inflate(&stream_, Z_NO_FLUSH);
    if (done != Z_OK && done != Z_STREAM_END && done != Z_BUF_ERROR)
      return damaged(name(), stream_.msg != nullptr ? stream_.msg : "not readable");
    in.remove_prefix(in.size() - stream_.avail_in);
    between = done == Z_STREAM_END;
    return size - stream_.avail_out;
  }

 private:
  z_stream stream_{};
};

class ZstdCodec : public Codec {
 public:
  ZstdCodec() : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) std::abort();  // out of memory
    ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, kZstdWindowLogMax);
  }
  ~ZstdCodec() override { ZSTD_freeDStream(stream_); }
  const char* name() const override { return "zstd"; }

  Result<size_t> step(std::string_view& in, char* to, size_t size) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{to, size, 0};
    const size_t hint = ZSTD_decompressStream(stream_, &output, &input);
    if (ZSTD_isError(hint)) return damaged(name(), ZSTD_getErrorName(hint));
    in.remove_prefix(input.pos);
    between = hint == 0;
    return output.pos;
  }

 private:
  ZSTD_DStream* stream_;
};

std::unique_ptr<Codec> codec_for(std::string_view start) {
  using namespace std::string_view_literals;
  if (start.starts_with("\x1f\x8b"sv)) return std::make_unique<GzipCodec>();
  const bool skippable = start.size() >= 4 && start.substr(1, 3) == "\x2a\x4d\x18"sv &&
                         (static_cast<unsigned char>(start[0]) & 0xf0) == 0x50;
  if (start.starts_with("\x28\xb5\x2f\xfd"sv) || skippable) return std::make_unique<ZstdCodec>();
  return nullptr;
}

class Inflater : public ByteSource {
 public:
  Inflater(ByteSource& from, const InflateLimits& limits)
      : from_(from), limits_(limits), buffer_(std::make_unique<char[]>(kInputBytes)) {}

  Result<size_t> read(char* to, size_t size) override {
    if (!begun_) TRY(begin());
    const size_t got = TRY(codec_ ? inflate_some(to, size) : copy_some(to, size));
    out_ += got;
    if (out_ > limits_.bytes_max)
      return Error{Code::kTooLarge,
                   "more than " + std::to_string(limits_.bytes_max) + " bytes uncompressed"};
    if (limits_.ratio_max > 0 && out_ > kRatioFloorBytes && out_ / limits_.ratio_max > in_)
      return Error{Code::kTooLarge, "decompression bomb: " + std::to_string(out_) +
                                        " bytes out of " + std::to_string(in_)};
    return got;
  }

 private:
  // Enough bytes to tell the format, as far as there are any.
  Result<> begin() {
    begun_ = true;
    size_t held = 0;
    while (held < 4 && !ended_) {
      const size_t got = TRY(from_.read(buffer_.get() + held, kInputBytes - held));
      ended_ = got == 0;
      held += got;
    }
    in_ = held;
    input_ = {buffer_.get(), held};
    codec_ = codec_for(input_);
    return {};
  }

  Result<> fill() {
    if (!input_.empty() || ended_) return {};
    const size_t got = TRY(from_.read(buffer_.get(), kInputBytes));
    ended_ = got == 0;
    in_ += got;
    input_ = {buffer_.get(), got};
    return {};
  }

  Result<size_t> inflate_some(char* to, size_t size) {
    while (true) {
      TRY(fill());
      if (input_.empty() && ended_ && codec_->between) return size_t{0};
      // Without input the codec may still hold output.
      const size_t before = input_.size();
      const size_t got = TRY(codec_->step(input_, to, size));
      if (got > 0) return got;
      if (ended_ && before == 0 && !codec_->between)
        return damaged(codec_->name(), "it ends early");
    }
  }

  Result<size_t> copy_some(char* to, size_t size) {
    if (input_.empty()) {
      if (ended_) return size_t{0};
      const size_t got = TRY(from_.read(to, size));
      in_ += got;
      return got;
    }
    const size_t got = std::min(size, input_.size());
    std::memcpy(to, input_.data(), got);
    input_.remove_prefix(got);
    return got;
  }

  ByteSource& from_;
  const InflateLimits limits_;
  std::unique_ptr<char[]> buffer_;
  std::string_view input_;
  std::unique_ptr<Codec> codec_;  // none: the bytes pass as they are
  bool begun_ = false, ended_ = false;
  uint64_t in_ = 0, out_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> make_inflater(ByteSource& compressed, const InflateLimits& limits) {
  return std::make_unique<Inflater>(compressed, limits);
}

}  // namespace kist::runtime::images
