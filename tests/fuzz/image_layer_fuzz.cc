// Any bytes as a layer: inflated and read as tar, they neither crash nor hang, and what the reader
// says of an entry fits together.
#include <cstddef>
#include <cstdint>

#include "runtime/images/inflate.h"
#include "runtime/images/rooted.h"
#include "runtime/images/tar_reader.h"

using namespace kist;
using namespace kist::runtime::images;

namespace {

void read_entry(TarReader& tar, const TarEntry& entry) {
  uint64_t held = 0, end = 0;
  for (const TarEntry::Segment& segment : entry.segments) {
    ENSURE(segment.offset >= end);
    end = segment.offset + segment.size;
    held += segment.size;
  }
  ENSURE(end <= entry.size);
  (void)clean_path(entry.path).ok();
  uint64_t read = 0;
  while (true) {
    const Result<std::string_view> piece = tar.payload();
    if (!piece.ok()) return;
    if (piece.value().empty()) break;
    read += piece.value().size();
  }
  ENSURE(entry.kind != TarEntry::Kind::kFile || read == held);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MemorySource source({reinterpret_cast<const char*>(data), size});
  const auto inflated = make_inflater(source, {1 << 20, 100});
  TarReader tar(*inflated);
  while (true) {
    const Result<std::optional<TarEntry>> entry = tar.next();
    if (!entry.ok() || !entry.value()) break;
    read_entry(tar, *entry.value());
  }
  (void)tar.finish().ok();
  return 0;
}
