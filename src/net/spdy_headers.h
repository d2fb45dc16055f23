// The compressed header blocks of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, 2.6.10). All blocks of a
// direction are one zlib stream, so each must be read, also of frames that mean nothing to us.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"
#include "kist/net/handler.h"

struct z_stream_s;

namespace kist::net {

class SpdyHeaderReader {
 public:
  static constexpr size_t kBlockBytesMax = 16 * 1024;  // inflated
  static constexpr size_t kHeadersMax = 100;

  SpdyHeaderReader();
  ~SpdyHeaderReader();

  // kBadRequest: broken or too large. The reader is of no use after it.
  Result<std::vector<Header>> read(std::string_view block);

 private:
  Result<std::string> inflate_block(std::string_view block);

  const std::unique_ptr<z_stream_s> stream_;
};

class SpdyHeaderWriter {
 public:
  SpdyHeaderWriter();
  ~SpdyHeaderWriter();

  // A block without headers: all that our replies need.
  std::string write_none();

 private:
  const std::unique_ptr<z_stream_s> stream_;
};

// What both sides' compressors know from the start.
const std::string& spdy_dictionary();

// The first header of this name, in any case, or empty.
std::string_view find_header(const std::vector<Header>& headers, std::string_view name);

}  // namespace kist::net
