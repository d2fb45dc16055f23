// The loop: one thread, one epoll, a heap of deadlines. See README.md for how the parts fit.
#include "kist/net/server.h"

#include <signal.h>
#include <sys/epoll.h>

#include <cerrno>
#include <queue>
#include <thread>
#include <unordered_map>

#include "connection.h"
#include "kist/base/log.h"
#include "kist/base/mutex.h"
#include "kist/base/worker_pool.h"
#include "listener.h"
#include "loop.h"
#include "mailbox.h"
#include "session.h"
#include "tls.h"

namespace kist::net {
namespace {

constexpr uint64_t kListenerId = 0;
constexpr uint64_t kMailboxId = 1;
constexpr uint64_t kFirstConnectionId = 2;  // counts up, so a late event never meets a stranger
constexpr int kEventsMax = 128;
constexpr int kAcceptsPerTurnMax = 32;
constexpr std::chrono::minutes kWarnPause{1};
constexpr std::chrono::milliseconds kAcceptPause{250};  // when the process has no fd left

// The loop's thread takes no signals: main handles them, and a reset peer's SIGPIPE stays pending.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

class Server::Impl {
 public:
  Impl(ServerOptions options, Handler& handler)
      : options_(std::move(options)),
        context_{.handler = handler, .options = options_, .mailbox = std::make_shared<Mailbox>()} {
    context_.loop = &loop_;
  }
  ~Impl() { stop(); }

  Result<> start();
  void stop();
  uint16_t port() const { return port_; }
  ServerStats stats() const;
  Result<> reload_tls(const TlsMaterial& material);

 private:
  struct Deadline {
    SteadyTime at;
    uint64_t id;
    bool operator>(const Deadline& other) const { return at > other.at; }
  };

  Result<> watch_fd(int fd, uint64_t id);
  void run();
  bool finished() const;
  int wait_milliseconds() const;
  void dispatch(const epoll_event& event);
  void accept_some();
  bool make_room();
  void pause_accepting(bool until_a_close);
  void resume_accepting();
  void add(AcceptedSocket accepted);
  void settle_dirty();
  void settle(uint64_t id, Connection& connection);
  void remove(uint64_t id);
  void run_deadlines();
  void begin_stop();
  void finish_stop();

  const ServerOptions options_;
  Loop loop_;
  SessionContext context_;
  LoopScratch scratch_;
  Fd epoll_;
  Fd listener_;
  uint16_t port_ = 0;
  bool accepting_ = true;
  std::optional<SteadyTime> warned_at_;
  std::unordered_map<uint64_t, std::unique_ptr<Connection>> connections_;
  uint64_t next_id_ = kFirstConnectionId;
  std::vector<uint64_t> dirty_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  std::optional<SteadyTime> stop_deadline_;
  Mutex tls_mutex_;
  std::shared_ptr<SSL_CTX> tls_ GUARDED_BY(tls_mutex_);
  std::jthread thread_;
};

Result<> Server::Impl::reload_tls(const TlsMaterial& material) {
  SslContextPtr made = TRY(make_server_context(material));
  std::shared_ptr<SSL_CTX> shared(std::move(made));
  MutexLock lock(tls_mutex_);
  tls_.swap(shared);
  return {};
}

Result<> Server::Impl::watch_fd(int fd, uint64_t id) {
  epoll_event event{.events = EPOLLIN, .data = {.u64 = id}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return errno_error("epoll_ctl");
  return {};
}

Result<> Server::Impl::start() {
  if (options_.tls) TRY(reload_tls(*options_.tls));
  TRY(context_.mailbox->open());
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return errno_error("epoll_create1");
  loop_.open(epoll_.get(), context_.mailbox);
  listener_ = TRY(listen_on(options_.bind_address, options_.port));
  port_ = local_port(listener_);
  TRY(watch_fd(listener_.get(), kListenerId));
  TRY(watch_fd(context_.mailbox->fd(), kMailboxId));
  const SignalsBlocked inherited_by_the_thread;
  thread_ = std::jthread([this] { run(); });
  return {};
}

void Server::Impl::stop() {
  if (!thread_.joinable()) return;
  context_.mailbox->post([this] { begin_stop(); });
  thread_.join();
}

ServerStats Server::Impl::stats() const {
  const ServerCounters& counters = context_.counters;
  return ServerStats{.accepted = counters.accepted,
                     .open = counters.open,
                     .requests = counters.requests,
                     .refused = counters.refused,
                     .handshakes_failed = counters.handshakes_failed,
                     .cut_off = counters.cut_off,
                     .wakeups = counters.wakeups};
}

void Server::Impl::run() {
  name_this_thread("net");
  context_.mailbox->adopt_thread();
  epoll_event events[kEventsMax];
  while (!finished()) {
    const int count = ::epoll_wait(epoll_.get(), events, kEventsMax, wait_milliseconds());
    scratch_.now = std::chrono::steady_clock::now();
    ++context_.counters.wakeups;
    for (int i = 0; i < count; ++i) dispatch(events[i]);
    run_deadlines();
    settle_dirty();
  }
  finish_stop();
}

bool Server::Impl::finished() const {
  if (!stop_deadline_) return false;
  if (scratch_.now >= *stop_deadline_) return true;
  for (const auto& [id, connection] : connections_) {
    if (!connection->lingering()) return false;
  }
  return true;
}

int Server::Impl::wait_milliseconds() const {
  std::optional<SteadyTime> until = stop_deadline_;
  if (!deadlines_.empty() && (!until || deadlines_.top().at < *until)) until = deadlines_.top().at;
  if (!until) return -1;
  const auto left = *until - std::chrono::steady_clock::now();
  if (left <= left.zero()) return 0;
  const auto whole = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return static_cast<int>(std::min<int64_t>(whole, 3'600'000));
}

void Server::Impl::dispatch(const epoll_event& event) {
  const uint64_t id = event.data.u64;  // a copy: epoll_event is packed, nothing may refer into it
  if (id == kListenerId) return accept_some();
  if (id == kMailboxId) {
    for (Mailbox::Task& task : context_.mailbox->take()) task();
    return;
  }
  if (Loop::owns(id)) return loop_.dispatch(id, event.events);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  if (event.events & (EPOLLIN | EPOLLOUT)) connection.on_ready(event.events);
  if (event.events & (EPOLLERR | EPOLLHUP)) connection.on_lost();
  settle(id, connection);
}

void Server::Impl::accept_some() {
  for (int i = 0; i < kAcceptsPerTurnMax && accepting_ && listener_; ++i) {
    if (connections_.size() >= options_.limits.connections_max) {
      if (i > 0) return;  // whether one more waits is not known: the next turn tells
      if (!make_room()) return pause_accepting(true);
    }
    AcceptedSocket accepted = accept_from(listener_);
    if (accepted.socket) {
      add(std::move(accepted));
      continue;
    }
    const int error = errno;
    const bool exhausted =
        error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
    if (exhausted && !make_room()) pause_accepting(false);
    if (error == EAGAIN || exhausted) return;
    // What else accept(2) reports is of the one connection that failed: the next may be well.
  }
}

// Closes the connection that is idle for longest; false if every one is at work.
bool Server::Impl::make_room() {
  uint64_t oldest = 0;
  SteadyTime since = SteadyTime::max();
  for (const auto& [id, connection] : connections_) {
    if (!connection->idle() || connection->idle_since() >= since) continue;
    since = connection->idle_since();
    oldest = id;
  }
  if (oldest == 0) return false;
  remove(oldest);
  return true;
}

void Server::Impl::pause_accepting(bool until_a_close) {
  if (!accepting_) return;
  accepting_ = false;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
  if (!until_a_close) deadlines_.push({scratch_.now + kAcceptPause, kListenerId});
  if (warned_at_ && scratch_.now - *warned_at_ < kWarnPause) return;
  warned_at_ = scratch_.now;
  log_warn("not accepting connections for now",
           {{"open", std::to_string(connections_.size())},
            {"reason", until_a_close ? "connections_max" : "no file descriptors left"}});
}

void Server::Impl::resume_accepting() {
  if (accepting_ || !listener_) return;
  accepting_ = watch_fd(listener_.get(), kListenerId).ok();
}

void Server::Impl::add(AcceptedSocket accepted) {
  std::shared_ptr<SSL_CTX> tls;
  {
    MutexLock lock(tls_mutex_);
    tls = tls_;
  }
  const uint64_t id = next_id_++;
  auto changed = [this, id] {
    const auto found = connections_.find(id);
    if (found == connections_.end() || std::exchange(found->second->dirty, true)) return;
    dirty_.push_back(id);
  };
  auto connection = std::make_unique<Connection>(
      context_, scratch_,
      Connection::Accepted{std::move(accepted.socket), std::move(accepted.remote_address),
                           tls.get()},
      std::move(changed));
  connection->registered_events = EPOLLIN;
  if (!watch_fd(connection->fd(), id).ok()) return;  // closes it; the peer tries again
  ++context_.counters.accepted;
  ++context_.counters.open;
  Connection& added = *connections_.emplace(id, std::move(connection)).first->second;
  settle(id, added);
}

void Server::Impl::settle_dirty() {
  while (!dirty_.empty()) {
    std::vector<uint64_t> ids;
    ids.swap(dirty_);
    for (const uint64_t id : ids) {
      const auto found = connections_.find(id);
      if (found == connections_.end()) continue;
      found->second->dirty = false;
      settle(id, *found->second);
    }
  }
}

void Server::Impl::settle(uint64_t id, Connection& connection) {
  connection.settle();
  if (connection.done()) return remove(id);
  if (!accepting_ && connection.idle()) resume_accepting();  // it can make room now
  const uint32_t wanted = connection.wanted_events();
  if (wanted != connection.registered_events) {
    epoll_event event{.events = wanted, .data = {.u64 = id}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), &event) != 0) return remove(id);
    connection.registered_events = wanted;
  }
  const std::optional<SteadyTime> deadline = connection.deadline();
  if (deadline && (!connection.scheduled_at || *deadline < *connection.scheduled_at)) {
    connection.scheduled_at = deadline;
    deadlines_.push({*deadline, id});
  }
}

void Server::Impl::remove(uint64_t id) {
  // Out of the map before it dies: its on_close callbacks may come back to us.
  const auto node = connections_.extract(id);
  if (node.empty()) return;
  --context_.counters.open;
  resume_accepting();
}

void Server::Impl::run_deadlines() {
  while (!deadlines_.empty() && deadlines_.top().at <= scratch_.now) {
    const Deadline due = deadlines_.top();
    deadlines_.pop();
    if (due.id == kListenerId) {
      resume_accepting();
      continue;
    }
    const auto found = connections_.find(due.id);
    if (found == connections_.end() || found->second->scheduled_at != due.at) continue;
    Connection& connection = *found->second;
    connection.scheduled_at.reset();
    // Deadlines move on without a new entry in the heap: what was due may be late by now.
    const std::optional<SteadyTime> deadline = connection.deadline();
    if (deadline && *deadline <= scratch_.now) connection.on_deadline();
    settle(due.id, connection);
  }
}

void Server::Impl::begin_stop() {
  if (stop_deadline_) return;
  context_.stopping = true;
  stop_deadline_ = scratch_.now + options_.timeouts.stop;
  listener_.reset();
  std::vector<uint64_t> ids;
  for (const auto& [id, connection] : connections_) ids.push_back(id);
  for (const uint64_t id : ids) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    found->second->stop();
    settle(id, *found->second);
  }
}

void Server::Impl::finish_stop() {
  auto remaining = std::exchange(connections_, {});
  remaining.clear();
  context_.counters.open = 0;
  for (Mailbox::Task& task : context_.mailbox->close()) task();
}

Server::Server(ServerOptions options, Handler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), handler)) {}
Server::~Server() = default;
Result<> Server::start() { return impl_->start(); }
void Server::stop() { impl_->stop(); }
uint16_t Server::port() const { return impl_->port(); }
ServerStats Server::stats() const { return impl_->stats(); }
Result<> Server::reload_tls(const TlsMaterial& material) { return impl_->reload_tls(material); }

}  // namespace kist::net
