// An API server whose only node runs the commands of its pods as processes of this machine: what
// real clients do with exec, attach, port-forward and logs, without a container.
//
// Prints the port it serves on (TLS, bearer token "secret") and ends with its standard input. The
// pod default/web has the container "main"; its port n is 127.0.0.1:n.
#include <arpa/inet.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <thread>

#include "api_harness.h"
#include "kist/net/pki.h"
#include "kist/net/server.h"
#include "kist/net/streams.h"

namespace kist {
namespace {

struct Ends {
  net::CommandEnds node;
  Fd input, output, error;  // the command's
};

bool make_pipe(Fd& from, Fd& to) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  from = Fd(ends[0]);
  to = Fd(ends[1]);
  return true;
}

bool make_ends(const net::CommandStreams& streams, Ends& ends) {
  if (!streams.terminal) {
    return make_pipe(ends.input, ends.node.input) && make_pipe(ends.node.output, ends.output) &&
           make_pipe(ends.node.error, ends.error);
  }
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return false;
  ends.node.terminal = Fd(master);
  ends.input = Fd(slave);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  return true;
}

// Between fork and exec.
[[noreturn]] void run(const Ends& ends, bool terminal, char* const* words) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  ::dup2(ends.input.get(), 0);
  ::dup2(terminal ? ends.input.get() : ends.output.get(), 1);
  ::dup2(terminal ? ends.input.get() : ends.error.get(), 2);
  if (terminal) ::ioctl(0, TIOCSCTTY, 0);
  ::execvp(words[0], words);
  ::_exit(127);
}

void wait_for(pid_t child, const std::shared_ptr<net::CommandSession>& session) {
  int status = 0;
  ::waitpid(child, &status, 0);
  session->finish({.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)});
}

class LocalNode : public net::Handler {
 public:
  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override {
    const net::Query query = net::Query::parse(request.query).value();
    if (request.path.starts_with("/portForward/")) return forward(request, std::move(exchange));
    if (request.path.starts_with("/containerLogs/")) {
      return exchange->respond({.headers = {{"Content-Type", "text/plain"}},
                                .body = {Slice::of("log " + request.query + "\n")}});
    }
    std::vector<std::string> words;
    for (const std::string_view word : query.all("command")) words.emplace_back(word);
    if (request.path.starts_with("/attach/")) words = {"sh", "-c", "echo attached; cat"};
    Result<net::CommandStreams> streams = net::command_streams(query);
    if (!streams.ok() || words.empty()) return exchange->respond({.status = 400});
    net::serve_command(request, std::move(exchange), streams.value(),
                       [this, words](std::shared_ptr<net::CommandSession> session) {
                         start(words, std::move(session));
                       });
  }

 private:
  void start(std::vector<std::string> words, std::shared_ptr<net::CommandSession> session) {
    Ends ends;
    if (!make_ends(session->streams(), ends)) return session->finish({.error = "no descriptors"});
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const bool terminal = session->streams().terminal;
    const pid_t child = ::fork();
    if (child == 0) run(ends, terminal, pointers.data());
    if (child < 0) return session->finish({.error = errno_error("fork").message});
    session->relay(std::move(ends.node));
    session->on_closed([child] { ::kill(child, SIGKILL); });
    std::lock_guard lock(mutex_);
    waiters_.emplace_back([child, session] { wait_for(child, session); });
  }

  void forward(const net::Request& request, std::shared_ptr<net::Exchange> exchange) {
    const auto opened = [](const std::shared_ptr<net::PortConnection>& connection) {
      Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      sockaddr_in address{.sin_family = AF_INET,
                          .sin_port = htons(connection->port()),
                          .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
      const int outcome =
          ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
      if (outcome != 0 && errno != EINPROGRESS) {
        return connection->fail(errno_error("connect").message);
      }
      connection->relay(std::move(socket));
    };
    net::serve_port_forward(request, std::move(exchange),
                            {.pod = "web_default", .uid = "u1", .opened = opened});
  }

  std::mutex mutex_;
  std::vector<std::jthread> waiters_;
};

Result<> serve() {
  LocalNode node;
  apiserver::Options options = test::ApiHarness::default_options();
  options.token_csv = "secret,admin,1,system:masters";
  test::ApiHarness api(options, datastore::open_memory_store(),
                       [&node](std::string_view) -> net::Handler* { return &node; });
  TRY(Result<>(api.started()));
  api.post("/api/v1/namespaces/default/pods",
           R"({"metadata":{"name":"web"},"spec":{"nodeName":"here","containers":[)"
           R"({"name":"main","image":"i","stdin":true}]}})");
  api.patch("/api/v1/namespaces/default/pods/web/status", R"({"status":{"phase":"Running"}})");
  const net::CertificatePair ca = TRY(net::make_ca("test", system_clock()));
  const net::CertificatePair pair = TRY(net::issue_server_certificate(
      ca, {.common_name = "test", .names = {"127.0.0.1"}}, system_clock()));
  net::Server server({.tls = net::TlsMaterial{pair.certificate_pem, pair.key_pem}}, api.handler());
  TRY(server.start());
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) continue;
  server.stop();
  return {};
}

}  // namespace
}  // namespace kist

int main() {
  const kist::Result<> served = kist::serve();
  if (served.ok()) return 0;
  std::fprintf(stderr, "%s\n", served.error().message.c_str());
  return 1;
}
