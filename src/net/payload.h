// Bytes on their way into a frame: room for the frame's header lies in front of them, so that both
// leave as one slice and nothing is copied.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>

#include "kist/base/buffer.h"

namespace kist::net {

class Payload {
 public:
  static constexpr size_t kHeaderMax = 16;

  explicit Payload(size_t capacity)
      : bytes_(std::make_shared_for_overwrite<char[]>(kHeaderMax + capacity)),
        capacity_(capacity) {}
  static Payload of(std::string_view text) {
    Payload payload(text.size());
    std::memcpy(payload.data(), text.data(), text.size());
    payload.resize(text.size());
    return payload;
  }

  char* data() { return bytes_.get() + kHeaderMax; }
  size_t capacity() const { return capacity_; }
  size_t size() const { return size_; }
  void resize(size_t size) { size_ = size; }
  std::string_view view() const { return {bytes_.get() + kHeaderMax, size_}; }

  // The frame. `header` has at most kHeaderMax bytes.
  Slice behind(std::string_view header) && {
    char* begin = data() - header.size();
    std::memcpy(begin, header.data(), header.size());
    const std::string_view whole(begin, header.size() + size_);
    return Slice(std::move(bytes_), whole);
  }

 private:
  std::shared_ptr<char[]> bytes_;
  size_t capacity_;
  size_t size_ = 0;
};

}  // namespace kist::net
