// Bytes to requests: a strict HTTP/1.1 parser without a socket, so that tests and the fuzzer feed
// it.
//
// Strict means that whatever two parsers could read differently is refused (RFC 9112, 11.2): bare
// LF, folded headers, blanks before the colon, two lengths, a length beside Transfer-Encoding, NUL.
// A head that arrives in one piece, the usual case, is parsed where it lies.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kist/net/handler.h"
#include "kist/net/server.h"

namespace kist::net {

class RequestReader {
 public:
  enum class State : uint8_t { kHead, kBody, kComplete, kRefused };

  // `limits` must outlive the reader.
  explicit RequestReader(const ServerLimits& limits) : limits_(limits) {}

  // Takes bytes until a request is complete or refused; returns how many were used.
  size_t feed(std::string_view bytes);

  State state() const { return state_; }
  bool started() const { return started_; }  // some byte of this request was seen
  bool expects_continue() const { return expects_continue_ && state_ == State::kBody; }
  bool keep_alive() const { return keep_alive_; }
  bool old_version() const { return old_version_; }  // HTTP/1.0

  // In kComplete: the request; the reader then begins with the next one.
  Request take();

  // In kRefused: what to answer before closing.
  int refused_status() const { return refused_status_; }
  const std::string& refused_message() const { return refused_message_; }

 private:
  enum class BodyKind : uint8_t { kNone, kLength, kChunkSize, kChunkData, kChunkEnd, kTrailer };

  size_t feed_head(std::string_view bytes);
  size_t feed_body(std::string_view bytes);
  bool buffer_head(std::string_view& bytes);
  void append_body(std::string_view& bytes);
  void feed_chunk_size(std::string_view& bytes);
  void feed_chunk_end(std::string_view& bytes);
  void feed_trailer(std::string_view& bytes);
  bool read_line(std::string_view& bytes, size_t bytes_max, int status);

  bool parse_head(std::string_view text);
  bool parse_request_line(std::string_view line);
  bool parse_target(std::string_view target);
  bool parse_header_line(std::string_view line);
  bool note_header(std::string_view name, std::string_view value);
  bool note_length(std::string_view value);
  bool note_connection(std::string_view value);
  bool begin_body();
  bool refuse(int status, std::string_view message);  // always false

  const ServerLimits& limits_;
  State state_ = State::kHead;
  BodyKind body_kind_ = BodyKind::kNone;
  bool started_ = false;
  bool skipped_blank_line_ = false;
  bool keep_alive_ = true;
  bool old_version_ = false;
  bool expects_continue_ = false;
  bool has_host_ = false;
  bool has_length_ = false;
  bool chunked_ = false;
  int refused_status_ = 0;
  uint64_t body_left_ = 0;  // of the declared length or of the present chunk
  size_t trailer_bytes_ = 0;
  std::string held_;  // an incomplete head, or a line of the chunked framing
  std::string refused_message_;
  Request request_;
};

}  // namespace kist::net
