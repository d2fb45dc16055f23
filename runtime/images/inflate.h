// gzip and zstd, told apart by their first bytes; everything else passes as it is.
#pragma once

#include <memory>

#include "runtime/images/byte_source.h"

namespace kist::runtime::images {

// Bounds against decompression bombs; behind one of them read() fails with kTooLarge.
struct InflateLimits {
  uint64_t bytes_max = UINT64_MAX;  // that come out
  uint64_t ratio_max = 0;           // out to in, looked at from 64 MiB on; 0: any
};

// `compressed` must outlive what is returned and is read as far as needed. Several gzip members or
// zstd frames in a row are one stream. read() fails with kInvalid at damage, bytes that are no
// further member included, and at an end in the middle.
std::unique_ptr<ByteSource> make_inflater(ByteSource& compressed, const InflateLimits& limits);

}  // namespace kist::runtime::images
