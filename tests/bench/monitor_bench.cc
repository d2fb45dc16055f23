// What the monitor costs: memory for each container, time and CPU to start one, bytes of log per
// second of CPU. Needs root and Debian's busybox-static.
//
//   build-bench/tests/bench/monitor_bench build-bench/src/cli/kist [CONTAINERS]
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "kist/runtime/launcher.h"
#include "kist/runtime/monitor.h"

namespace {

using namespace kist;
using namespace kist::runtime;
namespace fs = std::filesystem;
using Milliseconds = std::chrono::duration<double, std::milli>;

[[noreturn]] void fail(const Error& error) {
  std::fprintf(stderr, "monitor_bench: %s\n", error.message.c_str());
  std::exit(1);
}

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) fail(result.error());
  return std::move(result).value();
}

double pss_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string word; file >> word;) {
    if (word == "Pss:") return file >> word, std::stod(word);
  }
  return 0;
}

// schedstat counts nanoseconds; the ticks of /proc/PID/stat are too coarse.
double cpu_ms(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/schedstat");
  double nanoseconds = 0;
  file >> nanoseconds;
  return nanoseconds / 1e6;
}

struct Setup {
  std::string folder;
  pid_t monitor = -1;
};

Setup begin(const char* binary) {
  Setup setup;
  char name[] = "/tmp/kist-bench-XXXXXX";
  setup.folder = ::mkdtemp(name);
  for (const char* part : {"/rootfs/bin", "/rootfs/proc", "/rootfs/dev", "/rootfs/sys"}) {
    fs::create_directories(setup.folder + part);
  }
  fs::copy_file("/bin/busybox", setup.folder + "/rootfs/bin/busybox");
  setup.monitor = ::fork();
  if (setup.monitor == 0) {
    ::execl(binary, "kist", "monitor", "--directory", (setup.folder + "/run").c_str(), nullptr);
    ::_exit(127);
  }
  return setup;
}

LaunchPlan plan_of(const Setup& setup, const std::string& id, std::vector<std::string> arguments) {
  ContainerSpec spec;
  spec.id = "bench-" + id;
  spec.cgroups_path = "/kist-" + spec.id;
  spec.root.path = setup.folder + "/rootfs";
  spec.process.arguments = std::move(arguments);
  spec.process.arguments.insert(spec.process.arguments.begin(), "/bin/busybox");
  spec.process.cwd = "/";
  for (const NamespaceKind kind :
       {NamespaceKind::kMount, NamespaceKind::kPid, NamespaceKind::kIpc, NamespaceKind::kUts}) {
    spec.namespaces.push_back({kind, {}});
  }
  spec.mounts.push_back({"/proc", "proc", "proc", {}, {}, {}});
  return must(prepare(spec, read_host_facts("/"), {})).plan;
}

void start(MonitorClient& client, const Setup& setup, const std::string& id,
           std::vector<std::string> arguments) {
  const LaunchPlan plan = plan_of(setup, id, std::move(arguments));
  must(client.create({.id = id, .log = {setup.folder + "/" + id + ".log"}}, plan));
  must(client.start(id));
}

void end(MonitorClient& client, const std::string& id) {
  (void)client.signal(id, {SIGKILL, true});
  while (!client.remove(id).ok()) std::this_thread::yield();
}

void measure_containers(MonitorClient& client, const Setup& setup, int count) {
  const double empty = pss_kib(setup.monitor), cpu_before = cpu_ms(setup.monitor);
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) start(client, setup, "c" + std::to_string(i), {"sleep", "1000"});
  const Milliseconds took = std::chrono::steady_clock::now() - begun;
  const double full = pss_kib(setup.monitor);
  std::printf("monitor, no container        %8.0f KiB PSS\n", empty);
  std::printf("monitor, %4d containers     %8.0f KiB PSS, %.1f KiB each\n", count, full,
              (full - empty) / count);
  std::printf("create and start one         %8.2f ms, monitor's CPU %.2f ms\n",
              took.count() / count, (cpu_ms(setup.monitor) - cpu_before) / count);
  for (int i = 0; i < count; ++i) end(client, "c" + std::to_string(i));
}

void measure_log(MonitorClient& client, const Setup& setup) {
  constexpr int kMegabytes = 64;
  const std::string script =
      "yes 'a line of a log as programs print them, about 64 bytes....' | "
      "head -c " +
      std::to_string(kMegabytes * 1'000'000);
  const double cpu_before = cpu_ms(setup.monitor);
  must(client.subscribe());
  start(client, setup, "log", {"sh", "-c", script});
  while (must(client.next_event(-1))->id != "log") continue;
  const double cpu = cpu_ms(setup.monitor) - cpu_before;
  std::printf("log of short lines           %8.0f MB per second of CPU\n",
              kMegabytes / (cpu / 1000));
  end(client, "log");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || ::geteuid() != 0 || !fs::exists("/bin/busybox")) {
    std::fprintf(stderr, "usage (as root, with busybox-static): monitor_bench KIST [CONTAINERS]\n");
    return 2;
  }
  const Setup setup = begin(argv[1]);
  Result<MonitorClient> connected = MonitorClient::connect(setup.folder + "/run");
  while (!connected.ok()) connected = MonitorClient::connect(setup.folder + "/run");
  MonitorClient client = std::move(connected).value();
  measure_containers(client, setup, argc > 2 ? std::atoi(argv[2]) : 100);
  measure_log(client, setup);
  must(client.shutdown());
  ::waitpid(setup.monitor, nullptr, 0);
  fs::remove_all(setup.folder);
  return 0;
}
