// Bytes on their way to a peer: slices in order, shared with whoever else sends the same bytes.
#pragma once

#include <sys/uio.h>

#include <cstring>
#include <span>
#include <vector>

#include "kist/base/buffer.h"

namespace kist::net {

// Empty, it holds no memory: thousands of idle connections have one each.
class OutQueue {
 public:
  size_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  void push(Slice slice) {
    if (slice.empty()) return;
    bytes_ += slice.size();
    slices_.push_back(std::move(slice));
  }

  // The front, as one piece of at most `size` bytes: in place if the first slice has that many,
  // else gathered in `scratch`. The same front gives the same bytes again, or more of them.
  std::string_view front(char* scratch, size_t size) const {
    const std::string_view first = slices_[first_].view().substr(offset_);
    if (first.size() >= size) return first.substr(0, size);
    if (first.size() == bytes_) return first;
    size_t filled = 0;
    size_t skip = offset_;
    for (size_t i = first_; i < slices_.size() && filled < size; ++i) {
      const std::string_view view = slices_[i].view().substr(std::exchange(skip, 0));
      const size_t taken = std::min(view.size(), size - filled);
      std::memcpy(scratch + filled, view.data(), taken);
      filled += taken;
    }
    return std::string_view(scratch, filled);
  }

  size_t fill(std::span<iovec> parts) const {
    size_t count = 0;
    size_t skip = offset_;
    for (size_t i = first_; i < slices_.size() && count < parts.size(); ++i) {
      const std::string_view view = slices_[i].view().substr(std::exchange(skip, 0));
      parts[count++] = iovec{const_cast<char*>(view.data()), view.size()};
    }
    return count;
  }

  void consume(size_t count) {
    bytes_ -= count;
    while (count > 0) {
      const size_t left = slices_[first_].size() - offset_;
      if (count < left) {
        offset_ += count;
        break;
      }
      count -= left;
      offset_ = 0;
      slices_[first_++] = Slice();
    }
    if (bytes_ == 0) {
      std::vector<Slice>().swap(slices_);
      first_ = offset_ = 0;
    } else if (first_ > kSpentMax && first_ > slices_.size() / 2) {
      slices_.erase(slices_.begin(), slices_.begin() + static_cast<ptrdiff_t>(first_));
      first_ = 0;
    }
  }

  void clear() {
    if (bytes_ > 0) consume(bytes_);
  }

 private:
  static constexpr size_t kSpentMax = 256;

  std::vector<Slice> slices_;
  size_t first_ = 0;   // slices before it are sent
  size_t offset_ = 0;  // bytes of the first one that are sent
  size_t bytes_ = 0;
};

}  // namespace kist::net
