// Port-forward over SPDY: each connection is two streams with the same "requestID", one for errors
// and one for data.
#include <algorithm>
#include <string>
#include <unordered_map>

#include "parse_port.h"
#include "port_forward_protocols.h"
#include "port_forwarder.h"
#include "spdy_connection.h"

namespace kist::net {
namespace {

// How long the second stream of a pair may take, as the kubelet has it.
constexpr std::chrono::seconds kPairWait{30};

class PortForwardSpdy : public SpdyConnection, private PortWire {
 public:
  PortForwardSpdy(Transport& transport, PortForwardOptions options)
      : SpdyConnection(transport),
        forwarder_(*this, transport.loop(), std::move(options), PortForwarder::Halves::kSeparate) {}

  void sent() override { forwarder_.sent(); }
  std::optional<SteadyTime> deadline() const override {
    return over() || waiting_.empty() ? SpdyConnection::deadline() : waiting_.front().until;
  }
  void on_deadline() override {
    if (over() || waiting_.empty()) return SpdyConnection::on_deadline();
    reset_stream(waiting_.front().id, SpdyReset::kCancel);
    waiting_.erase(waiting_.begin());
  }

 private:
  // A stream whose twin has not come yet.
  struct Waiting {
    std::string request;
    uint32_t id = 0;
    bool is_error = false;
    SteadyTime until;
  };

  void on_stream_opened(uint32_t id, const std::vector<Header>& headers) override {
    const std::string_view type = find_header(headers, "streamType");
    const std::string request(find_header(headers, "requestID"));
    const std::optional<uint16_t> port = parse_port(find_header(headers, "port"));
    const bool is_error = type == "error";
    if ((!is_error && type != "data") || request.empty() || !port) {
      return reset_stream(id, SpdyReset::kRefusedStream);
    }
    const auto twin = std::ranges::find(waiting_, request, &Waiting::request);
    if (twin == waiting_.end()) {
      waiting_.push_back({request, id, is_error, std::chrono::steady_clock::now() + kPairWait});
      return;
    }
    if (twin->is_error == is_error) return reset_stream(id, SpdyReset::kRefusedStream);
    const uint32_t other = twin->id;
    waiting_.erase(twin);
    const uint32_t data = is_error ? other : id;
    error_of_[data] = is_error ? id : other;
    forwarder_.open(data, *port);
  }

  void on_stream_data(uint32_t id, std::string_view bytes) override { forwarder_.input(id, bytes); }
  void on_stream_ended(uint32_t id) override { forwarder_.end_input(id); }
  void on_stream_reset(uint32_t id) override {
    std::erase_if(waiting_, [&](const Waiting& stream) { return stream.id == id; });
    forwarder_.abort(id);
  }
  void on_client_closed() override { forwarder_.client_gone(); }

  void send(uint32_t id, Payload bytes) override { send_data(id, std::move(bytes)); }
  void send_failure(uint32_t id, const std::string& message) override {
    send_data(error_of_[id], Payload::of(message));
  }
  void end(uint32_t id) override { end_stream(id); }
  void close(uint32_t id) override {
    const auto error = error_of_.find(id);
    end_stream(error->second);
    end_stream(id);
    error_of_.erase(error);
  }
  size_t unsent_bytes() const override { return transport().unsent_bytes(); }
  void pause_reading(bool paused) override { transport().pause_input(paused); }

  std::vector<Waiting> waiting_;                     // in the order they came
  std::unordered_map<uint32_t, uint32_t> error_of_;  // by the data stream
  PortForwarder forwarder_;                          // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Protocol> make_port_forward_spdy(Transport& transport, PortForwardOptions options) {
  return std::make_unique<PortForwardSpdy>(transport, std::move(options));
}

}  // namespace kist::net
