#include "session.h"

#include <charconv>
#include <utility>

#include "response_head.h"

namespace kist::net {
namespace {

// Pipelined requests wait while this much of the answers before them is unsent.
constexpr size_t kPipelinedOutputMax = 256 * 1024;
// A stream that waits for on_writable goes on below this.
constexpr size_t kLittleUnsent = 64 * 1024;

// The Exchange of a connection: each call goes to the Session, at once on the loop's thread,
// through the mailbox from any other.
class ConnectionExchange : public Exchange {
 public:
  explicit ConnectionExchange(std::shared_ptr<ExchangeState> state) : state_(std::move(state)) {}

  ~ConnectionExchange() override {
    if (answered_) return;
    run([](ExchangeState& state) {
      if (state.session) state.session->abandon();
    });
  }

  void respond(Response response) override {
    answered_ = true;
    run([response = std::move(response)](ExchangeState& state) mutable {
      if (state.session) state.session->respond(std::move(response));
    });
  }

  void begin(int status, std::vector<Header> headers) override {
    run([status, headers = std::move(headers)](ExchangeState& state) mutable {
      if (state.session) state.session->begin(status, std::move(headers));
    });
  }

  bool write(std::vector<Slice> chunk) override {
    if (state_->gone.load(std::memory_order_relaxed)) return false;
    size_t bytes = 0;
    for (const Slice& slice : chunk) bytes += slice.size();
    const size_t unsent = state_->posted_bytes.load(std::memory_order_relaxed) +
                          state_->queued_bytes.load(std::memory_order_relaxed);
    if (unsent + bytes > state_->backlog_bytes_max) {
      run([](ExchangeState& state) {
        if (state.session) state.session->cut_off();
      });
      return false;
    }
    state_->posted_bytes.fetch_add(bytes, std::memory_order_relaxed);
    run([chunk = std::move(chunk), bytes](ExchangeState& state) mutable {
      state.posted_bytes.fetch_sub(bytes, std::memory_order_relaxed);
      if (state.session) state.session->write(std::move(chunk));
    });
    return true;
  }

  void finish() override {
    answered_ = true;
    run([](ExchangeState& state) {
      if (state.session) state.session->finish();
    });
  }

  void on_close(std::function<void()> closed) override {
    const bool delivered = run([closed](ExchangeState& state) mutable {
      if (state.session) {
        state.closed = std::move(closed);
      } else if (state.gone.load(std::memory_order_relaxed)) {
        closed();
      }
    });
    if (!delivered) closed();  // the server has stopped: there is no thread of its own any more
  }

  void on_writable(std::function<void()> writable) override {
    run([writable = std::move(writable)](ExchangeState& state) mutable {
      if (state.session) state.session->on_writable(std::move(writable));
    });
  }

  void upgrade(std::vector<Header> headers, MakeProtocol make) override {
    answered_ = true;
    run([headers = std::move(headers), make = std::move(make)](ExchangeState& state) mutable {
      if (state.session) state.session->upgrade(std::move(headers), make);
    });
  }

 private:
  template <typename Call>
  bool run(Call call) {
    return run_on_loop(*state_->mailbox,
                       [state = state_, call = std::move(call)]() mutable { call(*state); });
  }

  const std::shared_ptr<ExchangeState> state_;
  bool answered_ = false;
};

Response plain_error(int status, const std::string& message) {
  return Response{.status = status,
                  .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                  .body = {Slice::of(message + "\n")}};
}

}  // namespace

Session::Session(SessionContext& context, std::function<void()> changed)
    : context_(context), changed_(std::move(changed)), reader_(context.options.limits) {}

Session::~Session() { peer_gone(); }

void Session::set_peer(std::optional<PeerIdentity> peer, std::string error,
                       std::string remote_address) {
  peer_ = std::move(peer);
  peer_error_ = std::move(error);
  remote_address_ = std::move(remote_address);
}

Session::Phase Session::phase() const {
  if (protocol_) return Phase::kUpgraded;
  if (exchange_) return streaming_ ? Phase::kStream : Phase::kExchange;
  if (reader_.state() == RequestReader::State::kBody) return Phase::kBody;
  return reader_.started() ? Phase::kHead : Phase::kIdle;
}

bool Session::reading_paused() const {
  if (protocol_) return input_paused_;
  return input_ended_ || leftover_.size() >= context_.options.limits.pipelined_bytes_max;
}

void Session::input(std::string_view bytes) {
  if (closing_ || aborted_) return;
  if (protocol_) return protocol_->input(bytes);
  if (exchange_ || !leftover_.empty()) {
    leftover_.append(bytes);
    resume();
    return;
  }
  const size_t used = advance(bytes);
  if (used < bytes.size() && !closing_) leftover_.assign(bytes.substr(used));
}

void Session::resume() {
  if (protocol_) return;
  if (!leftover_.empty() && !exchange_ && !closing_) {
    const std::string bytes = std::exchange(leftover_, std::string());
    const size_t used = advance(bytes);
    if (used < bytes.size() && !closing_) leftover_.assign(bytes, used);
  }
  // The client shut its side down: what it had asked for is answered first.
  if (input_ended_ && !exchange_ && leftover_.empty()) closing_ = true;
}

size_t Session::advance(std::string_view bytes) {
  size_t used = 0;
  while (used < bytes.size() && !exchange_ && !closing_ && output_.bytes() < kPipelinedOutputMax) {
    used += reader_.feed(bytes.substr(used));
    if (reader_.state() == RequestReader::State::kComplete) {
      start_exchange();
    } else if (reader_.state() == RequestReader::State::kRefused) {
      refuse(reader_.refused_status(), reader_.refused_message());
    }
  }
  if (reader_.expects_continue() && !std::exchange(continue_sent_, true)) {
    output_.push(Slice::literal("HTTP/1.1 100 Continue\r\n\r\n"));
  }
  return used;
}

void Session::start_exchange() {
  keep_alive_ = reader_.keep_alive();
  old_version_ = reader_.old_version();
  Request request = reader_.take();
  head_request_ = request.method == "HEAD";
  streaming_ = bodiless_ = continue_sent_ = false;
  request.peer = peer_;
  request.peer_error = peer_error_;
  request.remote_address = remote_address_;
  exchange_ = std::make_shared<ExchangeState>(context_.mailbox);
  exchange_->backlog_bytes_max = context_.options.limits.backlog_bytes_max;
  exchange_->session = this;
  ++requests_;
  ++context_.counters.requests;
  context_.handler.handle(std::move(request), std::make_shared<ConnectionExchange>(exchange_));
}

void Session::end_of_input() {
  input_ended_ = true;
  if (protocol_) return protocol_->end_of_input();
  // Whoever closes its side in the middle of a stream that has nothing left to send is gone: no
  // client of a watch half-closes. Otherwise the answer is still sent, and a write tells.
  if (exchange_ && streaming_ && output_.empty()) {
    aborted_ = true;
    return;
  }
  resume();
}

void Session::timed_out() {
  if (protocol_) return protocol_->on_deadline();
  if (phase() == Phase::kHead || phase() == Phase::kBody) {
    refuse(408, "the request did not arrive in time");
  } else {
    closing_ = true;
  }
}

void Session::refuse(int status, std::string message) {
  ++context_.counters.refused;
  keep_alive_ = false;
  head_request_ = false;
  old_version_ = false;
  send_error(status, std::move(message));
  closing_ = true;
}

void Session::send_error(int status, std::string message) {
  const auto& words = context_.options.error_response;
  queue_response(words ? words(status, std::move(message)) : plain_error(status, message));
}

void Session::queue_response(Response response) {
  HeadOptions options;
  for (const Slice& slice : response.body) options.length += slice.size();
  if (!status_has_body(response.status)) options.framing = Framing::kNone;
  if (context_.stopping || old_version_) keep_alive_ = false;
  options.close = !keep_alive_;
  output_.push(Slice::of(response_head(response.status, response.headers, options)));
  if (head_request_ || options.framing == Framing::kNone) return;
  for (Slice& slice : response.body) output_.push(std::move(slice));
}

void Session::respond(Response response) {
  if (streaming_) return cut_off();  // respond() after begin() is our bug: do not desynchronise
  queue_response(std::move(response));
  end_exchange();
}

void Session::begin(int status, std::vector<Header> headers) {
  if (streaming_) return;
  streaming_ = true;
  HeadOptions options;
  options.framing = old_version_ ? Framing::kUntilClose : Framing::kChunked;
  if (!status_has_body(status)) options.framing = Framing::kNone;
  bodiless_ = head_request_ || options.framing == Framing::kNone;
  if (context_.stopping || old_version_) keep_alive_ = false;
  options.close = !keep_alive_;
  output_.push(Slice::of(response_head(status, headers, options)));
  note_output();
  changed_();
}

void Session::write(std::vector<Slice> chunk) {
  if (!streaming_ || bodiless_) return;
  size_t bytes = 0;
  for (const Slice& slice : chunk) bytes += slice.size();
  if (bytes == 0) return;  // an empty chunk would end the body
  if (!old_version_) {
    char line[20];
    char* end = std::to_chars(line, line + 16, bytes, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    output_.push(Slice::of(std::string(line, end)));
  }
  for (Slice& slice : chunk) output_.push(std::move(slice));
  if (!old_version_) output_.push(Slice::literal("\r\n"));
  note_output();
  changed_();
}

void Session::finish() {
  if (!streaming_) return abandon();  // finish() without begin() is no answer
  if (!bodiless_ && !old_version_) output_.push(Slice::literal("0\r\n\r\n"));
  end_exchange();
}

void Session::abandon() {
  if (streaming_) return cut_off();
  send_error(500, "the request was dropped without an answer");
  end_exchange();
}

void Session::cut_off() {
  ++context_.counters.cut_off;
  aborted_ = true;
  if (exchange_) exchange_->gone = true;
  changed_();
}

void Session::end_exchange() {
  exchange_->session = nullptr;
  exchange_->closed = nullptr;
  exchange_.reset();
  streaming_ = paced_ = false;
  writable_ = nullptr;
  if (!keep_alive_) closing_ = true;
  changed_();
}

void Session::on_writable(std::function<void()> writable) {
  paced_ = true;
  writable_ = std::move(writable);
  changed_();  // called at the end of the turn, not from here: it may well write and wait again
}

void Session::wake_writer() {
  if (!writable_ || output_.bytes() > kLittleUnsent) return;
  const std::function<void()> writable = std::exchange(writable_, nullptr);
  writable();
}

void Session::upgrade(std::vector<Header> headers, const MakeProtocol& make) {
  if (streaming_) return cut_off();
  HeadOptions options;
  options.framing = Framing::kNone;
  options.upgrade = true;
  output_.push(Slice::of(response_head(101, headers, options)));
  keep_alive_ = true;
  end_exchange();
  protocol_ = make(*this);
  if (!leftover_.empty()) protocol_->input(std::exchange(leftover_, std::string()));
  if (input_ended_) protocol_->end_of_input();
}

std::optional<SteadyTime> Session::protocol_deadline() const {
  return protocol_ ? protocol_->deadline() : std::nullopt;
}

void Session::send(Slice bytes) {
  output_.push(std::move(bytes));
  changed_();
}

void Session::pause_input(bool paused) {
  if (std::exchange(input_paused_, paused) != paused) changed_();
}

void Session::close() {
  closing_ = true;
  changed_();
}

void Session::abort() {
  aborted_ = true;
  changed_();
}

void Session::stop() {
  if (protocol_) return protocol_->stop();
  if (!exchange_) {
    closing_ = true;
    return;
  }
  keep_alive_ = false;
  if (!streaming_) return;
  if (!bodiless_ && !old_version_) output_.push(Slice::literal("0\r\n\r\n"));
  peer_gone();
  closing_ = true;
}

void Session::peer_gone() {
  if (!exchange_) return;
  const std::shared_ptr<ExchangeState> exchange = std::exchange(exchange_, nullptr);
  exchange->session = nullptr;
  exchange->gone = true;
  const std::function<void()> closed = std::exchange(exchange->closed, nullptr);
  if (closed) closed();
}

void Session::sent() {
  if (protocol_) return protocol_->sent();
  if (!exchange_) return;
  note_output();
  wake_writer();
}

void Session::note_output() {
  exchange_->queued_bytes.store(output_.bytes(), std::memory_order_relaxed);
}

}  // namespace kist::net
