#include "runtime/monitor/socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>

namespace kist::runtime {
namespace {

constexpr int kBacklog = 64;

struct Address {
  Fd directory;
  sockaddr_un name{};
};

Result<Address> address_in(const std::string& directory) {
  Address address;
  address.directory = Fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!address.directory) return errno_error("open " + directory);
  address.name.sun_family = AF_UNIX;
  std::snprintf(address.name.sun_path, sizeof address.name.sun_path,
                "/proc/self/fd/%d/monitor.sock", address.directory.get());
  return address;
}

Result<Fd> new_socket(int flags) {
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0));
  if (!socket) return errno_error("socket");
  return socket;
}

const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address.name);
}

}  // namespace

Result<Fd> connect_to_monitor(const std::string& directory) {
  Fd socket = TRY(new_socket(0));
  Result<Address> address = address_in(directory);
  if (!address.ok() ||
      ::connect(socket.get(), generic(address.value()), sizeof(sockaddr_un)) != 0) {
    Error error = errno_error("connect to the monitor in " + directory);
    error.code = Code::kUnavailable;
    return error;
  }
  return socket;
}

Result<Fd> listen_as_monitor(const std::string& directory) {
  Fd socket = TRY(new_socket(SOCK_NONBLOCK));
  const Address address = TRY(address_in(directory));
  ::unlinkat(address.directory.get(), "monitor.sock", 0);
  const mode_t old = ::umask(0177);
  const int bound = ::bind(socket.get(), generic(address), sizeof(sockaddr_un));
  ::umask(old);
  if (bound != 0) return errno_error("bind monitor.sock in " + directory);
  if (::listen(socket.get(), kBacklog) != 0) return errno_error("listen on monitor.sock");
  return socket;
}

Result<Fd> lock_directory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("make " + directory);
  }
  Fd lock(::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return errno_error("open " + directory + "/lock");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return errno_error("lock " + directory);
    return Error{Code::kConflict, "another monitor serves " + directory};
  }
  return lock;
}

}  // namespace kist::runtime
