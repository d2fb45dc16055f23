// HTTP as the rest of the program sees it: a request comes in, an exchange answers it.
//
// Two transports implement Exchange: a connection of net::Server, and client::InProcess, which
// hands a controller's request to the same Handler without a socket. There is no second code path.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/buffer.h"

namespace kist::net {

class Protocol;
class Transport;
// Makes what takes a connection over, on the transport's thread. Only parts of src/net do.
using MakeProtocol = std::function<std::unique_ptr<Protocol>(Transport& transport)>;

struct Header {
  std::string name;  // as sent; compare without case
  std::string value;
};

// Who the transport says the peer is: the subject of a verified client certificate, or the identity
// under which an in-process component runs.
struct PeerIdentity {
  std::string common_name;
  std::vector<std::string> organizations;
};

struct Request {
  std::string method;  // "GET"
  std::string path;    // raw, not percent-decoded, begins with '/'
  std::string query;   // raw, without '?'
  std::vector<Header> headers;
  std::string body;
  std::optional<PeerIdentity> peer;
  std::string peer_error = {};  // why a client certificate that was shown is not believed
  std::string remote_address;   // "127.0.0.1:4711"; "in-process" without a socket

  // The first header of this name (any case), or empty.
  std::string_view header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::vector<Header> headers;  // Content-Length, Date and Connection are the transport's
  std::vector<Slice> body;
};

// The answering side of one request. Either respond() once, or begin(), write()..., finish().
//
// Threads: any, but calls of one exchange must not overlap. Dropping the last reference without an
// answer makes the transport answer 500 or, after begin(), cut the connection.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual void respond(Response response) = 0;

  // Starts a body of unknown length (a watch). Each write() is sent at once and is one chunk.
  virtual void begin(int status, std::vector<Header> headers) = 0;
  // Never blocks. False: the peer is gone or lags by more than the transport's bound; stop writing.
  virtual bool write(std::vector<Slice> chunk) = 0;
  virtual void finish() = 0;

  // Runs once, on the transport's thread, when the peer goes away before the answer is complete;
  // at once if it already has. Must not block.
  virtual void on_close(std::function<void()> closed) = 0;

  // For bodies that are longer than the transport should hold, such as logs: runs `writable` once,
  // on the transport's thread, when little of what was written is still unsent; at once if that is
  // so now. Must not block. A stream that waits like this may stand still for as long as its peer
  // likes.
  virtual void on_writable(std::function<void()> writable) { writable(); }

  // Answers 101 with `headers` and gives the connection over to another protocol. A transport that
  // has no connection answers 400.
  virtual void upgrade(std::vector<Header> headers, MakeProtocol make);
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Called on the transport's thread; must not block. What may block goes to a worker.
  virtual void handle(Request request, std::shared_ptr<Exchange> exchange) = 0;
};

}  // namespace kist::net
