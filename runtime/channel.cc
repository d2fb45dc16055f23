#include "runtime/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

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
  iovec parts[2] = {{head, kHead}, {const_cast<char*>(text.data()), text.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(channel, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return errno_error("send to the other process");
  return {};
}

Result<Message> receive_message(int channel) {
  char buffer[kHead + kTextMax];
  iovec part{buffer, sizeof(buffer)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size;
  do {
    size = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno != ECONNRESET) return errno_error("receive from the other process");
  if (size <= 0) return Error{Code::kGone, "the other process ended without a word"};
  if (size < static_cast<ssize_t>(kHead)) return Error{Code::kInvalid, "message is cut short"};
  Message received;
  received.word = static_cast<Word>(buffer[0]);
  received.code = static_cast<Code>(
      std::min<uint8_t>(static_cast<uint8_t>(buffer[1]), static_cast<uint8_t>(Code::kInternal)));
  received.text.assign(buffer + kHead, static_cast<size_t>(size) - kHead);
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof(fd));
    received.fd.reset(fd);
  }
  return received;
}

}  // namespace kist::runtime
