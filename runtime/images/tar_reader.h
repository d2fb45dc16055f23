// A streaming reader of tar archives as people make layers of them: ustar, pax, GNU.
//
// Our own, because libarchive guesses formats and character sets, follows neither Go's nor GNU's
// reading of several corner cases, and cannot tell us the bytes between the payloads, which the
// recipe of a layer needs (recipe.h). Whatever a header says is checked here against itself; where
// a path leads is unpack.h's matter.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/images/byte_source.h"

namespace kist::runtime::images {

struct TarEntry {
  enum class Kind { kFile, kHardLink, kSymlink, kCharDevice, kBlockDevice, kDirectory, kFifo };
  struct Segment {
    uint64_t offset = 0;  // in the file
    uint64_t size = 0;
  };

  Kind kind = Kind::kFile;
  std::string path;    // as it stands in the archive
  std::string target;  // of hard and symbolic links
  uint32_t mode = 0;   // permission bits, set-id and sticky
  uint32_t uid = 0, gid = 0;
  uint64_t size = 0;  // of the file
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;
  uint32_t device_major = 0, device_minor = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
  // Where the payload belongs, ascending, not touching each other's bytes. One segment, the whole
  // file, unless the entry is sparse; none for an empty file.
  std::vector<Segment> segments;
};

// Is shown everything of an archive that is not payload, in order: what a recipe is made of.
class TarWitness {
 public:
  virtual ~TarWitness() = default;
  virtual void bytes(std::string_view header_or_padding) = 0;
  // The payload of this entry, of the kind kFile, stands here.
  virtual void payload(const TarEntry& entry) = 0;
};

class TarReader {
 public:
  // Both must outlive the reader; `witness` may be null.
  explicit TarReader(ByteSource& source, TarWitness* witness = nullptr);

  // The next entry, nothing at the end of the archive. What is left of the payload before is
  // skipped. kInvalid: not a tar archive, or one that contradicts itself, with the entry's name.
  Result<std::optional<TarEntry>> next();

  // The next piece of the present entry's payload, valid until the next call; empty at its end.
  Result<std::string_view> payload();

  // Reads on to the end of the source: what stands behind the archive belongs to its digest.
  Result<> finish();

 private:
  using Records = std::map<std::string, std::string, std::less<>>;

  Result<std::string_view> some(uint64_t bytes_max);  // buffered bytes; empty at the end
  Result<std::string> exactly(uint64_t size);         // header bytes, shown to the witness
  Result<bool> block(char* to);                       // one header block; false at a clean end
  Result<> skip_padding(uint64_t payload_size);
  Result<> leave_entry();
  Result<TarEntry> read_entry(const char* block);
  Result<> read_extension(char type, uint64_t size);
  Result<> apply_records(TarEntry& entry, uint64_t& stored_size);
  Result<> read_old_sparse(const char* block, TarEntry& entry);
  Result<> read_pax_sparse(TarEntry& entry, uint64_t& stored_size);
  Result<> read_sparse_map_of_payload(TarEntry& entry, uint64_t& stored_size);

  ByteSource& source_;
  TarWitness* witness_;
  std::unique_ptr<char[]> buffer_;
  std::string_view input_;
  bool source_ended_ = false;
  bool archive_ended_ = false;
  uint64_t payload_left_ = 0;
  uint64_t payload_size_ = 0;   // of the present entry, for its padding
  bool shows_payload_ = false;  // to the witness as bytes: of an entry that is no file

  // Of extension headers, for the entry behind them.
  Records records_;
  std::vector<std::pair<std::string, std::string>> sparse_pairs_;  // pax 0.0: they repeat
  std::optional<std::string> long_path_, long_target_;
};

}  // namespace kist::runtime::images
