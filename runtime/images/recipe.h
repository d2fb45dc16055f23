// How to make a layer's archive again, byte for byte, from its unpacked directory.
//
// The recipe keeps what the directory does not hold: headers, padding and the order of things. With
// it no copy of the archive is needed to export an image under its own digest, or to see whether
// the directory is still what was pulled. It is a zstd stream of items: a kind (1 byte), a length
// (8 bytes, little-endian), and then either that many bytes of the archive, or a path of that
// length, a count of segments and their offsets and sizes: the bytes of a file.
#pragma once

#include <memory>
#include <string>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "runtime/images/byte_source.h"
#include "runtime/images/tar_reader.h"

namespace kist::runtime::images {

// Writes a recipe while the archive is read. Does not own the file.
class RecipeWriter : public TarWitness {
 public:
  explicit RecipeWriter(int fd);
  ~RecipeWriter() override;

  void bytes(std::string_view header_or_padding) override;
  void payload(const TarEntry& entry) override;
  Result<> finish();  // reports any error of writing so far

 private:
  struct Stream;
  void flush_bytes();
  void put(std::string_view bytes);
  void put_number(uint64_t number);
  void compress(std::string_view bytes, bool end);

  int fd_;
  std::unique_ptr<Stream> stream_;
  std::string pending_;  // archive bytes that join the next item
  Result<> state_;
};

// The archive again. `recipe_fd` and `root_fd` must outlive it. read() fails with kInvalid where
// the directory does not hold what the recipe wants.
std::unique_ptr<ByteSource> make_recipe_source(int recipe_fd, int root_fd);

}  // namespace kist::runtime::images
