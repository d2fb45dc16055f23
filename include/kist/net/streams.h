// The streams of containers as a node serves them: exec, attach and port-forward.
//
// The node's Handler gets a request of the kubelet's API
// ("/exec/<ns>/<pod>/<container>?command=..."), looks up what it is about, and hands request and
// exchange to serve_command() or serve_port_forward(). These speak whichever protocol the client
// asked for (WebSocket with Kubernetes' channels, SPDY/3.1, SPDY inside WebSocket) and then call
// back. The node answers with file descriptors, and the transport's own loop carries the bytes: no
// thread, no callback per byte.
//
//   void exec(net::Request request, std::shared_ptr<net::Exchange> exchange) {
//     Result<net::CommandStreams> wanted = net::command_streams(query);     // 400 where it fails
//     net::serve_command(request, std::move(exchange), wanted.value(),
//         [this](std::shared_ptr<net::CommandSession> session) {            // must not block
//           spawn(session->streams(), [session](Result<Spawned> spawned) {  // any thread
//             if (!spawned.ok()) return session->finish({.error = spawned.error().message});
//             session->relay({.input = ..., .output = ..., .error = ...});
//             on_exit(spawned.pid, [session](int code) { session->finish({.exit_code = code}); });
//           });
//         });
//   }
//
// Threads:   sessions and connections may be used from any thread, calls of one must not overlap.
//            Callbacks run on the transport's thread and must not block.
// Ownership: descriptors handed over are closed by the transport. They are made non-blocking, so
//            they must be pipes, sockets or terminals whose file description nobody else relies on.
//            A session dropped without finish() tells the client that the command failed.
// Bounds:    at most 256 KiB of output and 256 KiB of input wait in memory; beyond that the reader
//            of the slower side waits, down to the process behind the pipe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/net/handler.h"
#include "kist/net/query.h"

namespace kist::net {

// Which streams a client wants of a command.
struct CommandStreams {
  bool input = false;
  bool output = false;
  bool error = false;     // never together with `terminal`, which has one stream for both
  bool terminal = false;  // the command runs on a pseudo-terminal
};

// Reads the kubelet's parameters "input", "output", "error" and "tty", each "1" or absent.
// kBadRequest: none of the three streams is asked for.
Result<CommandStreams> command_streams(const Query& query);

struct TerminalSize {
  uint16_t columns = 0, rows = 0;
};

// The node's ends. Those of streams the client did not ask for are closed at once.
struct CommandEnds {
  Fd input;     // written to, and closed when the client ends its input
  Fd output;    // read to its end
  Fd error;     // read to its end
  Fd terminal;  // the master of a pseudo-terminal, instead of the three
  // Told each size the client's terminal takes, after `terminal`, if there is one, has been set to
  // it. Sizes that came before relay() are told at once.
  std::function<void(TerminalSize)> resized = {};
};

// How a command ended, as the client's error channel says it (a meta/v1 Status).
struct CommandResult {
  int exit_code = 0;       // not 0: reason NonZeroExitCode with the cause ExitCode
  std::string error = {};  // not empty: the command could not run; reason InternalError
};

// One exec or attach with its client.
class CommandSession {
 public:
  virtual ~CommandSession() = default;

  virtual const CommandStreams& streams() const = 0;

  // Joins the client's streams to the node's ends. Once.
  virtual void relay(CommandEnds ends) = 0;

  // The command is over. What is still in the pipes is sent first, up to their end (of a terminal:
  // up to what is there now), then the result, then the connection closes. Once, also without
  // relay().
  virtual void finish(CommandResult result) = 0;

  // Runs once when the client is gone before finish(), at once if it already is.
  virtual void on_closed(std::function<void()> closed) = 0;
};

// Switches protocols and calls `opened` once all streams of the client are there. A request that
// cannot be switched is answered 400 or 403 and `opened` never runs.
void serve_command(const Request& request, std::shared_ptr<Exchange> exchange,
                   CommandStreams streams,
                   std::function<void(std::shared_ptr<CommandSession>)> opened);

// One connection that a client of a port-forward opened. Dropped without relay() or fail(), it is
// closed.
class PortConnection {
 public:
  virtual ~PortConnection() = default;

  virtual uint16_t port() const = 0;

  // Joins the client to a stream socket in the pod's network. The socket may still be connecting
  // (EINPROGRESS): if that fails, it counts as fail() with the reason. Ends of either direction are
  // passed on.
  virtual void relay(Fd socket) = 0;

  // No connection: the client's error stream says so, and kubectl prints it: "error forwarding port
  // 80 to pod <pod>, uid <uid>: <why>".
  virtual void fail(std::string why) = 0;
};

struct PortForwardOptions {
  std::string pod;  // as error messages name it; upstream's kubelet: "<name>_<namespace>"
  std::string uid;
  // Each connection of the client.
  std::function<void(std::shared_ptr<PortConnection>)> opened;
  // The client is gone; may be empty.
  std::function<void()> closed = {};
};

// Switches protocols; requests of the older WebSocket form name their ports as "port" in the query.
void serve_port_forward(const Request& request, std::shared_ptr<Exchange> exchange,
                        PortForwardOptions options);

}  // namespace kist::net
