// zlib at its fastest: what is saved on the wire must not be paid twice in CPU.
#include "src/apiserver/gzip.h"

#include <zlib.h>

#include "src/apiserver/negotiation.h"

namespace kist::apiserver {
namespace {

// Empty where zlib fails; the answer then goes out as it is.
std::string gzip(const std::vector<Slice>& body, size_t bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
  std::string out(deflateBound(&stream, bytes) + 64, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int result = Z_OK;
  for (size_t i = 0; i <= body.size() && result == Z_OK; ++i) {
    std::string_view view = i < body.size() ? body[i].view() : std::string_view();
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(view.data()));
    stream.avail_in = static_cast<uInt>(view.size());
    if (i < body.size() && view.empty()) continue;
    result = deflate(&stream, i < body.size() ? Z_NO_FLUSH : Z_FINISH);
  }
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return result == Z_STREAM_END ? out : std::string();
}

}  // namespace

void compress_if_worthwhile(const net::Request& request, std::vector<net::Header>& headers,
                            std::vector<Slice>& body) {
  size_t bytes = 0;
  for (const Slice& slice : body) bytes += slice.size();
  if (bytes < kGzipBytesMin || bytes > UINT32_MAX / 2) return;
  if (request.method != "GET" || !accepts_gzip(request.header("Accept-Encoding"))) return;
  std::string packed = gzip(body, bytes);
  if (packed.empty()) return;
  body = {Slice::of(std::move(packed))};
  headers.push_back({"Content-Encoding", "gzip"});
  headers.push_back({"Vary", "Accept-Encoding"});
}

}  // namespace kist::apiserver
