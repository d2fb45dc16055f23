#include "request_reader.h"

#include <strings.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace kist::net {
namespace {

constexpr size_t kMethodBytesMax = 32;
constexpr size_t kChunkLineBytesMax = 256;  // the size and extensions nobody uses
constexpr size_t kBodyReserveMax = 64 * 1024;

// RFC 9110, 5.6.2: what names and methods are made of.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr std::array<bool, 256> kToken = make_token_table();

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

// Printable, a tab, or above ASCII: what a header's value may hold.
bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool is_target_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool has_bare_newline(std::string_view text, size_t from) {
  for (size_t at = text.find('\n', from); at != text.npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') return true;
  }
  return false;
}

}  // namespace

size_t RequestReader::feed(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && (state_ == State::kHead || state_ == State::kBody)) {
    const std::string_view rest = bytes.substr(used);
    used += state_ == State::kHead ? feed_head(rest) : feed_body(rest);
  }
  return used;
}

Request RequestReader::take() {
  Request request = std::move(request_);
  request_ = Request{};
  state_ = State::kHead;
  body_kind_ = BodyKind::kNone;
  started_ = skipped_blank_line_ = old_version_ = expects_continue_ = false;
  has_host_ = has_length_ = chunked_ = false;
  keep_alive_ = true;
  body_left_ = 0;
  trailer_bytes_ = 0;
  std::string().swap(held_);
  return request;
}

bool RequestReader::refuse(int status, std::string_view message) {
  state_ = State::kRefused;
  refused_status_ = status;
  refused_message_ = message;
  return false;
}

size_t RequestReader::feed_head(std::string_view bytes) {
  const size_t offered = bytes.size();
  if (held_.empty()) {
    // One blank line before a request is forgiven (RFC 9112, 2.2): old clients end bodies with it.
    if (!skipped_blank_line_ && bytes.starts_with("\r\n")) {
      skipped_blank_line_ = true;
      return 2;
    }
    started_ = true;
    const size_t end = bytes.find("\r\n\r\n");
    if (end != bytes.npos && end + 4 <= limits_.header_bytes_max) {
      if (parse_head(bytes.substr(0, end + 2))) begin_body();
      return end + 4;
    }
  }
  if (buffer_head(bytes)) {
    const std::string head = std::exchange(held_, std::string());
    if (parse_head(std::string_view(head).substr(0, head.size() - 2))) begin_body();
  }
  return offered - bytes.size();
}

// Moves bytes of a head that comes in pieces into held_; true once it is whole, with its blank
// line.
bool RequestReader::buffer_head(std::string_view& bytes) {
  const size_t before = held_.size();
  const size_t taken = std::min(bytes.size(), limits_.header_bytes_max + 1 - before);
  held_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  if (!skipped_blank_line_ && held_.starts_with("\r\n")) {
    skipped_blank_line_ = true;
    const size_t surplus = held_.size() - 2;
    held_.clear();
    bytes = std::string_view(bytes.data() - surplus, bytes.size() + surplus);
    return false;
  }
  const size_t end = held_.find("\r\n\r\n", before >= 3 ? before - 3 : 0);
  if (end != held_.npos && end + 4 <= limits_.header_bytes_max) {
    const size_t surplus = held_.size() - (end + 4);
    held_.resize(end + 4);
    bytes = std::string_view(bytes.data() - surplus, bytes.size() + surplus);
    return true;
  }
  if (has_bare_newline(held_, before)) return refuse(400, "a line ends without carriage return");
  if (held_.size() > limits_.request_line_bytes_max && held_.find("\r\n") == held_.npos) {
    return refuse(414, "the request line is too long");
  }
  if (held_.size() > limits_.header_bytes_max) return refuse(431, "the headers are too large");
  return false;
}

bool RequestReader::parse_head(std::string_view text) {
  size_t end = text.find("\r\n");
  if (!parse_request_line(text.substr(0, end))) return false;
  for (size_t begin = end + 2; begin < text.size(); begin = end + 2) {
    end = text.find("\r\n", begin);
    if (!parse_header_line(text.substr(begin, end - begin))) return false;
  }
  if (!has_host_ && !old_version_) return refuse(400, "missing required Host header");
  if (chunked_ && has_length_) return refuse(400, "both Content-Length and Transfer-Encoding");
  if (chunked_ && old_version_) return refuse(400, "Transfer-Encoding in an HTTP/1.0 request");
  return true;
}

bool RequestReader::parse_request_line(std::string_view line) {
  if (line.size() > limits_.request_line_bytes_max) {
    return refuse(414, "the request line is too long");
  }
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return refuse(400, "malformed request line");
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method) || method.size() > kMethodBytesMax) return refuse(400, "malformed method");
  if (!version.starts_with("HTTP/")) return refuse(400, "malformed HTTP version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return refuse(505, "only HTTP/1.1 is spoken here");
  }
  old_version_ = version == "HTTP/1.0";
  keep_alive_ = !old_version_;
  request_.method = method;
  return parse_target(line.substr(first + 1, last - first - 1));
}

// Origin form, or absolute form as proxies' clients send it. Nothing is decoded here: "%2F" in a
// name must not become a path separator.
bool RequestReader::parse_target(std::string_view target) {
  if (!is_target_text(target)) return refuse(400, "malformed request target");
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !same_text(target.substr(0, scheme.size()), scheme)) {
      continue;
    }
    target.remove_prefix(scheme.size());
    const size_t end = target.find_first_of("/?");
    if (end == 0) return refuse(400, "malformed request target");
    target = end == target.npos ? std::string_view() : target.substr(end);
    if (!target.starts_with('/')) {
      request_.path = "/";
      request_.query = target.empty() ? target : target.substr(1);
      return true;
    }
    break;
  }
  if (!target.starts_with('/')) return refuse(400, "malformed request target");
  const size_t question = target.find('?');
  request_.path = target.substr(0, question);
  if (question != target.npos) request_.query = target.substr(question + 1);
  return true;
}

bool RequestReader::parse_header_line(std::string_view line) {
  if (request_.headers.size() >= limits_.header_count_max) return refuse(431, "too many headers");
  const size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) {
    return refuse(400, "malformed header name");
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) return refuse(400, "malformed header value");
  request_.headers.push_back(Header{std::string(name), std::string(value)});
  return note_header(name, value);
}

// Remembers what the framing depends on.
bool RequestReader::note_header(std::string_view name, std::string_view value) {
  if (same_text(name, "host")) {
    if (std::exchange(has_host_, true)) return refuse(400, "too many Host headers");
  } else if (same_text(name, "content-length")) {
    return note_length(value);
  } else if (same_text(name, "transfer-encoding")) {
    if (chunked_) return refuse(400, "more than one Transfer-Encoding");
    if (!same_text(value, "chunked")) return refuse(501, "unsupported Transfer-Encoding");
    chunked_ = true;
  } else if (same_text(name, "connection")) {
    return note_connection(value);
  } else if (same_text(name, "expect")) {
    if (!same_text(value, "100-continue")) return refuse(417, "unsupported expectation");
    expects_continue_ = !old_version_;
  }
  return true;
}

bool RequestReader::note_length(std::string_view value) {
  if (has_length_) return refuse(400, "more than one Content-Length");
  const bool digits =
      !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return refuse(400, "malformed Content-Length");
  has_length_ = true;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), body_left_);
  if (parsed.ec != std::errc())
    body_left_ = UINT64_MAX;  // beyond 64 bits: too large, not malformed
  return true;
}

bool RequestReader::note_connection(std::string_view value) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    if (same_text(trim_blanks(value.substr(0, comma)), "close")) keep_alive_ = false;
    value = comma == value.npos ? std::string_view() : value.substr(comma + 1);
  }
  return true;
}

// After the head: what follows, if anything.
bool RequestReader::begin_body() {
  if (chunked_) {
    body_kind_ = BodyKind::kChunkSize;
    state_ = State::kBody;
    return true;
  }
  if (body_left_ > limits_.body_bytes_max) return refuse(413, "the request body is too large");
  if (body_left_ == 0) {
    state_ = State::kComplete;
    return true;
  }
  request_.body.reserve(std::min<size_t>(body_left_, kBodyReserveMax));
  body_kind_ = BodyKind::kLength;
  state_ = State::kBody;
  return true;
}

size_t RequestReader::feed_body(std::string_view bytes) {
  const size_t offered = bytes.size();
  switch (body_kind_) {
    case BodyKind::kNone: break;
    case BodyKind::kLength:
      append_body(bytes);
      if (body_left_ == 0) state_ = State::kComplete;
      break;
    case BodyKind::kChunkSize: feed_chunk_size(bytes); break;
    case BodyKind::kChunkData:
      append_body(bytes);
      if (body_left_ == 0) body_kind_ = BodyKind::kChunkEnd;
      break;
    case BodyKind::kChunkEnd: feed_chunk_end(bytes); break;
    case BodyKind::kTrailer: feed_trailer(bytes); break;
  }
  return offered - bytes.size();
}

void RequestReader::append_body(std::string_view& bytes) {
  const size_t taken = std::min<uint64_t>(bytes.size(), body_left_);
  request_.body.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  body_left_ -= taken;
}

// Collects a line in held_, without its end; true once it is whole.
bool RequestReader::read_line(std::string_view& bytes, size_t bytes_max, int status) {
  const size_t newline = bytes.find('\n');
  const size_t taken = newline == bytes.npos ? bytes.size() : newline + 1;
  if (held_.size() + taken > bytes_max + 2) return refuse(status, "a line of the body is too long");
  held_.append(bytes.substr(0, taken));
  bytes.remove_prefix(taken);
  if (!held_.ends_with('\n')) return false;
  if (!held_.ends_with("\r\n")) return refuse(400, "a line ends without carriage return");
  held_.resize(held_.size() - 2);
  return true;
}

void RequestReader::feed_chunk_size(std::string_view& bytes) {
  if (!read_line(bytes, kChunkLineBytesMax, 400)) return;
  const std::string line = std::exchange(held_, std::string());
  uint64_t size = 0;
  const auto parsed = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  const std::string_view rest(parsed.ptr,
                              static_cast<size_t>(line.data() + line.size() - parsed.ptr));
  const bool extended = rest.empty() || trim_blanks(rest).starts_with(';');
  if (parsed.ptr == line.data() || !extended || !is_field_value(rest)) {
    refuse(400, "malformed chunk size");
    return;
  }
  const bool too_large = parsed.ec != std::errc() || size > limits_.body_bytes_max ||
                         request_.body.size() + size > limits_.body_bytes_max;
  if (too_large) {
    refuse(413, "the request body is too large");
    return;
  }
  body_left_ = size;
  body_kind_ = size == 0 ? BodyKind::kTrailer : BodyKind::kChunkData;
}

void RequestReader::feed_chunk_end(std::string_view& bytes) {
  if (!read_line(bytes, 0, 400)) return;
  held_.clear();
  body_kind_ = BodyKind::kChunkSize;
}

// Trailers are checked like headers and dropped: nothing of ours uses them.
void RequestReader::feed_trailer(std::string_view& bytes) {
  if (!read_line(bytes, limits_.header_bytes_max, 431)) return;
  const std::string line = std::exchange(held_, std::string());
  if (line.empty()) {
    state_ = State::kComplete;
    return;
  }
  trailer_bytes_ += line.size() + 2;
  if (trailer_bytes_ > limits_.header_bytes_max) {
    refuse(431, "the trailers are too large");
    return;
  }
  const size_t colon = line.find(':');
  const bool named = colon != line.npos && is_token(std::string_view(line).substr(0, colon));
  if (!named || !is_field_value(std::string_view(line).substr(colon + 1))) {
    refuse(400, "malformed trailer");
  }
}

}  // namespace kist::net
