// SHA-2 of a stream. Threads: one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace kist::runtime::images {

class Hasher {
 public:
  // For "sha256:..." or "sha512:..." digests, by what stands before the colon.
  explicit Hasher(std::string_view algorithm = "sha256");
  ~Hasher();
  Hasher(Hasher&&) noexcept;

  void update(std::string_view bytes);
  std::string digest() const;  // of the bytes so far, "sha256:<hex>"

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::string algorithm_;
  std::unique_ptr<void, Free> context_;
};

std::string digest_of(std::string_view bytes, std::string_view algorithm = "sha256");
std::string_view algorithm_of(std::string_view digest);  // before the colon
std::string_view hex_of(std::string_view digest);        // behind it

}  // namespace kist::runtime::images
