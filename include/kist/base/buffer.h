// Immutable bytes that many readers share: stored objects, encoded watch events, HTTP bodies.
//
// Threads: a Slice is a value; the bytes it points to never change, so any thread may read them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace kist {

// A view of bytes together with the owner that keeps them alive. Copying costs one reference.
class Slice {
 public:
  Slice() = default;
  Slice(std::shared_ptr<const void> owner, std::string_view bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  // Takes the string over.
  static Slice of(std::string text) {
    auto owned = std::make_shared<const std::string>(std::move(text));
    std::string_view view = *owned;
    return Slice(std::move(owned), view);
  }
  // Bytes that live as long as the program (literals, constant tables): no owner.
  static Slice literal(std::string_view bytes) { return Slice(nullptr, bytes); }

  std::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  Slice sub(size_t offset, size_t length) const {
    return Slice(owner_, bytes_.substr(offset, length));
  }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view bytes_;
};

}  // namespace kist
