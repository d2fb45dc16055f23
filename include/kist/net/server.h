// The HTTP/1.1 server: sockets, TLS, parsing, limits and time-outs of every connection, one thread.
//
//   net::Server server({.bind_address = "127.0.0.1", .tls = material}, handler);
//   TRY(server.start());
//   ... server.port() ...
//   server.stop();
//
// An idle connection or watch costs memory only: no thread, no timer, no wake-up. Requests of one
// connection are handled one at a time and answered in their order.
//
// Threads:   start() and stop() from one thread; port(), stats() and reload_tls() from any. The
//            Handler and on_close callbacks run on the server's thread.
// Ownership: the Handler must outlive the Server. Exchanges may outlive it: then they do nothing.
// Errors:    malformed requests are answered by the server itself (4xx, 5xx in the words of
//            ServerOptions::error_response) and the connection is closed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kist/base/component.h"
#include "kist/base/result.h"
#include "kist/net/handler.h"

namespace kist::net {

// What the server shows and what it believes. All PEM text.
struct TlsMaterial {
  std::string certificate_pem;  // the leaf first, then intermediates, if any
  std::string key_pem;
  // Certificates of clients are asked for and verified against these; empty: none is asked for.
  // A client without one, or with one that does not verify, is still let in, without a
  // Request.peer: refusing is the Handler's decision (Request.peer_error says why).
  std::string client_ca_pem = {};
};

// Bounds of what one peer can make us hold. What is above is refused, not queued.
struct ServerLimits {
  size_t request_line_bytes_max = 32 * 1024;    // 414
  size_t header_bytes_max = 64 * 1024;          // 431; the request line included
  size_t header_count_max = 100;                // 431
  size_t body_bytes_max = 3 * 1024 * 1024;      // 413
  size_t pipelined_bytes_max = 64 * 1024;       // then reading waits until the answer is out
  size_t backlog_bytes_max = 64 * 1024 * 1024;  // unsent bytes of a stream; then it is cut off
  size_t connections_max = 10'000;  // then the longest idle one gives way, or accepting waits
};

struct ServerTimeouts {
  std::chrono::milliseconds handshake{10'000};  // TLS
  std::chrono::milliseconds head{10'000};       // first byte of a request to the end of its headers
  std::chrono::milliseconds body{60'000};       // end of the headers to the end of the body
  std::chrono::milliseconds idle{120'000};      // between requests; above the 90 s of Go's clients
  std::chrono::milliseconds stall{30'000};      // unsent bytes and not one accepted by the peer
  std::chrono::milliseconds linger{10'000};  // after the last answer, for a peer that still sends
  std::chrono::milliseconds linger_quiet{2'000};  // and for one that neither sends nor closes
  std::chrono::milliseconds stop{5'000};          // how long stop() waits for running exchanges
};

struct ServerOptions {
  std::string bind_address = "127.0.0.1";  // an IPv4 or IPv6 literal; "::" takes both families
  uint16_t port = 0;                       // 0: any free one, see Server::port()
  std::optional<TlsMaterial> tls = {};     // none: plain HTTP, for tests
  ServerLimits limits = {};
  ServerTimeouts timeouts = {};
  // Words an answer the server gives by itself (400, 413, 500, ...). Runs on the server's thread.
  // Default: text/plain.
  std::function<Response(int status, std::string message)> error_response = {};
};

struct ServerStats {
  uint64_t accepted = 0;  // connections so far
  uint64_t open = 0;      // connections now
  uint64_t requests = 0;  // handed to the Handler so far
  uint64_t refused = 0;   // answered by the server itself: malformed, too large, too slow
  uint64_t handshakes_failed = 0;
  uint64_t cut_off = 0;  // streams that lagged or stalled beyond the bound
  uint64_t wakeups = 0;  // turns of the loop
};

class Server : public Component {
 public:
  Server(ServerOptions options, Handler& handler);
  ~Server() override;  // stops, if that was not done

  const char* name() const override { return "net"; }
  // kInvalid: bad address or PEM. kAlreadyExists: the port is taken.
  Result<> start() override;
  // Closes idle connections at once, ends streams cleanly, lets running exchanges finish within
  // timeouts.stop, then cuts what is left.
  void stop() override;

  uint16_t port() const;  // after start()
  ServerStats stats() const;

  // New connections use the new material, existing ones keep theirs. kInvalid leaves the old.
  Result<> reload_tls(const TlsMaterial& material);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// "Not Found" for 404; "Unknown" for what RFC 9110 does not name.
std::string_view status_text(int status);

}  // namespace kist::net
