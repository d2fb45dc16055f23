// What a durable write costs, against etcd's put on the same disk in the same run.
//
// Prints one figure a line: creates a second with 1 and 64 clients (2 KB values), the p50 of one
// client against one fdatasync, bytes written for each update (all that reaches the disk,
// checkpoints included), the time to open with 20,000 objects. `--quick` does a little of each, as
// a test. etcd is driven over its JSON gateway, keep-alive, one connection and thread a client:
// HTTP and JSON are part of its figure, so the CPU it uses is printed beside it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "kist/base/base64.h"
#include "kist/base/fd.h"
#include "kist/datastore/store.h"

namespace kist::datastore {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr size_t kValueBytes = 2048;

struct Scale {
  int writes_one = 1000, writes_many = 100, clients = 64, updates = 2000, objects = 20'000;
};

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

Write write_of(Write::Kind kind, const std::string& key, Revision expected) {
  return Write{.kind = kind,
               .key = key,
               .expected = expected,
               .head = std::string(kValueBytes / 2, 'h'),
               .tail = std::string(kValueBytes / 2, 't')};
}

// One microsecond figure for each call of `one`, on `clients` threads.
std::vector<double> timed(int clients, int each, const std::function<bool(int, int)>& one) {
  std::vector<std::vector<double>> spans(static_cast<size_t>(clients));
  std::vector<std::thread> threads;
  for (int client = 0; client < clients; ++client) {
    threads.emplace_back([&, client] {
      for (int i = 0; i < each; ++i) {
        const auto start = SteadyClock::now();
        if (!one(client, i)) std::exit((std::fprintf(stderr, "write failed\n"), 1));
        spans[static_cast<size_t>(client)].push_back(seconds_since(start) * 1e6);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<double> all;
  for (const auto& some : spans) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  return all;
}

void report(const char* what, int clients, int each, double took, double cpu,
            const std::vector<double>& spans) {
  const double total = static_cast<double>(clients) * each;
  std::printf("%-28s %8.0f /s  p50 %7.0f us  p99 %7.0f us  cpu %6.1f us each\n", what, total / took,
              spans[spans.size() / 2], spans[spans.size() * 99 / 100], cpu / total * 1e6);
}

std::string key_of(const char* kind, int client, int i) {
  return "/registry/core/" + std::string(kind) + "/default/object-" + std::to_string(client) + "-" +
         std::to_string(i);
}

double bench_store(Store& store, const char* name, int clients, int each) {
  const double cpu = cpu_seconds(RUSAGE_SELF);
  const auto start = SteadyClock::now();
  const auto spans = timed(clients, each, [&](int client, int i) {
    return submit_and_wait(store, write_of(Write::Kind::kCreate, key_of(name, client, i), {})).ok();
  });
  const double took = seconds_since(start);
  report(name, clients, each, took, cpu_seconds(RUSAGE_SELF) - cpu, spans);
  return clients * each / took;
}

// ---- etcd

Fd connect_to(uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return Fd();
  return fd;
}

// One put on a kept connection; the answers are small and have a Content-Length.
bool put(int fd, const std::string& key, const std::string& value) {
  const std::string body =
      "{\"key\":\"" + encode_base64(key) + "\",\"value\":\"" + encode_base64(value) + "\"}";
  const std::string request =
      "POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    return false;
  std::string answer;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) return false;
    answer.append(buffer, static_cast<size_t>(got));
    const size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    const size_t length = answer.find("Content-Length: ");
    if (length == std::string::npos || length > end) return false;
    if (answer.size() >= end + 4 + std::strtoul(answer.c_str() + length + 16, nullptr, 10))
      return answer.starts_with("HTTP/1.1 200");
  }
}

uint16_t free_port() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return 0;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

pid_t start_etcd(const std::string& dir, uint16_t port, uint16_t peer_port) {
  const std::string client = "http://127.0.0.1:" + std::to_string(port);
  const std::string peer = "http://127.0.0.1:" + std::to_string(peer_port);
  const pid_t pid = fork();
  if (pid != 0) return pid;
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 1);
  ::dup2(null, 2);
  ::execl("/usr/bin/etcd", "etcd", "--data-dir", dir.c_str(), "--listen-client-urls",
          client.c_str(), "--advertise-client-urls", client.c_str(), "--listen-peer-urls",
          peer.c_str(), "--initial-advertise-peer-urls", peer.c_str(), "--initial-cluster",
          ("default=" + peer).c_str(), nullptr);
  _exit(127);
}

double bench_etcd(uint16_t port, const char* name, int clients, int each) {
  std::vector<Fd> connections;
  for (int i = 0; i < clients; ++i) connections.push_back(connect_to(port));
  const std::string value(kValueBytes, 'v');
  const auto start = SteadyClock::now();
  const auto spans = timed(clients, each, [&](int client, int i) {
    return put(connections[static_cast<size_t>(client)].get(), key_of(name, client, i), value);
  });
  const double took = seconds_since(start);
  report(name, clients, each, took, 0, spans);
  return clients * each / took;
}

// 1 and many clients; 0 where there is no etcd.
std::pair<double, double> run_etcd(const std::string& dir, const Scale& scale) {
  if (::access("/usr/bin/etcd", X_OK) != 0) return {0, 0};
  const uint16_t port = free_port();
  const pid_t pid = start_etcd(dir, port, free_port());
  bool up = false;
  for (int i = 0; i < 200 && !up; ++i) {
    usleep(50'000);
    const Fd fd = connect_to(port);
    up = fd && put(fd.get(), "/warm", "up");
  }
  std::pair<double, double> rates{0, 0};
  if (up) {
    rates.first = bench_etcd(port, "etcd-put-1", 1, scale.writes_one);
    rates.second = bench_etcd(port, "etcd-put-64", scale.clients, scale.writes_many);
  }
  ::kill(pid, SIGTERM);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (up) std::printf("%-28s %8.2f s of CPU in all\n", "etcd", cpu_seconds(RUSAGE_CHILDREN));
  return rates;
}

// ---- disk

int64_t bytes_written() {
  FILE* file = std::fopen("/proc/self/io", "r");
  if (file == nullptr) return 0;
  char line[128];
  long long bytes = 0;
  while (std::fgets(line, sizeof line, file) != nullptr)
    std::sscanf(line, "write_bytes: %lld", &bytes);
  std::fclose(file);
  return bytes;
}

double fdatasync_p50(const std::string& dir) {
  const Fd fd(::open((dir + "/sync").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const std::string block(4096, 'b');
  for (int i = 0; i < 256; ++i) (void)!::pwrite(fd.get(), block.data(), block.size(), i * 4096);
  ::fsync(fd.get());
  return timed(1, 256, [&](int, int i) {
    return ::pwrite(fd.get(), block.data(), block.size(), i * 4096) == 4096 &&
           ::fdatasync(fd.get()) == 0;
  })[128];
}

void bench_updates(Store& store, int updates) {
  constexpr int kKeys = 100;
  std::vector<Revision> revisions;
  for (int i = 0; i < kKeys; ++i)
    revisions.push_back(
        submit_and_wait(store, write_of(Write::Kind::kCreate, key_of("updated", 0, i), {}))
            .value()
            .modified);
  const int64_t before = bytes_written();
  for (int i = 0; i < updates; ++i) {
    Revision& revision = revisions[static_cast<size_t>(i * 37 % kKeys)];
    Write write = write_of(Write::Kind::kUpdate, key_of("updated", 0, i * 37 % kKeys), revision);
    write.head += std::string(static_cast<size_t>(i % 7), 'x');  // sizes change, as statuses do
    revision = submit_and_wait(store, std::move(write)).value().modified;
  }
  std::printf("%-28s %8.0f bytes (2 KB value, one client)\n", "written per update",
              static_cast<double>(bytes_written() - before) / updates);
}

void bench_open(const SqliteOptions& options, int objects) {
  {
    auto store = open_sqlite_store(options).value();
    for (int i = 0; i < objects; ++i) {
      store->submit(write_of(Write::Kind::kCreate, key_of("many", 0, i), {}), [](Result<Entry>) {});
    }
  }
  const auto start = SteadyClock::now();
  auto store = open_sqlite_store(options).value();
  const double opened = seconds_since(start);
  const auto list_start = SteadyClock::now();
  const size_t count = store->list("/registry/", {}).value().entries.size();
  std::printf("%-28s %8.0f ms to open and verify, %.0f ms to list (%zu)\n", "start", opened * 1e3,
              seconds_since(list_start) * 1e3, count);
}

int run(const Scale& scale) {
  char dir[] = "/var/tmp/kist-bench-XXXXXX";
  if (mkdtemp(dir) == nullptr) return 1;
  const std::string base(dir);
  std::printf("%-28s %8.0f us p50\n", "fdatasync of 4 KB", fdatasync_p50(base));
  SqliteOptions options{.path = base + "/kist.db", .backups_max = 0};
  double one = 0, many = 0;
  {
    const auto store = open_sqlite_store(options).value();
    one = bench_store(*store, "kist-create-1", 1, scale.writes_one);
    many = bench_store(*store, "kist-create-64", scale.clients, scale.writes_many);
    bench_updates(*store, scale.updates);
  }
  const auto [etcd_one, etcd_many] = run_etcd(base + "/etcd", scale);
  if (etcd_one > 0)
    std::printf("%-28s %8.1f x at 1 client, %.1f x at %d\n", "kist to etcd", one / etcd_one,
                many / etcd_many, scale.clients);
  options.path = base + "/many.db";
  bench_open(options, scale.objects);
  std::filesystem::remove_all(base);
  return 0;
}

}  // namespace
}  // namespace kist::datastore

int main(int argc, char** argv) {
  kist::datastore::Scale scale;
  if (argc > 1 && std::strcmp(argv[1], "--quick") == 0)
    scale = {.writes_one = 20, .writes_many = 5, .clients = 8, .updates = 20, .objects = 200};
  return kist::datastore::run(scale);
}
