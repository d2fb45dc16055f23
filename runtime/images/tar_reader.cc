#include "runtime/images/tar_reader.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/images/tar_header.h"

namespace kist::runtime::images {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
constexpr uint64_t kExtensionBytesMax = 1024 * 1024;  // pax records, long names
constexpr size_t kPathBytesMax = 4096;                // PATH_MAX
constexpr size_t kSegmentsMax = 1'000'000;
constexpr uint64_t kFileBytesMax = uint64_t{1} << 44;  // ext4's own limit
constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }
Error ends_early() { return invalid("the archive ends early"); }

uint64_t padding_of(uint64_t size) {
  return (kTarBlockBytes - size % kTarBlockBytes) % kTarBlockBytes;
}

Result<uint64_t> unsigned_number(const char* block, TarField field) {
  const int64_t number = TRY(tar_number(block, field));
  if (number < 0) return invalid("a negative number");
  return static_cast<uint64_t>(number);
}

// The kernel's -1 means "no owner".
Result<uint32_t> checked_id(uint64_t id) {
  if (id >= std::numeric_limits<uint32_t>::max())
    return invalid("an owner beyond 32 bits: " + std::to_string(id));
  return static_cast<uint32_t>(id);
}

Result<uint32_t> owner_field(const char* block, TarField field) {
  const uint64_t id = TRY(unsigned_number(block, field));
  return checked_id(id);
}

Result<uint32_t> owner_record(std::string_view text) {
  const uint64_t id = TRY(read_decimal(text));
  return checked_id(id);
}

Result<TarEntry::Kind> kind_of(char type, std::string_view path) {
  switch (type) {
    case '\0':
    case '0':
    case '7':  // contiguous: a file
      return path.ends_with('/') ? TarEntry::Kind::kDirectory : TarEntry::Kind::kFile;
    case 'S': return TarEntry::Kind::kFile;  // GNU sparse
    case '1': return TarEntry::Kind::kHardLink;
    case '2': return TarEntry::Kind::kSymlink;
    case '3': return TarEntry::Kind::kCharDevice;
    case '4': return TarEntry::Kind::kBlockDevice;
    case '5': return TarEntry::Kind::kDirectory;
    case '6': return TarEntry::Kind::kFifo;
    default: return invalid(std::string("an entry of unknown type '") + type + "'");
  }
}

Result<> add_segment(TarEntry& entry, uint64_t offset, uint64_t size) {
  if (size == 0) return {};
  const uint64_t end_before =
      entry.segments.empty() ? 0 : entry.segments.back().offset + entry.segments.back().size;
  if (offset < end_before || offset > entry.size || size > entry.size - offset)
    return invalid("a sparse map that contradicts the file's size");
  if (entry.segments.size() >= kSegmentsMax) return invalid("a sparse map of too many pieces");
  entry.segments.push_back({offset, size});
  return {};
}

Result<> check_names(const TarEntry& entry) {
  const bool link =
      entry.kind == TarEntry::Kind::kHardLink || entry.kind == TarEntry::Kind::kSymlink;
  if (entry.path.empty()) return invalid("an entry without a name");
  if (entry.path.size() > kPathBytesMax || entry.target.size() > kPathBytesMax)
    return invalid("a name longer than " + std::to_string(kPathBytesMax) + " bytes");
  if (entry.path.find('\0') != std::string::npos || entry.target.find('\0') != std::string::npos)
    return invalid("a name with a NUL byte");
  if (link && entry.target.empty()) return invalid("a link without a target");
  return {};
}

Result<> check_segments(const TarEntry& entry, uint64_t stored_size) {
  uint64_t sum = 0;
  for (const TarEntry::Segment& segment : entry.segments) sum += segment.size;
  if (sum != stored_size) return invalid("a sparse map that contradicts the payload's size");
  return {};
}

}  // namespace

TarReader::TarReader(ByteSource& source, TarWitness* witness)
    : source_(source), witness_(witness), buffer_(std::make_unique<char[]>(kBufferBytes)) {}

Result<std::string_view> TarReader::some(uint64_t bytes_max) {
  if (input_.empty() && !source_ended_) {
    const size_t got = TRY(source_.read(buffer_.get(), kBufferBytes));
    source_ended_ = got == 0;
    input_ = {buffer_.get(), got};
  }
  const std::string_view piece = input_.substr(0, std::min<uint64_t>(bytes_max, input_.size()));
  input_.remove_prefix(piece.size());
  return piece;
}

Result<std::string> TarReader::exactly(uint64_t size) {
  std::string all;
  while (all.size() < size) {
    const std::string_view piece = TRY(some(size - all.size()));
    if (piece.empty()) return ends_early();
    all += piece;
  }
  if (witness_ != nullptr) witness_->bytes(all);
  return all;
}

Result<bool> TarReader::block(char* to) {
  size_t held = 0;
  while (held < kTarBlockBytes) {
    const std::string_view piece = TRY(some(kTarBlockBytes - held));
    if (piece.empty()) {
      if (held == 0) return false;
      return ends_early();
    }
    std::memcpy(to + held, piece.data(), piece.size());
    held += piece.size();
  }
  if (witness_ != nullptr) witness_->bytes({to, kTarBlockBytes});
  return true;
}

Result<std::string_view> TarReader::payload() {
  if (payload_left_ == 0) return std::string_view();
  const std::string_view piece = TRY(some(payload_left_));
  if (piece.empty()) return ends_early();
  payload_left_ -= piece.size();
  if (shows_payload_ && witness_ != nullptr) witness_->bytes(piece);
  return piece;
}

Result<> TarReader::skip_padding(uint64_t payload_size) {
  (void)TRY(exactly(padding_of(payload_size)));
  return {};
}

Result<> TarReader::leave_entry() {
  while (payload_left_ > 0) (void)TRY(payload());
  const uint64_t size = payload_size_;
  payload_size_ = 0;
  return skip_padding(size);
}

Result<> TarReader::finish() {
  TRY(leave_entry());
  while (true) {
    const std::string_view piece = TRY(some(kBufferBytes));
    if (piece.empty()) return {};
    if (witness_ != nullptr) witness_->bytes(piece);
  }
}

Result<std::optional<TarEntry>> TarReader::next() {
  TRY(leave_entry());
  char header[kTarBlockBytes];
  while (!archive_ended_) {
    // A single zero block ends the archive as well: not everybody writes two.
    if (!TRY(block(header)) || is_zero_block(header)) {
      archive_ended_ = true;
      break;
    }
    if (!tar_checksum_fits(header)) return invalid("not a tar header: its checksum is wrong");
    const char type = header[kTarType.offset];
    const uint64_t size = TRY(unsigned_number(header, kTarSize).context("tar header: size"));
    if (type != 'x' && type != 'g' && type != 'L' && type != 'K') {
      TarEntry entry = TRY(read_entry(header));
      records_.clear();
      sparse_pairs_.clear();
      long_path_.reset();
      long_target_.reset();
      return std::optional(std::move(entry));
    }
    TRY(read_extension(type, size).context("tar extension header"));
  }
  return std::optional<TarEntry>();
}

Result<> TarReader::read_extension(char type, uint64_t size) {
  if (size > kExtensionBytesMax)
    return invalid("longer than " + std::to_string(kExtensionBytesMax) + " bytes");
  std::string text = TRY(exactly(size));
  TRY(skip_padding(size));
  if (type == 'L' || type == 'K') {
    text.resize(::strnlen(text.data(), text.size()));
    (type == 'L' ? long_path_ : long_target_) = std::move(text);
    return {};
  }
  // A global header says nothing that a layer needs (git writes its commit there); still checked.
  return read_pax_records(text, [&](std::string_view key, std::string_view value) {
    if (type == 'g') return;
    const bool sparse = key == "GNU.sparse.offset" || key == "GNU.sparse.numbytes";
    if (sparse && sparse_pairs_.size() < 2 * kSegmentsMax) sparse_pairs_.emplace_back(key, value);
    if (!sparse) records_.insert_or_assign(std::string(key), std::string(value));
  });
}

Result<TarEntry> TarReader::read_entry(const char* header) {
  TarEntry entry;
  const bool ustar =
      std::string_view(header + kTarMagic.offset, 6) == std::string_view("ustar\0", 6);
  const std::string_view prefix = ustar ? tar_text(header, kTarPrefix) : std::string_view();
  entry.path =
      std::string(prefix) + (prefix.empty() ? "" : "/") + std::string(tar_text(header, kTarName));
  entry.target = tar_text(header, kTarLink);
  if (long_path_) entry.path = *long_path_;
  if (long_target_) entry.target = *long_target_;

  auto read_fields = [&]() -> Result<uint64_t> {
    entry.mode =
        static_cast<uint32_t>(TRY(unsigned_number(header, kTarMode).context("mode")) & 07777);
    // A pax record may stand in for a field that cannot hold its number.
    if (!records_.contains("uid")) entry.uid = TRY(owner_field(header, kTarUid).context("uid"));
    if (!records_.contains("gid")) entry.gid = TRY(owner_field(header, kTarGid).context("gid"));
    entry.mtime_seconds = TRY(tar_number(header, kTarMtime).context("mtime"));
    uint64_t stored_size = TRY(unsigned_number(header, kTarSize).context("size"));
    TRY(apply_records(entry, stored_size));
    entry.kind = TRY(kind_of(header[kTarType.offset], entry.path));
    if (entry.kind == TarEntry::Kind::kCharDevice || entry.kind == TarEntry::Kind::kBlockDevice) {
      entry.device_major =
          static_cast<uint32_t>(TRY(unsigned_number(header, kTarMajor).context("device")));
      entry.device_minor =
          static_cast<uint32_t>(TRY(unsigned_number(header, kTarMinor).context("device")));
    }
    TRY(check_names(entry));
    return stored_size;
  };
  uint64_t stored_size = TRY(read_fields().context("tar entry " + entry.path.substr(0, 256)));

  const bool is_file = entry.kind == TarEntry::Kind::kFile;
  // Links may state the size of what they link to, without a payload.
  if (entry.kind == TarEntry::Kind::kHardLink || entry.kind == TarEntry::Kind::kSymlink)
    stored_size = 0;
  auto read_segments = [&]() -> Result<> {
    if (stored_size > kFileBytesMax) return invalid("larger than any file can be");
    payload_left_ = payload_size_ = stored_size;
    entry.size = stored_size;
    shows_payload_ = !is_file;
    if (!is_file) return {};
    if (header[kTarType.offset] == 'S') {
      TRY(read_old_sparse(header, entry));
    } else {
      TRY(read_pax_sparse(entry, stored_size));
    }
    return check_segments(entry, payload_left_);
  };
  TRY(read_segments().context("tar entry " + entry.path.substr(0, 256)));
  if (is_file && witness_ != nullptr) witness_->payload(entry);
  return entry;
}

Result<> TarReader::apply_records(TarEntry& entry, uint64_t& stored_size) {
  for (const auto& [key, value] : records_) {
    if (key == "path") entry.path = value;
    if (key == "linkpath") entry.target = value;
    if (key == "size") stored_size = TRY(read_decimal(value).context(key));
    if (key == "uid") entry.uid = TRY(owner_record(value).context(key));
    if (key == "gid") entry.gid = TRY(owner_record(value).context(key));
    if (key == "mtime") {
      const PaxTime time = TRY(read_pax_time(value).context(key));
      entry.mtime_seconds = time.seconds;
      entry.mtime_nanoseconds = time.nanoseconds;
    }
    if (key == "GNU.sparse.name") entry.path = value;
    if (key.starts_with(kXattrPrefix))
      entry.xattrs.emplace_back(key.substr(kXattrPrefix.size()), value);
  }
  return {};
}

// GNU's old format: four pieces in the header, 21 in each block behind it.
Result<> TarReader::read_old_sparse(const char* header, TarEntry& entry) {
  constexpr size_t kNumber = 12;
  entry.size = TRY(unsigned_number(header, {483, kNumber}).context("real size"));
  if (entry.size > kFileBytesMax) return invalid("larger than any file can be");
  auto read_pieces = [&](const char* at, size_t offset, size_t count) -> Result<> {
    for (size_t i = 0; i < count; ++i, offset += 2 * kNumber) {
      if (at[offset] == 0) return {};
      const uint64_t begin = TRY(unsigned_number(at, {offset, kNumber}).context("sparse map"));
      const uint64_t size =
          TRY(unsigned_number(at, {offset + kNumber, kNumber}).context("sparse map"));
      TRY(add_segment(entry, begin, size));
    }
    return {};
  };
  TRY(read_pieces(header, 386, 4));
  bool more = header[482] != 0;
  while (more) {
    char extension[kTarBlockBytes];
    if (!TRY(block(extension))) return ends_early();
    TRY(read_pieces(extension, 0, 21));
    more = extension[504] != 0;
  }
  return {};
}

Result<> TarReader::read_pax_sparse(TarEntry& entry, uint64_t& stored_size) {
  auto record = [&](std::string_view key) -> const std::string* {
    const auto found = records_.find(key);
    return found == records_.end() ? nullptr : &found->second;
  };
  const std::string* real_size = record("GNU.sparse.realsize");
  if (real_size == nullptr) real_size = record("GNU.sparse.size");
  if (real_size == nullptr) return add_segment(entry, 0, stored_size);

  entry.size = TRY(read_decimal(*real_size).context("GNU.sparse.size"));
  if (entry.size > kFileBytesMax) return invalid("larger than any file can be");
  if (const std::string* major = record("GNU.sparse.major"); major != nullptr && *major == "1")
    return read_sparse_map_of_payload(entry, stored_size);
  std::vector<uint64_t> numbers;
  if (const std::string* map = record("GNU.sparse.map")) {
    for (std::string_view rest = *map; !rest.empty();) {
      const size_t comma = rest.find(',');
      numbers.push_back(TRY(read_decimal(rest.substr(0, comma)).context("GNU.sparse.map")));
      rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
    }
  } else {
    for (const auto& [key, value] : sparse_pairs_) {
      if ((key == "GNU.sparse.offset") != (numbers.size() % 2 == 0))
        return invalid("a damaged sparse map");
      numbers.push_back(TRY(read_decimal(value).context(key)));
    }
  }
  if (numbers.size() % 2 != 0) return invalid("a damaged sparse map");
  for (size_t i = 0; i < numbers.size(); i += 2)
    TRY(add_segment(entry, numbers[i], numbers[i + 1]));
  return {};
}

// Format 1.0: the payload begins with decimal lines, a count and then pairs, padded to a block.
Result<> TarReader::read_sparse_map_of_payload(TarEntry& entry, uint64_t& stored_size) {
  std::string text;
  size_t at = 0;
  auto line = [&]() -> Result<uint64_t> {
    size_t end;
    while ((end = text.find('\n', at)) == text.npos) {
      if (text.size() + kTarBlockBytes > stored_size) return invalid("a damaged sparse map");
      if (text.size() - at > 32) return invalid("a damaged sparse map");
      text += TRY(exactly(kTarBlockBytes));
    }
    const uint64_t number = TRY(read_decimal(std::string_view(text).substr(at, end - at)));
    at = end + 1;
    return number;
  };
  const uint64_t count = TRY(line().context("sparse map"));
  if (count > kSegmentsMax) return invalid("a sparse map of too many pieces");
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t begin = TRY(line().context("sparse map"));
    const uint64_t size = TRY(line().context("sparse map"));
    TRY(add_segment(entry, begin, size));
  }
  stored_size -= text.size();
  payload_left_ = payload_size_ = stored_size;
  return {};
}

}  // namespace kist::runtime::images
