// The parser: what it refuses and with which status, and that pieces change nothing.
#include "net/request_reader.h"

#include <catch2/catch.hpp>

namespace kist::net {
namespace {

constexpr const char* kGet = "GET / HTTP/1.1\r\n";

std::string with_headers(const std::string& headers) {
  return std::string("POST /x HTTP/1.1\r\nHost: a\r\n") + headers + "\r\n";
}

int status_of(const std::string& bytes, const ServerLimits& limits, size_t piece) {
  RequestReader reader(limits);
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t used = reader.feed(std::string_view(bytes).substr(at, piece));
    at += used;
    if (reader.state() == RequestReader::State::kRefused) return reader.refused_status();
    if (reader.state() == RequestReader::State::kComplete) return 200;
    REQUIRE(used > 0);
  }
  return 0;  // wants more
}

TEST_CASE("reader: statuses") {
  struct Case {
    const char* name;
    std::string bytes;
    int status;
  };
  const std::string host = "Host: a\r\n";
  std::string many_headers = kGet + host;
  for (int i = 0; i < 100; ++i) many_headers += "X-" + std::to_string(i) + ": 1\r\n";
  const Case cases[] = {
      {"plain", kGet + host + "\r\n", 200},
      {"blank line before", std::string("\r\n") + kGet + host + "\r\n", 200},
      {"two blank lines before", std::string("\r\n\r\n") + kGet + host + "\r\n", 400},
      {"unfinished", kGet + host, 0},
      {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", 200},
      {"no host", std::string(kGet) + "\r\n", 400},
      {"two hosts", kGet + host + host + "\r\n", 400},
      {"bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"bare LF in headers", std::string(kGet) + "Host: a\nX: b\r\n\r\n", 400},
      {"bare CR in value", std::string(kGet) + "Host: a\r\nX: b\rc\r\n\r\n", 400},
      {"obs-fold", kGet + host + "X: a\r\n b\r\n\r\n", 400},
      {"tab fold", kGet + host + "X: a\r\n\tb\r\n\r\n", 400},
      {"space before colon", kGet + host + "X : a\r\n\r\n", 400},
      {"empty name", kGet + host + ": a\r\n\r\n", 400},
      {"no colon", kGet + host + "hello\r\n\r\n", 400},
      {"NUL in value", kGet + host + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"NUL in name", kGet + host + std::string("X\0: a\r\n\r\n", 9), 400},
      {"DEL in value", kGet + host + "X: \x7f\r\n\r\n", 400},
      {"latin in value", kGet + host + "X: \xe4\r\n\r\n", 200},
      {"empty value", kGet + host + "X:\r\n\r\n", 200},
      {"too many headers", many_headers + "\r\n", 431},
      {"huge header", kGet + host + "X: " + std::string(70'000, 'x') + "\r\n\r\n", 431},
      {"huge unfinished header", kGet + host + "X: " + std::string(70'000, 'x'), 431},
      {"long target", "GET /" + std::string(33'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"endless target", "GET /" + std::string(70'000, 'a'), 414},
      {"empty line", "\r\n \r\n\r\n", 400},
      {"no version", "GET /\r\n" + host + "\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"space in target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"control in target", "GET /a\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"raw UTF-8 in target", "GET /\xc3\xa4 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"fragment", "GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"relative target", "GET a HTTP/1.1\r\n" + host + "\r\n", 400},
      {"asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"authority form", "CONNECT a:1 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"absolute form", "GET http://a/b HTTP/1.1\r\n" + host + "\r\n", 200},
      {"absolute without host", "GET http:///b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"absolute of another scheme", "GET ftp://a/b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"bad method", "G@T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"long method", std::string(33, 'G') + " / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", 505},
      {"lower case version", "GET / http/1.1\r\n" + host + "\r\n", 400},
      {"TLS hello", std::string("\x16\x03\x01\x02\n\r\n\r\n", 9), 400},
      {"length", with_headers("Content-Length: 2\r\n") + "ab", 200},
      {"length, body missing", with_headers("Content-Length: 2\r\n") + "a", 0},
      {"two lengths", with_headers("Content-Length: 2\r\nContent-Length: 2\r\n") + "ab", 400},
      {"length list", with_headers("Content-Length: 2, 2\r\n") + "ab", 400},
      {"negative length", with_headers("Content-Length: -1\r\n"), 400},
      {"signed length", with_headers("Content-Length: +2\r\n") + "ab", 400},
      {"hex length", with_headers("Content-Length: 0x2\r\n") + "ab", 400},
      {"empty length", with_headers("Content-Length:\r\n"), 400},
      {"length of 65 bits", with_headers("Content-Length: 18446744073709551617\r\n"), 413},
      {"length too large", with_headers("Content-Length: 3145729\r\n"), 413},
      {"length beside chunked",
       with_headers("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n", 400},
      {"chunked beside length",
       with_headers("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n") + "0\r\n\r\n", 400},
      {"chunked twice",
       with_headers("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {"gzip, chunked", with_headers("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"identity", with_headers("Transfer-Encoding: identity\r\n"), 501},
      {"xchunked", with_headers("Transfer-Encoding: xchunked\r\n"), 501},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunked", with_headers("Transfer-Encoding: Chunked\r\n") + "2\r\nab\r\n0\r\n\r\n", 200},
      {"chunk extension",
       with_headers("Transfer-Encoding: chunked\r\n") + "2;a=b\r\nab\r\n0\r\n\r\n", 200},
      {"trailer", with_headers("Transfer-Encoding: chunked\r\n") + "0\r\nX: y\r\n\r\n", 200},
      {"malformed trailer", with_headers("Transfer-Encoding: chunked\r\n") + "0\r\nX\r\n\r\n", 400},
      {"chunk without size", with_headers("Transfer-Encoding: chunked\r\n") + "\r\n", 400},
      {"negative chunk", with_headers("Transfer-Encoding: chunked\r\n") + "-1\r\n", 400},
      {"chunk of 0x2", with_headers("Transfer-Encoding: chunked\r\n") + "0x2\r\nab\r\n", 400},
      {"chunk size and blank", with_headers("Transfer-Encoding: chunked\r\n") + "2 \r\nab\r\n",
       400},
      {"chunk overrun", with_headers("Transfer-Encoding: chunked\r\n") + "2\r\nabc\r\n", 400},
      {"chunk size with LF", with_headers("Transfer-Encoding: chunked\r\n") + "2\nab\r\n", 400},
      {"chunk end with LF", with_headers("Transfer-Encoding: chunked\r\n") + "2\r\nab\n0", 400},
      {"huge chunk", with_headers("Transfer-Encoding: chunked\r\n") + "ffffffff\r\n", 413},
      {"chunk of 65 bits", with_headers("Transfer-Encoding: chunked\r\n") + "10000000000000000\r\n",
       413},
      {"endless chunk line",
       with_headers("Transfer-Encoding: chunked\r\n") + "2;" + std::string(300, 'x'), 400},
      {"unknown expectation", with_headers("Expect: tea\r\n"), 417},
  };
  const ServerLimits limits;
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(status_of(c.bytes, limits, std::string::npos) == c.status);
    CHECK(status_of(c.bytes, limits, 7) == c.status);
    CHECK(status_of(c.bytes, limits, 1) == c.status);
  }
}

TEST_CASE("reader: targets") {
  struct Case {
    const char* target;
    const char* path;
    const char* query;
  };
  const Case cases[] = {
      {"/", "/", ""},
      {"/a%2Fb/..//c", "/a%2Fb/..//c", ""},
      {"/a?b=c?d", "/a", "b=c?d"},
      {"/?", "/", ""},
      {"http://h:1/a?b", "/a", "b"},
      {"HTTPS://h", "/", ""},
      {"http://h?x=1", "/", "x=1"},
  };
  const ServerLimits limits;
  for (const Case& c : cases) {
    INFO(c.target);
    RequestReader reader(limits);
    reader.feed(std::string("GET ") + c.target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(reader.state() == RequestReader::State::kComplete);
    const Request request = reader.take();
    CHECK(request.path == c.path);
    CHECK(request.query == c.query);
  }
}

// Goal: the same requests whatever the pieces they come in.
// Method: a pipelined conversation, split at every byte.
TEST_CASE("reader: split at every byte") {
  const std::string conversation =
      "\r\nGET /one HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n"
      "POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      "POST /three HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA;x\r\n0123456789\r\n0\r\nT: u\r\n\r\n"
      "GET /four HTTP/1.1\r\nHost: a\r\n\r\n";
  const ServerLimits limits;
  for (size_t split = 0; split <= conversation.size(); ++split) {
    INFO("split at " << split);
    RequestReader reader(limits);
    std::string seen;
    for (std::string_view part : {std::string_view(conversation).substr(0, split),
                                  std::string_view(conversation).substr(split)}) {
      while (!part.empty()) {
        part.remove_prefix(reader.feed(part));
        REQUIRE(reader.state() != RequestReader::State::kRefused);
        if (reader.state() != RequestReader::State::kComplete) continue;
        const Request request = reader.take();
        seen +=
            request.path + ":" + request.body + ":" + std::to_string(request.headers.size()) + " ";
      }
    }
    CHECK(seen == "/one::2 /two:hello:2 /three:abc0123456789:2 /four::1 ");
  }
}

TEST_CASE("reader: keep-alive") {
  struct Case {
    const char* version;
    const char* header;
    bool keep_alive;
  };
  const Case cases[] = {
      {"HTTP/1.1", "", true},
      {"HTTP/1.1", "Connection: close\r\n", false},
      {"HTTP/1.1", "Connection: Upgrade, CLOSE\r\n", false},
      {"HTTP/1.1", "Connection: keep-alive\r\n", true},
      {"HTTP/1.0", "Connection: keep-alive\r\n", false},
  };
  const ServerLimits limits;
  for (const Case& c : cases) {
    INFO(c.version << " " << c.header);
    RequestReader reader(limits);
    reader.feed(std::string("GET / ") + c.version + "\r\nHost: a\r\n" + c.header + "\r\n");
    REQUIRE(reader.state() == RequestReader::State::kComplete);
    CHECK(reader.keep_alive() == c.keep_alive);
  }
}

}  // namespace
}  // namespace kist::net
