// The other end of the monitor's socket.
#include <poll.h>

#include <cerrno>

#include "kist/runtime/monitor.h"
#include "runtime/monitor/message.h"
#include "runtime/monitor/record.h"
#include "runtime/monitor/socket.h"

namespace kist::runtime {
namespace {

std::string pack_options(const ContainerOptions& options) {
  return Packer()
      .text(options.id)
      .text(options.log.path)
      .number(static_cast<uint64_t>(options.log.bytes_max))
      .number(static_cast<uint64_t>(options.log.files_max))
      .flag(options.standard_input)
      .flag(options.standard_input_once)
      .take();
}

Result<MonitorEvent> unpack_event(std::string_view body) {
  Unpacker in(body);
  MonitorEvent event;
  event.id = in.text();
  event.exec = in.text();
  event.exit = unpack_exit(in);
  TRY(in.done());
  return event;
}

Fd first_of(std::vector<Fd>& descriptors) {
  return descriptors.empty() ? Fd() : std::move(descriptors.front());
}

uint8_t number_of(Kind kind) { return static_cast<uint8_t>(kind); }

}  // namespace

Result<MonitorClient> MonitorClient::connect(const std::string& directory) {
  MonitorClient client(TRY(connect_to_monitor(directory)));
  TRY(client.call(number_of(Kind::kHello), Packer().number(kProtocol).take(), {}));
  return client;
}

Result<MonitorClient::Answer> MonitorClient::call(uint8_t kind, std::string body,
                                                  const std::vector<int>& descriptors) {
  const uint64_t serial = ++serial_;
  TRY(send_packet(socket_.get(), {static_cast<Kind>(kind), serial, std::move(body), {}},
                  descriptors));
  for (;;) {
    std::optional<Packet> packet = TRY(receive_packet(socket_.get()));
    if (!packet) continue;  // the socket blocks: does not happen
    if (packet->kind == Kind::kEvent) {
      events_.push_back(TRY(unpack_event(packet->body)));
      continue;
    }
    if (packet->serial != serial) continue;  // of a call that was given up
    return Answer{TRY(unpack_reply(packet->body)), std::move(packet->descriptors)};
  }
}

Result<pid_t> MonitorClient::create(const ContainerOptions& options, const LaunchPlan& plan) {
  const Fd memfd = TRY(body_to_memfd(encode(plan)));
  const Answer answer = TRY(call(number_of(Kind::kCreate), pack_options(options), {memfd.get()}));
  Unpacker in(answer.body);
  const auto pid = static_cast<pid_t>(in.number());
  TRY(in.done());
  return pid;
}

Result<> MonitorClient::start(const std::string& id) {
  TRY(call(number_of(Kind::kStart), Packer().text(id).take(), {}));
  return {};
}

Result<Fd> MonitorClient::exec(const std::string& id, const std::string& exec,
                               const ProcessPlan& plan, const ExecIo& io) {
  LaunchPlan carrier;  // one encoding for both kinds of plan
  carrier.process = plan;
  const Fd memfd = TRY(body_to_memfd(encode(carrier)));
  std::vector<int> descriptors{memfd.get()};
  Packer body;
  body.text(id).text(exec);
  for (const int descriptor : {io.standard_in, io.standard_out, io.standard_error}) {
    body.flag(descriptor >= 0);
    if (descriptor >= 0) descriptors.push_back(descriptor);
  }
  Answer answer = TRY(call(number_of(Kind::kExec), body.take(), descriptors));
  return first_of(answer.descriptors);
}

Result<> MonitorClient::signal(const std::string& id, const Signal& signal) {
  Packer body;
  body.text(id).text(signal.exec).number(static_cast<uint64_t>(signal.number)).flag(signal.all);
  TRY(call(number_of(Kind::kSignal), body.take(), {}));
  return {};
}

Result<Fd> MonitorClient::attach(const std::string& id, const AttachIo& io) {
  std::vector<int> descriptors;
  Packer body;
  body.text(id).flag(io.standard_in);
  for (const int descriptor : {io.standard_out, io.standard_error}) {
    body.flag(descriptor >= 0);
    if (descriptor >= 0) descriptors.push_back(descriptor);
  }
  Answer answer = TRY(call(number_of(Kind::kAttach), body.take(), descriptors));
  return first_of(answer.descriptors);
}

Result<> MonitorClient::reopen_log(const std::string& id) {
  TRY(call(number_of(Kind::kReopenLog), Packer().text(id).take(), {}));
  return {};
}

Result<> MonitorClient::remove(const std::string& id) {
  TRY(call(number_of(Kind::kRemove), Packer().text(id).take(), {}));
  return {};
}

Result<std::vector<ContainerStatus>> MonitorClient::list() {
  const Answer answer = TRY(call(number_of(Kind::kList), {}, {}));
  if (answer.descriptors.size() != 1) return Error{Code::kInvalid, "a list without its memfd"};
  const std::string body = TRY(memfd_to_body(answer.descriptors.front()));
  Unpacker in(body);
  const uint64_t count = in.number();
  if (count > kMonitorContainersMax) return Error{Code::kInvalid, "a list that is too long"};
  std::vector<ContainerStatus> all;
  for (uint64_t i = 0; i < count; ++i) all.push_back(TRY(unpack_status(in)));
  TRY(in.done());
  return all;
}

Result<> MonitorClient::subscribe() {
  TRY(call(number_of(Kind::kSubscribe), {}, {}));
  return {};
}

Result<std::optional<MonitorEvent>> MonitorClient::next_event(int timeout_ms) {
  while (events_.empty()) {
    pollfd waited{socket_.get(), POLLIN, 0};
    const int ready = ::poll(&waited, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return errno_error("poll the monitor's socket");
    if (ready == 0) return std::optional<MonitorEvent>();
    std::optional<Packet> packet = TRY(receive_packet(socket_.get()));
    if (packet && packet->kind == Kind::kEvent) {
      events_.push_back(TRY(unpack_event(packet->body)));
    }
  }
  MonitorEvent event = std::move(events_.front());
  events_.pop_front();
  return std::optional<MonitorEvent>(std::move(event));
}

Result<> MonitorClient::upgrade(const std::string& program) {
  TRY(call(number_of(Kind::kUpgrade), Packer().text(program).take(), {}));
  return {};
}

Result<> MonitorClient::shutdown() {
  TRY(call(number_of(Kind::kShutdown), {}, {}));
  return {};
}

}  // namespace kist::runtime
