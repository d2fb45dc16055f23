// What the front door costs, against nginx on the same machine in the same run.
//
// Run: build/tests/bench/net_bench            (needs nginx and wrk; see tests/bench/README.md)
// Prints CPU per small GET (plain and TLS, of the serving process, from /proc/PID/schedstat of its
// threads) and the resident memory of an idle TLS watch at 2,000 of them.
// Figures of record: tests/bench/BASELINE.md.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "http_client.h"
#include "kist/net/pki.h"
#include "kist/net/server.h"

namespace {

using namespace kist;
using kist::testing::HttpClient;

constexpr int kWatches = 2000;
constexpr int kConnections = 8;
constexpr int kSeconds = 3;

// A small object as a GET of the API server would answer it.
struct SmallHandler : net::Handler {
  Slice body = Slice::of(std::string(600, 'j'));
  std::vector<std::shared_ptr<net::Exchange>> watches;

  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override {
    if (request.path == "/watch") {
      exchange->begin(200, {{"Content-Type", "application/json"}});
      exchange->write({Slice::literal("{\"type\":\"BOOKMARK\"}\n")});
      watches.push_back(std::move(exchange));
      return;
    }
    exchange->respond(
        {.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-cache, private"}},
         .body = {body}});
  }
};

int64_t cpu_nanoseconds(pid_t pid) {
  int64_t total = 0;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    int64_t nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    total += nanoseconds;
  }
  return total;
}

int64_t pss_bytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  std::string word;
  int64_t kilobytes = 0;
  while (in >> word) {
    if (word != "Pss:") continue;
    in >> kilobytes;
    break;
  }
  return kilobytes * 1024;
}

// Requests that wrk got answered; -1 without wrk.
int64_t run_wrk(const std::string& url) {
  const std::string command = "wrk -t1 -c" + std::to_string(kConnections) + " -d" +
                              std::to_string(kSeconds) + "s " + url + " 2>/dev/null";
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return -1;
  char line[512];
  int64_t requests = -1;
  while (std::fgets(line, sizeof line, pipe)) {
    long long count = 0;
    if (std::sscanf(line, " %lld requests in", &count) == 1) requests = count;
  }
  ::pclose(pipe);
  return requests;
}

double microseconds_per_get(pid_t pid, const std::string& url) {
  const int64_t before = cpu_nanoseconds(pid);
  const int64_t requests = run_wrk(url);
  const int64_t used = cpu_nanoseconds(pid) - before;
  return requests > 0 ? static_cast<double>(used) / 1000 / static_cast<double>(requests) : -1;
}

struct Ports {
  uint16_t plain = 0, tls = 0;
};

// Runs `serve` in a process of its own, which reports its ports through a pipe and then waits.
template <typename Serve>
pid_t fork_server(Serve serve, Ports& ports) {
  int ends[2];
  if (::pipe(ends) != 0) return -1;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    serve(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  if (::read(ends[0], &ports, sizeof ports) != sizeof ports) ports = {};
  ::close(ends[0]);
  return pid;
}

void stop_process(pid_t pid) {
  ::kill(pid, SIGTERM);
  ::waitpid(pid, nullptr, 0);
}

void serve_ours(const net::TlsMaterial& material, int pipe) {
  SmallHandler handler;
  net::Server plain({}, handler);
  net::Server tls({.tls = material}, handler);
  if (!plain.start().ok() || !tls.start().ok()) return;
  const Ports ports{plain.port(), tls.port()};
  if (::write(pipe, &ports, sizeof ports) == sizeof ports) ::pause();
}

pid_t start_nginx(const std::string& directory, const net::TlsMaterial& material, Ports& ports) {
  SmallHandler unused;
  net::Server probe({}, unused), other({}, unused);  // find two free ports
  if (!probe.start().ok() || !other.start().ok()) return -1;
  ports = Ports{probe.port(), other.port()};
  probe.stop();
  other.stop();
  std::ofstream(directory + "/tls.crt") << material.certificate_pem;
  std::ofstream(directory + "/tls.key") << material.key_pem;
  std::ofstream(directory + "/nginx.conf")
      << "daemon off; master_process off; pid " << directory << "/pid; error_log stderr crit;\n"
      << "events { worker_connections 4096; }\n"
      << "http { access_log off; keepalive_requests 1000000000; default_type application/json;\n"
      << "server { listen 127.0.0.1:" << ports.plain << "; listen 127.0.0.1:" << ports.tls
      << " ssl; ssl_protocols TLSv1.3; ssl_certificate " << directory
      << "/tls.crt; ssl_certificate_key " << directory << "/tls.key;\n"
      << "location / { return 200 \"" << std::string(600, 'j') << "\"; } } }\n";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execlp("nginx", "nginx", "-p", directory.c_str(), "-c", (directory + "/nginx.conf").c_str(),
             "-e", "stderr", nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 200; ++i) {
    if (HttpClient({.port = ports.plain}).get("/").status == 200) return pid;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return -1;
}

void bench_gets(pid_t ours, Ports our_ports, pid_t nginx, Ports nginx_ports) {
  struct Row {
    const char* name;
    const char* scheme;
    uint16_t ours, nginx;
  };
  const Row rows[] = {{"small GET, plain", "http", our_ports.plain, nginx_ports.plain},
                      {"small GET, TLS 1.3", "https", our_ports.tls, nginx_ports.tls}};
  for (const Row& row : rows) {
    const auto url = [&](uint16_t port) {
      return std::string(row.scheme) + "://127.0.0.1:" + std::to_string(port) + "/api/v1/x";
    };
    const double kist_us = microseconds_per_get(ours, url(row.ours));
    const double nginx_us = nginx > 0 ? microseconds_per_get(nginx, url(row.nginx)) : -1;
    std::printf("%-20s kist %6.1f us CPU   nginx %6.1f us CPU   ratio %.2f\n", row.name, kist_us,
                nginx_us, kist_us / nginx_us);
  }
}

void bench_watches(pid_t ours, Ports ports, const std::string& ca,
                   const net::CertificatePair& client) {
  std::vector<HttpClient> watches;
  const auto open_one = [&] {
    watches.emplace_back(kist::testing::HttpClientOptions{.port = ports.tls,
                                                          .ca_pem = ca,
                                                          .certificate_pem = client.certificate_pem,
                                                          .key_pem = client.key_pem});
    return watches.back().open_stream("/watch").status == 200 && watches.back().next_line();
  };
  for (int i = 0; i < 50; ++i) open_one();  // what is allocated once is not the watches'
  const int64_t before = pss_bytes(ours);
  for (int i = 0; i < kWatches; ++i) {
    if (!open_one()) {
      std::printf("watch %d failed: %s\n", i, watches.back().last_error().c_str());
      return;
    }
  }
  const int64_t used = pss_bytes(ours) - before;
  const int64_t cpu = cpu_nanoseconds(ours);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  std::printf(
      "idle TLS watch       kist %6.1f KiB each at %d %s; CPU while idle %.3f ms a second\n",
      static_cast<double>(used) / 1024 / kWatches, kWatches,
      client.key_pem.empty() ? "(no client certificate)" : "(client certificates)",
      static_cast<double>(cpu_nanoseconds(ours) - cpu) / 2e6);
}

}  // namespace

int main() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  char name[] = "/tmp/kist-net-bench-XXXXXX";
  if (!::mkdtemp(name)) return 1;
  const std::string directory = name;
  const auto ca = net::make_ca("bench", system_clock()).value();
  const auto leaf = net::issue_server_certificate(ca, {"b", {"127.0.0.1"}}, system_clock()).value();
  const auto client =
      net::issue_client_certificate(ca, {"c", {"system:masters"}}, system_clock()).value();
  const net::TlsMaterial material{leaf.certificate_pem, leaf.key_pem, ca.certificate_pem};

  Ports our_ports, nginx_ports;
  const pid_t nginx = start_nginx(directory, material, nginx_ports);
  pid_t ours = fork_server([&](int pipe) { serve_ours(material, pipe); }, our_ports);
  bench_gets(ours, our_ports, nginx, nginx_ports);
  stop_process(ours);
  if (nginx > 0) stop_process(nginx);

  for (const net::CertificatePair& identity : {net::CertificatePair{}, client}) {
    ours = fork_server([&](int pipe) { serve_ours(material, pipe); }, our_ports);
    bench_watches(ours, our_ports, ca.certificate_pem, identity);
    stop_process(ours);
  }
  std::filesystem::remove_all(directory);
  return 0;
}
