// The kernel answers a request while it is being sent, so that reading never waits for long; a
// dump comes in pieces, each made when the one before it has been read.
#include "cni/netlink/socket.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "kist/base/mutex.h"

namespace kist::cni {
namespace {

constexpr int kReceiveBytes = 4 << 20;  // a batch may have an error for each of its messages
constexpr size_t kSendBytesMax = 64 << 20;
constexpr size_t kDatagramMax = 64 << 10;  // the kernel's dumps stay below 32 KiB
constexpr timeval kPatience{10, 0};        // a kernel that says nothing at all

// What an exchange waits for.
struct Expected {
  uint32_t first = 0, last = 0;  // sequence numbers of the request
  uint32_t end = 0;              // the last that asks for an answer
  bool dump = false;
};

Result<Expected> expected_of(std::string_view bytes) {
  Expected expected;
  bool first = true, ends = false;
  for (MessageReader messages(bytes); !messages.done();) {
    const Message message = TRY(messages.next());
    if (first) expected.first = message.sequence;
    first = false;
    expected.last = message.sequence;
    if ((message.flags & (NLM_F_ACK | NLM_F_DUMP)) == 0) continue;
    expected.end = message.sequence;
    // NLM_F_DUMP shares its bits with the NLM_F_REPLACE and NLM_F_EXCL of new things.
    expected.dump = (message.flags & NLM_F_DUMP) == NLM_F_DUMP && (message.flags & NLM_F_ACK) == 0;
    ends = true;
  }
  ENSURE(ends);
  return expected;
}

class Socket : public Netlink {
 public:
  explicit Socket(Fd fd) : fd_(std::move(fd)) {}
  Result<std::vector<Reply>> exchange(const MessageWriter& request) override;

 private:
  Result<> send(std::string_view bytes) REQUIRES_LOCK(mutex_);
  // Whether the end was in this datagram.
  Result<bool> take(std::string_view datagram, const Expected& expected,
                    std::vector<Reply>& replies, int& first_error) REQUIRES_LOCK(mutex_);

  Mutex mutex_;  // one exchange at a time: the lock is the queue for the socket
  Fd fd_ GUARDED_BY(mutex_);
  std::string buffer_ GUARDED_BY(mutex_) = std::string(kDatagramMax, '\0');
};

Result<> Socket::send(std::string_view bytes) {
  if (bytes.size() > kSendBytesMax)
    return Error{Code::kTooLarge,
                 "a netlink request of " + std::to_string(bytes.size()) + " bytes"};
  const int wanted = static_cast<int>(std::max<size_t>(bytes.size() * 2, 256 << 10));
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &wanted, sizeof wanted);  // else send() says
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return errno_error("netlink send");
  return {};
}

Result<bool> Socket::take(std::string_view datagram, const Expected& expected,
                          std::vector<Reply>& replies, int& first_error) {
  bool ended = false;
  for (MessageReader messages(datagram); !messages.done();) {
    const Message message = TRY(messages.next());
    // Answers to an exchange that was given up, or news for a group, are nobody's.
    if (message.sequence - expected.first > expected.last - expected.first) continue;
    if (message.type == NLMSG_ERROR) {
      const int error = TRY(acknowledged_error(message));
      if (first_error == 0) first_error = error;
      // nfnetlink reports a failed commit at the first message of the batch, and nothing else.
      ended |= message.sequence == expected.end || message.sequence == expected.first;
    } else if (message.type == NLMSG_DONE) {
      ended |= expected.dump;
    } else if (message.type != NLMSG_NOOP) {
      // A dump that was interrupted by a change may have left something out.
      if ((message.flags & NLM_F_DUMP_INTR) != 0) first_error = EINTR;
      replies.push_back({message.type, std::string(message.payload)});
    }
  }
  return ended;
}

Result<std::vector<Reply>> Socket::exchange(const MessageWriter& request) {
  const Expected expected = TRY(expected_of(request.bytes()));
  MutexLock lock(mutex_);
  TRY(send(request.bytes()));
  std::vector<Reply> replies;
  int error = 0;
  for (bool ended = false; !ended;) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const ssize_t got = ::recvfrom(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&from), &from_size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("netlink receive");
    if (from.nl_pid != 0) continue;  // another process may send to us; only the kernel is believed
    if (static_cast<size_t>(got) > buffer_.size())
      return Error{Code::kUnavailable, "a netlink answer of " + std::to_string(got) + " bytes"};
    ended = TRY(take({buffer_.data(), static_cast<size_t>(got)}, expected, replies, error));
  }
  if (error == EINTR) return Error{Code::kUnavailable, "netlink dump interrupted by a change"};
  if (error != 0) return errno_error("netlink", error);
  return replies;
}

Result<Fd> open_socket(int protocol) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0)
    return errno_error("netlink socket");
  const int yes = 1;
  // Best effort: shorter errors, checked dump requests, room for answers.
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &yes, sizeof yes);
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &yes, sizeof yes);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes, sizeof kReceiveBytes);
  return fd;
}

// A thread's namespace is its own: one that ends takes the change with it.
template <typename Call>
Result<Fd> on_short_thread(Call call) {
  Result<Fd> made = Error{Code::kInternal, "thread has not run"};
  std::jthread([&] { made = call(); }).join();
  return made;
}

}  // namespace

Result<std::unique_ptr<Netlink>> open_netlink(int protocol, int netns) {
  Fd fd = netns < 0 ? TRY(open_socket(protocol)) : TRY(on_short_thread([&]() -> Result<Fd> {
    if (::setns(netns, CLONE_NEWNET) != 0) return errno_error("enter network namespace");
    return open_socket(protocol);
  }));
  return std::unique_ptr<Netlink>(std::make_unique<Socket>(std::move(fd)));
}

Result<Fd> create_netns() {
  return on_short_thread([]() -> Result<Fd> {
    if (::unshare(CLONE_NEWNET) != 0) return errno_error("create network namespace");
    Fd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error("open /proc/thread-self/ns/net");
    return fd;
  });
}

}  // namespace kist::cni
