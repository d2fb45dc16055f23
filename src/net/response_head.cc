#include "response_head.h"

#include <strings.h>
#include <time.h>

#include <algorithm>
#include <charconv>

#include "kist/net/server.h"

namespace kist::net {
namespace {

void append_number(std::string& text, uint64_t number, int base = 10) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, base).ptr;
  text.append(digits, end);
}

// RFC 9110, 5.6.7; made once a second. Of one thread's own: the loop's.
const std::string& http_date() {
  thread_local time_t made_at = -1;
  thread_local std::string date;
  const time_t now = ::time(nullptr);
  if (now != made_at) {
    made_at = now;
    tm parts{};
    gmtime_r(&now, &parts);
    char text[40];
    const size_t length = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    date.assign(text, length);
  }
  return date;
}

bool is_sendable(const Header& header) {
  const auto breaks = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  if (header.name.empty() || std::ranges::any_of(header.name, breaks) ||
      std::ranges::any_of(header.value, breaks)) {
    return false;
  }
  for (const char* own : {"content-length", "transfer-encoding", "connection", "date"}) {
    if (strcasecmp(header.name.c_str(), own) == 0) return false;
  }
  return true;
}

}  // namespace

bool status_has_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string response_head(int status, const std::vector<Header>& headers,
                          const HeadOptions& options) {
  std::string head;
  head.reserve(256);
  head += "HTTP/1.1 ";
  append_number(head, static_cast<uint64_t>(status));
  head += ' ';
  head += status_text(status);
  head += "\r\n";
  for (const Header& header : headers) {
    if (!is_sendable(header)) continue;
    head += header.name;
    head += ": ";
    head += header.value;
    head += "\r\n";
  }
  head += "Date: ";
  head += http_date();
  if (options.framing == Framing::kLength) {
    head += "\r\nContent-Length: ";
    append_number(head, options.length);
  } else if (options.framing == Framing::kChunked) {
    head += "\r\nTransfer-Encoding: chunked";
  }
  if (options.upgrade) {
    head += "\r\nConnection: Upgrade";
  } else if (options.close) {
    head += "\r\nConnection: close";
  }
  head += "\r\n\r\n";
  return head;
}

}  // namespace kist::net
