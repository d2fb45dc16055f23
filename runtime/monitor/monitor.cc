// The monitor's process: one loop, its clients, its containers.
#include "kist/runtime/monitor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>

#include "kist/base/log.h"
#include "runtime/monitor/container.h"
#include "runtime/monitor/message.h"
#include "runtime/monitor/record.h"
#include "runtime/monitor/socket.h"

namespace kist::runtime {
namespace {

constexpr uint64_t kHandoverFormat = 1;
constexpr int kStallCheckMs = 5'000;
volatile std::sig_atomic_t asked_to_stop = 0;

void on_stop_signal(int) { asked_to_stop = 1; }
void on_other_signal(int) {}

// Handlers and not SIG_IGN: programs that we start would inherit that.
void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_other_signal;
  for (const int number : {SIGPIPE, SIGHUP}) ::sigaction(number, &action, nullptr);
  action.sa_handler = on_stop_signal;
  for (const int number : {SIGTERM, SIGINT}) ::sigaction(number, &action, nullptr);
}

void keep_over_exec(const std::vector<int>& descriptors, bool keep) {
  for (const int descriptor : descriptors) {
    ::fcntl(descriptor, F_SETFD, keep ? 0 : FD_CLOEXEC);
  }
}

// What an answer carries beside its body; `own` are closed after it was sent.
struct Reply {
  std::string body;
  std::vector<Fd> own;
};

class Monitor {
 public:
  Monitor(Poller poller, std::string directory, const Clock& clock)
      : poller_(std::move(poller)),
        directory_(std::move(directory)),
        clock_(clock),
        cgroups_(read_host_facts("/").cgroups),
        host_{poller_,  clock_,           directory_,
              cgroups_, stalled_outputs_, [this](const MonitorEvent& event) { tell(event); }} {}

  Result<> begin();  // fresh, or after a monitor that was killed
  Result<> resume(int handed_over);
  Result<> run();

 private:
  struct Client {
    Fd socket;
    uint64_t number = 0;
    bool greeted = false, subscribed = false;
  };
  using Handler = Result<Reply> (Monitor::*)(Client&, Packet&, Unpacker&);

  Result<> serve(Fd listener);
  void accept_one();
  Result<> add_client(Fd socket, bool greeted, bool subscribed);
  void hear(uint64_t id);
  void drop_client(uint64_t id);
  Result<Reply> answer(Client& client, Packet& packet);
  void tell(const MonitorEvent& event);
  Result<Container*> find(const std::string& id);

  Result<Reply> hello(Client&, Packet&, Unpacker&);
  Result<Reply> create(Client&, Packet&, Unpacker&);
  Result<Reply> start(Client&, Packet&, Unpacker&);
  Result<Reply> exec(Client&, Packet&, Unpacker&);
  Result<Reply> signal(Client&, Packet&, Unpacker&);
  Result<Reply> attach(Client&, Packet&, Unpacker&);
  Result<Reply> reopen_log(Client&, Packet&, Unpacker&);
  Result<Reply> remove(Client&, Packet&, Unpacker&);
  Result<Reply> list(Client&, Packet&, Unpacker&);
  Result<Reply> subscribe(Client&, Packet&, Unpacker&);
  Result<Reply> upgrade(Client&, Packet&, Unpacker&);
  Result<Reply> shutdown(Client&, Packet&, Unpacker&);

  Poller poller_;
  const std::string directory_;
  const Clock& clock_;
  const CgroupHost cgroups_;
  int stalled_outputs_ = 0;
  MonitorHost host_;
  Fd lock_, listener_;
  uint64_t listener_number_ = 0;
  uint64_t last_client_ = 0;
  std::map<uint64_t, Client> clients_;
  std::map<std::string, std::unique_ptr<Container>> containers_;
  bool stopping_ = false;
};

Result<> Monitor::begin() {
  lock_ = TRY(lock_directory(directory_));
  const std::vector<ContainerRecord> records = TRY(read_records(directory_));
  for (const ContainerRecord& record : records) {
    containers_[record.status.id] = Container::recover(host_, record);
  }
  return serve(TRY(listen_as_monitor(directory_)));
}

Result<> Monitor::serve(Fd listener) {
  listener_ = std::move(listener);
  listener_number_ =
      TRY(poller_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { accept_one(); }));
  return {};
}

void Monitor::accept_one() {
  Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || (peer.uid != 0 && peer.uid != ::geteuid())) return;  // as the file's mode says
  if (clients_.size() >= kMonitorClientsMax) return;
  if (Result<> added = add_client(std::move(socket), false, false); !added.ok()) {
    log_error("client not served", {{"error", added.error().message}});
  }
}

Result<> Monitor::add_client(Fd socket, bool greeted, bool subscribed) {
  const uint64_t id = ++last_client_;
  const int descriptor = socket.get();
  Client& client = clients_[id] = Client{std::move(socket), 0, greeted, subscribed};
  Result<uint64_t> number = poller_.watch(descriptor, EPOLLIN, [this, id](uint32_t) { hear(id); });
  if (!number.ok()) {
    clients_.erase(id);
    return number.error();
  }
  client.number = number.value();
  return {};
}

void Monitor::drop_client(uint64_t id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  poller_.forget(found->second.number);
  clients_.erase(found);
}

void Monitor::hear(uint64_t id) {
  Client& client = clients_.at(id);
  Result<std::optional<Packet>> packet = receive_packet(client.socket.get());
  if (!packet.ok()) return drop_client(id);
  if (!packet.value()) return;
  Result<Reply> reply = answer(client, *packet.value());
  Packet out;
  out.serial = packet.value()->serial;
  std::vector<int> descriptors;
  if (reply.ok()) {
    out.body = pack_ok(std::move(reply.value().body));
    for (const Fd& own : reply.value().own) descriptors.push_back(own.get());
  } else {
    out.body = pack_error(reply.error());
  }
  if (!send_packet(client.socket.get(), out, descriptors).ok()) drop_client(id);
}

Result<Reply> Monitor::answer(Client& client, Packet& packet) {
  struct Row {
    Kind kind;
    Handler handler;
  };
  static constexpr Row kRows[] = {
      {Kind::kHello, &Monitor::hello},
      {Kind::kCreate, &Monitor::create},
      {Kind::kStart, &Monitor::start},
      {Kind::kExec, &Monitor::exec},
      {Kind::kSignal, &Monitor::signal},
      {Kind::kAttach, &Monitor::attach},
      {Kind::kReopenLog, &Monitor::reopen_log},
      {Kind::kRemove, &Monitor::remove},
      {Kind::kList, &Monitor::list},
      {Kind::kSubscribe, &Monitor::subscribe},
      {Kind::kUpgrade, &Monitor::upgrade},
      {Kind::kShutdown, &Monitor::shutdown},
  };
  if (!client.greeted && packet.kind != Kind::kHello) {
    return Error{Code::kInvalid, "the first packet is a greeting"};
  }
  for (const Row& row : kRows) {
    if (row.kind != packet.kind) continue;
    Unpacker in(packet.body);
    return (this->*row.handler)(client, packet, in);
  }
  return Error{Code::kInvalid, "unknown request"};
}

// A subscriber that does not read is dropped: it comes back and lists.
void Monitor::tell(const MonitorEvent& event) {
  Packet packet;
  packet.kind = Kind::kEvent;
  Packer body;
  body.text(event.id).text(event.exec);
  pack_exit(body, event.exit);
  packet.body = body.take();
  std::vector<uint64_t> gone;
  for (const auto& [id, client] : clients_) {
    if (!client.subscribed) continue;
    if (!send_packet(client.socket.get(), packet, {}).ok()) gone.push_back(id);
  }
  // Not at once: the caller may be in the middle of answering one of them.
  for (const uint64_t id : gone) ::shutdown(clients_.at(id).socket.get(), SHUT_RDWR);
}

Result<Container*> Monitor::find(const std::string& id) {
  const auto found = containers_.find(id);
  if (found == containers_.end()) return Error{Code::kNotFound, "no container " + id};
  return found->second.get();
}

Result<Reply> Monitor::hello(Client& client, Packet&, Unpacker& in) {
  const uint64_t protocol = in.number();
  TRY(in.done());
  if (protocol != kProtocol) {
    return Error{Code::kInvalid, "protocol " + std::to_string(protocol) + " is not ours: upgrade"};
  }
  client.greeted = true;
  return Reply{};
}

Result<Reply> Monitor::create(Client&, Packet& packet, Unpacker& in) {
  ContainerOptions options;
  options.id = in.text();
  options.log.path = in.text();
  options.log.bytes_max = static_cast<int64_t>(in.number());
  options.log.files_max = static_cast<int>(std::min<uint64_t>(in.number(), 1000));
  options.standard_input = in.flag();
  options.standard_input_once = in.flag();
  TRY(in.done());
  if (packet.descriptors.size() != 1) return Error{Code::kInvalid, "a container without its plan"};
  if (!valid_container_id(options.id)) {
    return Error{Code::kInvalid, "\"" + options.id + "\" is no container id"};
  }
  if (options.log.bytes_max < 0 || options.log.files_max < 1) {
    return Error{Code::kInvalid, "log bounds of container " + options.id};
  }
  if (containers_.contains(options.id)) {
    return Error{Code::kAlreadyExists, "container " + options.id + " exists"};
  }
  if (containers_.size() >= kMonitorContainersMax) {
    return Error{Code::kTooManyRequests, "too many containers on this node"};
  }
  const std::string bytes = TRY(memfd_to_body(packet.descriptors.front()));
  const LaunchPlan plan = TRY(decode(bytes));
  const std::string id = options.id;
  std::unique_ptr<Container> made = TRY(Container::create(host_, std::move(options), plan));
  const pid_t pid = made->status().pid;
  containers_[id] = std::move(made);
  return Reply{Packer().number(static_cast<uint64_t>(pid)).take(), {}};
}

Result<Reply> Monitor::start(Client&, Packet&, Unpacker& in) {
  const std::string id = in.text();
  TRY(in.done());
  Container* const container = TRY(find(id));
  TRY(container->start());
  return Reply{};
}

Result<Reply> Monitor::exec(Client&, Packet& packet, Unpacker& in) {
  const std::string id = in.text();
  const std::string name = in.text();
  const bool wanted[] = {in.flag(), in.flag(), in.flag()};
  TRY(in.done());
  Container* container = TRY(find(id));
  if (container->execs() >= kMonitorExecsMax) {
    return Error{Code::kTooManyRequests, "too many execs in container " + id};
  }
  const auto given = static_cast<size_t>(wanted[0] + wanted[1] + wanted[2]);
  if (packet.descriptors.size() != 1 + given) {
    return Error{Code::kInvalid, "an exec without its descriptors"};
  }
  ExecIo io;
  size_t next = 1;
  int* const slots[] = {&io.standard_in, &io.standard_out, &io.standard_error};
  for (size_t i = 0; i < 3; ++i) {
    if (wanted[i]) *slots[i] = packet.descriptors[next++].get();
  }
  const std::string bytes = TRY(memfd_to_body(packet.descriptors.front()));
  const LaunchPlan carrier = TRY(decode(bytes));
  Fd console = TRY(container->exec(name, carrier.process, io));
  Reply reply;
  if (console) reply.own.push_back(std::move(console));
  return reply;
}

Result<Reply> Monitor::signal(Client&, Packet&, Unpacker& in) {
  const std::string id = in.text();
  MonitorClient::Signal wanted;
  wanted.exec = in.text();
  const uint64_t number = in.number();
  wanted.all = in.flag();
  TRY(in.done());
  if (number > static_cast<uint64_t>(SIGRTMAX)) {
    return Error{Code::kInvalid, "signal " + std::to_string(number) + " does not exist"};
  }
  wanted.number = static_cast<int>(number);
  Container* const container = TRY(find(id));
  TRY(container->signal(wanted));
  return Reply{};
}

Result<Reply> Monitor::attach(Client&, Packet& packet, Unpacker& in) {
  const std::string id = in.text();
  const bool standard_in = in.flag();
  const bool wants_out = in.flag(), wants_error = in.flag();
  TRY(in.done());
  if (packet.descriptors.size() != static_cast<size_t>(wants_out + wants_error)) {
    return Error{Code::kInvalid, "attach without its descriptors"};
  }
  Fd out, error;
  if (wants_error) {
    error = std::move(packet.descriptors.back());
    packet.descriptors.pop_back();
  }
  if (wants_out) out = std::move(packet.descriptors.back());
  Container* const container = TRY(find(id));
  Fd input = TRY(container->attach(std::move(out), std::move(error), standard_in));
  Reply reply;
  if (input) reply.own.push_back(std::move(input));
  return reply;
}

Result<Reply> Monitor::reopen_log(Client&, Packet&, Unpacker& in) {
  const std::string id = in.text();
  TRY(in.done());
  Container* const container = TRY(find(id));
  TRY(container->reopen_log());
  return Reply{};
}

Result<Reply> Monitor::remove(Client&, Packet&, Unpacker& in) {
  const std::string id = in.text();
  TRY(in.done());
  Container* const container = TRY(find(id));
  TRY(container->remove());
  containers_.erase(id);
  return Reply{};
}

Result<Reply> Monitor::list(Client&, Packet&, Unpacker& in) {
  TRY(in.done());
  Packer body;
  body.number(containers_.size());
  for (const auto& [id, container] : containers_) pack_status(body, container->status());
  Reply reply;
  reply.own.push_back(TRY(body_to_memfd(body.take())));
  return reply;
}

Result<Reply> Monitor::subscribe(Client& client, Packet&, Unpacker& in) {
  TRY(in.done());
  client.subscribed = true;
  return Reply{};
}

Result<Reply> Monitor::shutdown(Client&, Packet&, Unpacker& in) {
  TRY(in.done());
  if (!containers_.empty()) {
    return Error{Code::kConflict, std::to_string(containers_.size()) + " containers are here"};
  }
  stopping_ = true;
  return Reply{};
}

// Comes back only where the exec failed; then nothing has changed. The successor answers.
Result<Reply> Monitor::upgrade(Client& asking, Packet& packet, Unpacker& in) {
  const std::string program = in.text();
  TRY(in.done());
  Packer out;
  std::vector<int> descriptors;
  out.number(kHandoverFormat);
  pack_descriptor(out, descriptors, lock_.get());
  pack_descriptor(out, descriptors, listener_.get());
  out.number(clients_.size());
  for (const auto& [id, client] : clients_) {
    pack_descriptor(out, descriptors, client.socket.get());
    out.flag(client.greeted).flag(client.subscribed);
    out.flag(&client == &asking).number(packet.serial);
  }
  out.number(containers_.size());
  for (const auto& [id, container] : containers_) container->save(out, descriptors);
  const Fd memfd = TRY(body_to_memfd(out.take()));
  descriptors.push_back(memfd.get());
  keep_over_exec(descriptors, true);
  const std::string number = std::to_string(memfd.get());
  const char* arguments[] = {"kist",     "monitor",      "--directory", directory_.c_str(),
                             "--resume", number.c_str(), nullptr};
  ::execve(program.c_str(), const_cast<char* const*>(arguments), environ);
  Error error = errno_error("run " + program);
  keep_over_exec(descriptors, false);
  return error;
}

Result<> Monitor::resume(int handed_over) {
  const Fd memfd(handed_over);
  const std::string body = TRY(memfd_to_body(memfd));
  Unpacker in(body);
  if (in.number() != kHandoverFormat) {
    return Error{Code::kInvalid, "the predecessor's state is of another version"};
  }
  lock_ = unpack_descriptor(in);
  Fd listener = unpack_descriptor(in);
  std::vector<std::pair<int, uint64_t>> waiting;
  for (uint64_t left = in.number(); left > 0 && left <= kMonitorClientsMax; --left) {
    Fd socket = unpack_descriptor(in);
    const int descriptor = socket.get();
    const bool greeted = in.flag(), subscribed = in.flag(), asking = in.flag();
    const uint64_t serial = in.number();
    TRY(add_client(std::move(socket), greeted, subscribed));
    if (asking) waiting.emplace_back(descriptor, serial);
  }
  for (uint64_t left = in.number(); left > 0 && left <= kMonitorContainersMax; --left) {
    std::unique_ptr<Container> container = TRY(Container::restore(host_, in));
    containers_[container->status().id] = std::move(container);
  }
  TRY(in.done());
  TRY(serve(std::move(listener)));
  for (const auto& [descriptor, serial] : waiting) {
    TRY(send_packet(descriptor, {Kind::kReply, serial, pack_ok({}), {}}, {}));
  }
  return {};
}

Result<> Monitor::run() {
  while (!stopping_) {
    const bool stalled = stalled_outputs_ > 0;
    TRY(poller_.wait(stalled ? kStallCheckMs : -1));
    if (stalled) {
      for (const auto& [id, container] : containers_) container->output().cut_off_stalled();
    }
    if (asked_to_stop != 0 && containers_.empty()) stopping_ = true;
    if (asked_to_stop != 0 && !stopping_) {
      log_warn("asked to stop, but containers are here: they need their parent",
               {{"containers", std::to_string(containers_.size())}});
      asked_to_stop = 0;
    }
  }
  return {};
}

}  // namespace

Result<> run_monitor(const MonitorOptions& options, const Clock& clock) {
  catch_signals();
  Monitor monitor(TRY(Poller::create()), options.directory, clock);
  if (options.resume >= 0) {
    TRY(monitor.resume(options.resume).context("take over from the predecessor"));
  } else {
    TRY(monitor.begin());
  }
  return monitor.run();
}

}  // namespace kist::runtime
