#include "runtime/monitor/message.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "runtime/descriptors.h"

namespace kist::runtime {
namespace {

constexpr size_t kNumberBytes = 8;
constexpr uint64_t kOk = 0;  // of a reply; else the error's code plus one

Error not_ours() { return {Code::kInvalid, "malformed packet"}; }

Error gone(std::string_view what) {
  Error error = errno_error(what);
  error.code = Code::kUnavailable;
  return error;
}

}  // namespace

Packer& Packer::number(uint64_t value) {
  bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  return *this;
}

Packer& Packer::text(std::string_view value) {
  number(value.size());
  bytes_ += value;
  return *this;
}

uint64_t Unpacker::number() {
  uint64_t value = 0;
  if (bytes_.size() < kNumberBytes) {
    failed_ = true;
    bytes_ = {};
    return 0;
  }
  std::memcpy(&value, bytes_.data(), sizeof value);
  bytes_.remove_prefix(sizeof value);
  return value;
}

std::string Unpacker::text() {
  const uint64_t size = number();
  if (size > bytes_.size()) {
    failed_ = true;
    bytes_ = {};
    return {};
  }
  std::string value(bytes_.substr(0, size));
  bytes_.remove_prefix(size);
  return value;
}

Result<> Unpacker::done() const {
  if (failed_ || !bytes_.empty()) return not_ours();
  return {};
}

void pack_exit(Packer& out, const ProcessExit& exit) {
  out.number(static_cast<uint64_t>(exit.code)).number(static_cast<uint64_t>(exit.signal));
  out.flag(exit.out_of_memory).flag(exit.lost).number(static_cast<uint64_t>(exit.time_ns));
}

ProcessExit unpack_exit(Unpacker& in) {
  ProcessExit exit;
  exit.code = static_cast<int32_t>(in.number());
  exit.signal = static_cast<int32_t>(in.number());
  exit.out_of_memory = in.flag();
  exit.lost = in.flag();
  exit.time_ns = static_cast<int64_t>(in.number());
  return exit;
}

void pack_descriptor(Packer& out, std::vector<int>& kept, int descriptor) {
  out.number(static_cast<uint64_t>(static_cast<int64_t>(descriptor)));
  if (descriptor >= 0) kept.push_back(descriptor);
}

Fd unpack_descriptor(Unpacker& in) {
  Fd descriptor(static_cast<int>(static_cast<int64_t>(in.number())));
  if (descriptor) ::fcntl(descriptor.get(), F_SETFD, FD_CLOEXEC);
  return descriptor;
}

Result<> send_packet(int socket, const Packet& packet, const std::vector<int>& descriptors) {
  std::string bytes =
      Packer().number(static_cast<uint64_t>(packet.kind)).number(packet.serial).take();
  bytes += packet.body;
  if (bytes.size() > kPacketMax || descriptors.size() > kMessageDescriptorsMax) {
    return Error{Code::kTooLarge, "packet of " + std::to_string(bytes.size()) + " bytes"};
  }
  iovec part{bytes.data(), bytes.size()};
  if (send_with_descriptors(socket, {&part, 1}, descriptors) < 0) {
    return gone("send to the monitor's socket");
  }
  return {};
}

Result<std::optional<Packet>> receive_packet(int socket) {
  std::string bytes(kPacketMax, '\0');
  ReceivedMessage arrived = receive_with_descriptors(socket, bytes);
  const ssize_t size = arrived.size;
  if (size < 0 && errno == EAGAIN) return std::optional<Packet>();
  if (size < 0) return gone("receive from the monitor's socket");
  Packet packet;
  packet.descriptors = std::move(arrived.descriptors);
  if (size == 0) return Error{Code::kUnavailable, "the other side has closed"};
  if (arrived.cut) return not_ours();
  if (static_cast<size_t>(size) < 2 * kNumberBytes) return not_ours();
  bytes.resize(static_cast<size_t>(size));
  Unpacker in(std::string_view(bytes).substr(0, 2 * kNumberBytes));
  const uint64_t kind = in.number();
  packet.serial = in.number();
  if (kind > static_cast<uint64_t>(Kind::kShutdown)) return not_ours();
  packet.kind = static_cast<Kind>(kind);
  packet.body = bytes.substr(2 * kNumberBytes);
  return std::optional<Packet>(std::move(packet));
}

Result<Fd> body_to_memfd(std::string_view body) {
  Fd memfd(::memfd_create("kist-monitor", MFD_CLOEXEC));
  if (!memfd) return errno_error("memfd_create");
  size_t written = 0;
  while (written < body.size()) {
    const ssize_t step = ::pwrite(memfd.get(), body.data() + written, body.size() - written,
                                  static_cast<off_t>(written));
    if (step <= 0) return errno_error("write memfd");
    written += static_cast<size_t>(step);
  }
  return memfd;
}

Result<std::string> memfd_to_body(const Fd& memfd) {
  struct stat info {};
  if (::fstat(memfd.get(), &info) != 0) return errno_error("stat memfd");
  if (!S_ISREG(info.st_mode) || static_cast<size_t>(info.st_size) > kLongBodyMax) return not_ours();
  std::string body(static_cast<size_t>(info.st_size), '\0');
  size_t read = 0;
  while (read < body.size()) {
    const ssize_t step =
        ::pread(memfd.get(), body.data() + read, body.size() - read, static_cast<off_t>(read));
    if (step <= 0) return not_ours();
    read += static_cast<size_t>(step);
  }
  return body;
}

std::string pack_error(const Error& error) {
  constexpr size_t kMessageMax = 4096;
  return Packer()
      .number(static_cast<uint64_t>(error.code) + 1)
      .text(std::string_view(error.message).substr(0, kMessageMax))
      .take();
}

std::string pack_ok(std::string body) { return Packer().number(kOk).take() + body; }

Result<std::string> unpack_reply(std::string_view body) {
  Unpacker in(body.substr(0, kNumberBytes));
  const uint64_t code = in.number();
  TRY(in.done());
  body.remove_prefix(kNumberBytes);
  if (code == kOk) return std::string(body);
  Unpacker rest(body);
  Error error{Code::kInternal, rest.text()};
  TRY(rest.done());
  if (code > static_cast<uint64_t>(Code::kInternal) + 1) return not_ours();
  error.code = static_cast<Code>(code - 1);
  return error;
}

}  // namespace kist::runtime
