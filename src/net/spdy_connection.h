// SPDY/3.1 on the server's side, as far as Kubernetes' clients speak it: they open streams, both
// sides send data, each ends its half.
//
// Go's spdystream drops data that comes before the reply to its stream, and what it has queued when
// the connection ends. So replies go out at once, and a connection that is over waits for the
// client to close it.
//
// Threads: the loop's only.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "payload.h"
#include "spdy_frames.h"
#include "spdy_reader.h"
#include "upgrade.h"

namespace kist::net {

class SpdyConnection : public Protocol, private SpdyReader::Sink {
 public:
  explicit SpdyConnection(Transport& transport) : transport_(transport) {}

  void input(std::string_view bytes) final;
  void end_of_input() final;
  void sent() override {}
  void stop() override;
  std::optional<SteadyTime> deadline() const override { return close_at_; }
  void on_deadline() override;

 protected:
  static constexpr size_t kStreamsMax = 1024;  // at a time

  // The client's doings. on_stream_opened() may reset the stream.
  virtual void on_stream_opened(uint32_t id, const std::vector<Header>& headers) = 0;
  virtual void on_stream_data(uint32_t id, std::string_view bytes) = 0;
  virtual void on_stream_ended(uint32_t id) = 0;  // its half
  virtual void on_stream_reset(uint32_t id) { on_stream_ended(id); }
  // It left or broke the protocol. Once, and not after finish(); there is nothing after it.
  virtual void on_client_closed() = 0;

  // Nothing happens where the stream, or our half of it, is over.
  void send_data(uint32_t id, Payload payload);
  void end_stream(uint32_t id);
  void reset_stream(uint32_t id, SpdyReset reason);

  // Says that there is nothing more, and waits for the client to close.
  void finish();
  bool over() const { return over_; }
  Transport& transport() const { return transport_; }

 private:
  struct Halves {
    bool ours_ended = false;
    bool theirs_ended = false;
  };
  using Streams = std::unordered_map<uint32_t, Halves>;

  void on_stream(Stream stream) override;
  void on_data(uint32_t id, std::string_view bytes) override;
  void on_data_end(uint32_t id) override;
  void on_reset(uint32_t id) override;
  void on_ping(uint32_t id) override;
  bool given_up() const override { return over_; }
  void send_control(SpdyFrame type, std::string_view payload);
  void send_reset(uint32_t id, SpdyReset reason);
  void send_go_away(SpdyGoAway status);
  void forget_if_over(Streams::iterator stream);

  Transport& transport_;
  SpdyReader reader_;
  SpdyHeaderWriter headers_;
  Streams streams_;
  uint32_t last_id_ = 0;
  bool over_ = false;
  std::optional<SteadyTime> close_at_;
  size_t unsent_before_ = 0;  // when close_at_ was set
};

}  // namespace kist::net
