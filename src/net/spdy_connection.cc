#include "spdy_connection.h"

#include <utility>

namespace kist::net {
namespace {

// How long a client may take to close, or to take any more of what it has not read.
constexpr std::chrono::seconds kCloseWait{10};
// Data stays far below. A client that asks for more answers than this without reading them is cut.
constexpr size_t kUnsentMax = 1024 * 1024;

}  // namespace

void SpdyConnection::input(std::string_view bytes) {
  if (reader_.feed(bytes, *this).ok()) return;
  over_ = true;
  send_go_away(SpdyGoAway::kProtocolError);
  transport_.close();
  on_client_closed();
}

void SpdyConnection::end_of_input() {
  const bool was_over = std::exchange(over_, true);
  close_at_.reset();
  transport_.close();
  if (!was_over) on_client_closed();
}

void SpdyConnection::stop() {
  if (!std::exchange(over_, true)) on_client_closed();
  send_go_away(SpdyGoAway::kOk);
  transport_.close();
}

void SpdyConnection::finish() {
  if (std::exchange(over_, true)) return;
  send_go_away(SpdyGoAway::kOk);
  unsent_before_ = transport_.unsent_bytes();
  close_at_ = std::chrono::steady_clock::now() + kCloseWait;
}

void SpdyConnection::on_deadline() {
  const size_t unsent = transport_.unsent_bytes();
  if (unsent > 0 && unsent < std::exchange(unsent_before_, unsent)) {
    close_at_ = std::chrono::steady_clock::now() + kCloseWait;  // slow, but there
    return;
  }
  close_at_.reset();
  transport_.abort();
}

void SpdyConnection::send_control(SpdyFrame type, std::string_view payload) {
  if (transport_.unsent_bytes() > kUnsentMax) {
    over_ = true;
    return transport_.abort();
  }
  transport_.send(Slice::of(spdy_control_frame(type, payload)));
}

void SpdyConnection::send_reset(uint32_t id, SpdyReset reason) {
  std::string payload;
  append_number(payload, id);
  append_number(payload, static_cast<uint32_t>(reason));
  send_control(SpdyFrame::kRstStream, payload);
}

void SpdyConnection::send_go_away(SpdyGoAway status) {
  std::string payload;
  append_number(payload, last_id_);
  append_number(payload, static_cast<uint32_t>(status));
  send_control(SpdyFrame::kGoAway, payload);
}

void SpdyConnection::on_stream(Stream stream) {
  // 2.3.2: a client's ids are odd and grow.
  if (stream.id % 2 == 0 || stream.id <= last_id_) {
    return send_reset(stream.id, SpdyReset::kProtocolError);
  }
  last_id_ = stream.id;
  if (streams_.size() >= kStreamsMax) return send_reset(stream.id, SpdyReset::kRefusedStream);
  streams_.emplace(stream.id, Halves{});
  std::string payload;
  append_number(payload, stream.id);
  send_control(SpdyFrame::kSynReply, payload + headers_.write_none());
  on_stream_opened(stream.id, stream.headers);
  if (stream.ends && !over_) on_data_end(stream.id);
}

void SpdyConnection::on_data(uint32_t id, std::string_view bytes) {
  const auto stream = streams_.find(id);
  if (stream != streams_.end() && !stream->second.theirs_ended) return on_stream_data(id, bytes);
  // What was on its way when we reset the stream is dropped without a word.
  if (stream == streams_.end() && id > last_id_) send_reset(id, SpdyReset::kInvalidStream);
}

void SpdyConnection::on_data_end(uint32_t id) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end() || std::exchange(stream->second.theirs_ended, true)) return;
  forget_if_over(stream);
  on_stream_ended(id);
}

void SpdyConnection::on_reset(uint32_t id) {
  if (streams_.erase(id) > 0) on_stream_reset(id);
}

void SpdyConnection::on_ping(uint32_t id) {
  if (id % 2 == 0) return;  // an answer, and we never ask
  std::string payload;
  append_number(payload, id);
  send_control(SpdyFrame::kPing, payload);
}

void SpdyConnection::forget_if_over(Streams::iterator stream) {
  if (stream->second.ours_ended && stream->second.theirs_ended) streams_.erase(stream);
}

void SpdyConnection::send_data(uint32_t id, Payload payload) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end() || stream->second.ours_ended || over_) return;
  const std::string header = spdy_data_header(id, payload.size(), false);
  transport_.send(std::move(payload).behind(header));
}

void SpdyConnection::end_stream(uint32_t id) {
  const auto stream = streams_.find(id);
  if (stream == streams_.end() || over_ || std::exchange(stream->second.ours_ended, true)) return;
  transport_.send(Slice::of(spdy_data_header(id, 0, true)));
  forget_if_over(stream);
}

void SpdyConnection::reset_stream(uint32_t id, SpdyReset reason) {
  if (streams_.erase(id) == 0 || over_) return;
  send_reset(id, reason);
}

}  // namespace kist::net
