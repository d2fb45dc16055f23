#include "runtime/channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "runtime/descriptors.h"

namespace kist::runtime {
namespace {

constexpr size_t kTextMax = 4096;
constexpr size_t kHead = 2;  // word, code

}  // namespace

Result<std::pair<Fd, Fd>> make_channel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return errno_error("socketpair");
  }
  return std::pair<Fd, Fd>(Fd(ends[0]), Fd(ends[1]));
}

Result<> send_message(int channel, Word word, std::string_view text, int fd, Code code) {
  char head[kHead] = {static_cast<char>(word), static_cast<char>(code)};
  text = text.substr(0, kTextMax);
  iovec parts[] = {{head, kHead}, {const_cast<char*>(text.data()), text.size()}};
  const std::span<const int> carried(&fd, fd >= 0 ? 1 : 0);
  const ssize_t sent = send_with_descriptors(channel, parts, carried);
  if (sent < 0) return errno_error("send to the other process");
  return {};
}

Result<Message> receive_message(int channel) {
  char buffer[kHead + kTextMax];
  ReceivedMessage arrived = receive_with_descriptors(channel, buffer);
  const ssize_t size = arrived.size;
  if (size < 0 && errno != ECONNRESET) return errno_error("receive from the other process");
  if (size <= 0) return Error{Code::kGone, "the other process ended without a word"};
  if (size < static_cast<ssize_t>(kHead)) return Error{Code::kInvalid, "message is cut short"};
  Message received;
  received.word = static_cast<Word>(buffer[0]);
  received.code = static_cast<Code>(
      std::min<uint8_t>(static_cast<uint8_t>(buffer[1]), static_cast<uint8_t>(Code::kInternal)));
  received.text.assign(buffer + kHead, static_cast<size_t>(size) - kHead);
  if (!arrived.descriptors.empty()) received.fd = std::move(arrived.descriptors.front());
  return received;
}

}  // namespace kist::runtime
