// Frames of SPDY/3.1, whole and torn, and what is refused.
#include "net/spdy_reader.h"

#include <catch2/catch.hpp>
#include <string>

#include "spdy_client.h"
#include "tests/support/spdy_recorder.h"

namespace kist::net {
namespace {

using namespace testing;
using namespace std::string_literals;

TEST_CASE("spdy: the dictionary is the draft's") {
  const std::string& words = spdy_dictionary();
  CHECK(words.size() == 1423);
  const uLong seed = adler32(0, nullptr, 0);
  CHECK(adler32(seed, reinterpret_cast<const Bytef*>(words.data()),
                static_cast<uInt>(words.size())) == 0xe3c6a7c2);
}

TEST_CASE("spdy reader: what it reads, in any pieces") {
  struct Case {
    const char* name;
    std::string bytes;
    std::string seen;
    std::string error = {};
  };
  SpdyDeflater one, two, odd, large, many, extra;
  const std::string first = two.syn_stream(1, {{"streamtype", "error"}});
  const std::string later = two.syn_stream(3, {{"streamtype", "data"}, {"port", "80"}});
  const auto syn = [](std::string block) {
    return spdy_control_frame(SpdyFrame::kSynStream,
                              std::string("\0\0\0\1\0\0\0\0\0\0", 10) + block);
  };
  const Case cases[] = {
      {"a stream", one.syn_stream(1, {{"streamtype", "error"}}), "(stream 1 streamtype=error)"},
      {"the second block leans on the first", first + later,
       "(stream 1 streamtype=error)(stream 3 streamtype=data port=80)"},
      {"data and its end", spdy_data(1, "hello") + spdy_data(1, "", true), "1:hello(end 1)"},
      {"data with its end", spdy_data(1, "hello", true), "1:hello(end 1)"},
      {"empty data", spdy_data(1, ""), ""},
      {"long data", spdy_data(5, std::string(70'000, 'x')), "5:" + std::string(70'000, 'x')},
      {"reset, ping", spdy_reset(3, SpdyReset::kCancel) + spdy_ping(7), "(reset 3)(ping 7)"},
      {"settings and windows are ignored",
       spdy_control_frame(SpdyFrame::kSettings, "\0\0\0\0"s) +
           spdy_control_frame(SpdyFrame::kWindowUpdate, "\0\0\0\1\0\0\1\0"s) + spdy_ping(1),
       "(ping 1)"},
      {"unknown frames are ignored", "\x80\x03\0\x63\0\0\0\x02xx"s + spdy_ping(1), "(ping 1)"},
      {"other version", "\x80\x02\0\x06\0\0\0\x04\0\0\0\x01"s, "", "SPDY: unknown version 2"},
      {"long control frame", "\x80\x03\0\x01\0\xff\xff\xff"s, "", "SPDY: control frame too long"},
      {"short SYN_STREAM", spdy_control_frame(SpdyFrame::kSynStream, "\0\0\0\1"s), "",
       "SPDY: malformed SYN_STREAM"},
      {"short ping", spdy_control_frame(SpdyFrame::kPing, "\0\0"s), "", "SPDY: malformed PING"},
      {"short reset", spdy_control_frame(SpdyFrame::kRstStream, "\0\0\0\1"s), "",
       "SPDY: malformed RST_STREAM"},
      {"not compressed", syn("\0\0\0\0"s), "", "SPDY header block: not compressed as it must be"},
      {"block cut short", syn(odd.pack_bytes("\0\0\0\1\0\0\0\5ab"s)), "",
       "SPDY header block: cut short"},
      {"zip bomb", syn(large.pack_bytes(std::string(1'000'000, '\0'))), "",
       "SPDY header block: too large"},
      {"too many headers", syn(many.pack_bytes("\0\0\xff\xff"s)), "",
       "SPDY header block: bad number of headers"},
      {"bytes behind", syn(extra.pack_bytes("\0\0\0\0x"s)), "",
       "SPDY header block: bytes behind the last header"},
  };
  for (const Case& c : cases) {
    for (const size_t piece : {size_t{1}, size_t{7}, c.bytes.size()}) {
      INFO(c.name << ", in pieces of " << piece);
      SpdyReader reader;
      SpdyRecorder recorder;
      std::string error;
      for (size_t at = 0; at < c.bytes.size() && error.empty(); at += piece) {
        const Result<> fed = reader.feed(std::string_view(c.bytes).substr(at, piece), recorder);
        if (!fed.ok()) error = fed.error().message;
      }
      CHECK(error == c.error);
      CHECK(recorder.seen == c.seen);
    }
  }
}

TEST_CASE("spdy: our replies can be read") {
  SpdyHeaderWriter writer;
  SpdyHeaderReader reader;
  for (int i = 0; i < 3; ++i) {
    Result<std::vector<Header>> headers = reader.read(writer.write_none());
    REQUIRE(headers.ok());
    CHECK(headers.value().empty());
  }
}

}  // namespace
}  // namespace kist::net
