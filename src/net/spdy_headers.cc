#include "spdy_headers.h"

#include <strings.h>
#include <zlib.h>

namespace kist::net {
namespace {

// The draft's dictionary: words behind their 32-bit lengths, then one text.
constexpr std::string_view kWords[] = {"options",
                                       "head",
                                       "post",
                                       "put",
                                       "delete",
                                       "trace",
                                       "accept",
                                       "accept-charset",
                                       "accept-encoding",
                                       "accept-language",
                                       "accept-ranges",
                                       "age",
                                       "allow",
                                       "authorization",
                                       "cache-control",
                                       "connection",
                                       "content-base",
                                       "content-encoding",
                                       "content-language",
                                       "content-length",
                                       "content-location",
                                       "content-md5",
                                       "content-range",
                                       "content-type",
                                       "date",
                                       "etag",
                                       "expect",
                                       "expires",
                                       "from",
                                       "host",
                                       "if-match",
                                       "if-modified-since",
                                       "if-none-match",
                                       "if-range",
                                       "if-unmodified-since",
                                       "last-modified",
                                       "location",
                                       "max-forwards",
                                       "pragma",
                                       "proxy-authenticate",
                                       "proxy-authorization",
                                       "range",
                                       "referer",
                                       "retry-after",
                                       "server",
                                       "te",
                                       "trailer",
                                       "transfer-encoding",
                                       "upgrade",
                                       "user-agent",
                                       "vary",
                                       "via",
                                       "warning",
                                       "www-authenticate",
                                       "method",
                                       "get",
                                       "status",
                                       "200 OK",
                                       "version",
                                       "HTTP/1.1",
                                       "url",
                                       "public",
                                       "set-cookie",
                                       "keep-alive",
                                       "origin"};
constexpr std::string_view kText =
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

const Bytef* bytes_of(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

Error broken(std::string_view what) {
  return Error{Code::kBadRequest, "SPDY header block: " + std::string(what)};
}

bool take_number(std::string_view& from, uint32_t* number) {
  if (from.size() < 4) return false;
  *number = 0;
  for (int i = 0; i < 4; ++i) *number = *number << 8 | static_cast<unsigned char>(from[i]);
  from.remove_prefix(4);
  return true;
}

// A number and as many bytes as it says.
bool take_text(std::string_view& from, std::string_view* text) {
  uint32_t size = 0;
  if (!take_number(from, &size) || from.size() < size) return false;
  *text = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

}  // namespace

const std::string& spdy_dictionary() {
  static const std::string made = [] {
    std::string bytes;
    for (const std::string_view word : kWords) {
      bytes.append(3, '\0');
      bytes += static_cast<char>(word.size());
      bytes += word;
    }
    return bytes += kText;
  }();
  return made;
}

SpdyHeaderReader::SpdyHeaderReader() : stream_(std::make_unique<z_stream>()) {
  ENSURE(inflateInit(stream_.get()) == Z_OK);
}

SpdyHeaderReader::~SpdyHeaderReader() { inflateEnd(stream_.get()); }

Result<std::string> SpdyHeaderReader::inflate_block(std::string_view block) {
  std::string plain(kBlockBytesMax + 1, '\0');
  z_stream& stream = *stream_;
  stream.next_in = const_cast<Bytef*>(bytes_of(block));
  stream.avail_in = static_cast<uInt>(block.size());
  stream.next_out = reinterpret_cast<Bytef*>(plain.data());
  stream.avail_out = static_cast<uInt>(plain.size());
  int outcome = ::inflate(&stream, Z_SYNC_FLUSH);
  if (outcome == Z_NEED_DICT) {
    const std::string& words = spdy_dictionary();
    outcome = inflateSetDictionary(&stream, bytes_of(words), static_cast<uInt>(words.size()));
    if (outcome == Z_OK) outcome = ::inflate(&stream, Z_SYNC_FLUSH);
  }
  // Z_BUF_ERROR: there was nothing to do after the dictionary.
  if (outcome != Z_OK && outcome != Z_BUF_ERROR) return broken("not compressed as it must be");
  if (stream.avail_out == 0 || stream.avail_in != 0) return broken("too large");
  plain.resize(plain.size() - stream.avail_out);
  return plain;
}

Result<std::vector<Header>> SpdyHeaderReader::read(std::string_view block) {
  const std::string plain = TRY(inflate_block(block));
  std::string_view rest = plain;
  uint32_t count = 0;
  if (!take_number(rest, &count) || count > kHeadersMax) return broken("bad number of headers");
  std::vector<Header> headers;
  for (uint32_t i = 0; i < count; ++i) {
    std::string_view name, value;
    if (!take_text(rest, &name) || !take_text(rest, &value)) return broken("cut short");
    headers.push_back({std::string(name), std::string(value)});
  }
  if (!rest.empty()) return broken("bytes behind the last header");
  return headers;
}

SpdyHeaderWriter::SpdyHeaderWriter() : stream_(std::make_unique<z_stream>()) {
  // Stored, with the smallest window: a reply is four bytes, a default deflater a quarter megabyte.
  constexpr int kWindowBits = 9, kMemoryLevel = 1;
  ENSURE(deflateInit2(stream_.get(), Z_NO_COMPRESSION, Z_DEFLATED, kWindowBits, kMemoryLevel,
                      Z_DEFAULT_STRATEGY) == Z_OK);
  const std::string& words = spdy_dictionary();
  ENSURE(deflateSetDictionary(stream_.get(), bytes_of(words), static_cast<uInt>(words.size())) ==
         Z_OK);
}

SpdyHeaderWriter::~SpdyHeaderWriter() { deflateEnd(stream_.get()); }

std::string SpdyHeaderWriter::write_none() {
  const std::string_view none("\0\0\0\0", 4);
  char packed[64];
  z_stream& stream = *stream_;
  stream.next_in = const_cast<Bytef*>(bytes_of(none));
  stream.avail_in = static_cast<uInt>(none.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed);
  stream.avail_out = sizeof packed;
  ENSURE(::deflate(&stream, Z_SYNC_FLUSH) == Z_OK && stream.avail_out > 0);
  return {packed, sizeof packed - stream.avail_out};
}

std::string_view find_header(const std::vector<Header>& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (header.name.size() == name.size() &&
        strncasecmp(header.name.data(), name.data(), name.size()) == 0) {
      return header.value;
    }
  }
  return {};
}

}  // namespace kist::net
