// One HTTP/1.1 conversation without its socket: bytes in, requests out; answers in, bytes out.
//
// A connection owns a Session and carries its bytes, plain or through TLS; the fuzzer and the unit
// tests drive one directly. One request at a time: what a client pipelines waits in `leftover_`
// until the answer before it is queued. A protocol switch (WebSocket, SPDY) would take the place of
// the Session in its connection, with `leftover_` as its first bytes.
//
// Threads: the loop's only. Exchanges reach it from elsewhere through the Mailbox.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kist/net/handler.h"
#include "kist/net/server.h"
#include "loop.h"
#include "mailbox.h"
#include "out_queue.h"
#include "request_reader.h"
#include "upgrade.h"

namespace kist::net {

class Session;

// What an Exchange and its Session share. The Exchange may outlive the Session and the Server.
struct ExchangeState {
  explicit ExchangeState(std::shared_ptr<Mailbox> loop) : mailbox(std::move(loop)) {}

  const std::shared_ptr<Mailbox> mailbox;
  size_t backlog_bytes_max = 0;
  std::atomic<bool> gone = false;        // the peer is; nothing more will be sent
  std::atomic<size_t> posted_bytes = 0;  // written by other threads, not yet seen by the loop
  std::atomic<size_t> queued_bytes = 0;  // in the connection's queue
  Session* session = nullptr;            // loop's thread only; null when the exchange is over
  std::function<void()> closed = {};     // loop's thread only
};

// ServerStats as the loop counts them; any thread may read.
struct ServerCounters {
  std::atomic<uint64_t> accepted = 0, open = 0, requests = 0, refused = 0;
  std::atomic<uint64_t> handshakes_failed = 0, cut_off = 0, wakeups = 0;
};

// What a Session needs around it; of the server as a whole.
struct SessionContext {
  Handler& handler;
  const ServerOptions& options;
  std::shared_ptr<Mailbox> mailbox;
  Loop* loop = nullptr;  // null in tests that never switch protocols
  ServerCounters counters = {};
  std::atomic<bool> stopping = false;
};

class Session : public Transport {
 public:
  enum class Phase : uint8_t { kIdle, kHead, kBody, kExchange, kStream, kUpgraded };

  // `changed` runs when there is something to send, to resume or to close because of an Exchange.
  Session(SessionContext& context, std::function<void()> changed);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void set_peer(std::optional<PeerIdentity> peer, std::string error, std::string remote_address);

  void input(std::string_view bytes);
  void end_of_input();
  void resume();     // after output was sent or an answer queued: goes on with what is pipelined
  void timed_out();  // the request did not arrive in time, or the Protocol's deadline has come
  void stop();       // ends a stream cleanly, lets a running exchange finish, then closes
  void peer_gone();  // the connection is lost or given up

  OutQueue& output() { return output_; }
  void sent();  // output() was consumed: updates the bound of the running stream, wakes who waits

  Phase phase() const;
  uint64_t requests() const { return requests_; }
  bool reading_paused() const;               // too much is pipelined already
  bool closing() const { return closing_; }  // close once output() is empty
  bool aborted() const { return aborted_; }  // close now
  // The peer may leave our bytes unread for as long as it likes: whoever makes them waits.
  bool may_stand_still() const { return protocol_ != nullptr || paced_; }
  std::optional<SteadyTime> protocol_deadline() const;

  // An Exchange's calls, on the loop's thread.
  void respond(Response response);
  void begin(int status, std::vector<Header> headers);
  void write(std::vector<Slice> chunk);
  void finish();
  void abandon();
  void cut_off();
  void on_writable(std::function<void()> writable);
  void upgrade(std::vector<Header> headers, const MakeProtocol& make);

  // Transport, for the Protocol.
  void send(Slice bytes) override;
  size_t unsent_bytes() const override { return output_.bytes(); }
  void pause_input(bool paused) override;
  void close() override;
  void abort() override;
  Loop& loop() override { return *context_.loop; }

 private:
  size_t advance(std::string_view bytes);
  void start_exchange();
  void refuse(int status, std::string message);
  void send_error(int status, std::string message);
  void end_exchange();
  void queue_response(Response response);
  void note_output();
  void wake_writer();

  SessionContext& context_;
  const std::function<void()> changed_;
  RequestReader reader_;
  OutQueue output_;
  std::string leftover_;
  std::shared_ptr<ExchangeState> exchange_;  // of the request being answered
  std::optional<PeerIdentity> peer_;
  std::string peer_error_;
  std::string remote_address_;
  uint64_t requests_ = 0;
  bool keep_alive_ = true;
  bool old_version_ = false;
  bool head_request_ = false;
  bool streaming_ = false;
  bool bodiless_ = false;  // the stream's status or method allows no body
  bool continue_sent_ = false;
  bool input_ended_ = false;
  bool closing_ = false;
  bool aborted_ = false;
  bool paced_ = false;         // the running stream waits for on_writable
  bool input_paused_ = false;  // by the Protocol
  std::function<void()> writable_;
  std::unique_ptr<Protocol> protocol_;  // last: it uses all of the above
};

}  // namespace kist::net
