// What the monitor and its clients say to each other: packets of a SOCK_SEQPACKET socket.
//
// A packet is kind, serial number and fields; descriptors travel beside it. Long bodies (plans,
// lists) go in a memfd, so that no packet exceeds kPacketMax. Both ends are the same program or two
// neighbouring versions of it: kHello compares kProtocol.
//
// Every byte is checked where it comes in: an Unpacker that ran over the end says so once, at
// done().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/monitor.h"

namespace kist::runtime {

inline constexpr uint32_t kProtocol = 1;
inline constexpr size_t kPacketMax = 32 * 1024;
inline constexpr size_t kLongBodyMax = 16 * 1024 * 1024;

enum class Kind : uint8_t {
  kReply,
  kEvent,  // from the monitor
  kHello,
  kCreate,
  kStart,
  kExec,
  kSignal,
  kAttach,
  kReopenLog,
  kRemove,
  kList,
  kSubscribe,
  kUpgrade,
  kShutdown,
};

struct Packet {
  Kind kind = Kind::kReply;
  uint64_t serial = 0;
  std::string body;
  std::vector<Fd> descriptors;
};

class Packer {
 public:
  Packer& number(uint64_t value);
  Packer& text(std::string_view value);
  Packer& flag(bool value) { return number(value ? 1 : 0); }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}
  uint64_t number();
  std::string text();
  bool flag() { return number() != 0; }
  Result<> done() const;  // kInvalid: too short or too long

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

void pack_exit(Packer& out, const ProcessExit& exit);
ProcessExit unpack_exit(Unpacker& in);

// A descriptor for a successor of this process, which has it under the same number: `kept` collects
// those that must outlive exec. -1 stands for none. What is unpacked is closed by exec again.
void pack_descriptor(Packer& out, std::vector<int>& kept, int descriptor);
Fd unpack_descriptor(Unpacker& in);

// Never blocks longer than the peer's queue is full. kUnavailable: the peer is gone.
Result<> send_packet(int socket, const Packet& packet, const std::vector<int>& descriptors);
// Nothing: nothing there yet (a socket that does not block). kUnavailable: the peer is gone.
// kInvalid: not a packet of ours.
Result<std::optional<Packet>> receive_packet(int socket);

Result<Fd> body_to_memfd(std::string_view body);
Result<std::string> memfd_to_body(const Fd& memfd);

// Both report an error as it was given: code, then message.
std::string pack_error(const Error& error);
std::string pack_ok(std::string body);
Result<std::string> unpack_reply(std::string_view body);

}  // namespace kist::runtime
