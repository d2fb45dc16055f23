// What Services and pods cost the node's network, against a chain for each Service as other proxies
// write them, by nft and by iptables, in the same run.
//
//   build-bench/tests/bench/network_bench [--quick] [SERVICES]
//
// In a network namespace of its own; wants root, exit code 77 without. One figure a line: wall time,
// and CPU of this process and its children (the kernel works on their account). Of each Service
// there are three endpoints; a change replaces one endpoint of one Service.
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "kist/cni/bridge_network.h"
#include "kist/cni/service_table.h"

namespace kist::cni {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr int kEndpoints = 3;

struct Scale {
  int services = 1000, changes = 200, peer_changes = 10, pods = 50;
};

double cpu_of(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double cpu_seconds() { return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN); }

// The median wall time and the mean CPU time of one of `times` calls.
void report(const char* what, int times, const std::function<void(int)>& call) {
  std::vector<double> wall;
  const double cpu = cpu_seconds();
  for (int i = 0; i < times; ++i) {
    const auto start = SteadyClock::now();
    call(i);
    wall.push_back(std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count());
  }
  std::sort(wall.begin(), wall.end());
  std::printf("%-44s %9.3f ms  cpu %9.3f ms\n", what, wall[wall.size() / 2],
              (cpu_seconds() - cpu) * 1e3 / times);
}

void must(const Result<>& result) {
  if (result.ok()) return;
  std::fprintf(stderr, "network_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

std::string service_ip(int i) {
  return "10.43." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
}
std::string endpoint_ip(int i, int slot) {
  const int n = i * kEndpoints + slot;
  return "10.42." + std::to_string(n / 250 % 250) + "." + std::to_string(n % 250 + 2);
}
// The one that takes the place of slot 0 in the nth change.
std::string spare_ip(int n) { return "10.44.0." + std::to_string(n % 250 + 1); }

// --- ours ---

Frontend frontend(int i) { return {IpAddress::parse(service_ip(i)).value(), Protocol::kTcp, 80}; }

Backends backends(int i, const std::string& first) {
  Backends made;
  for (int slot = 0; slot < kEndpoints; ++slot)
    made.endpoints.push_back(
        {IpAddress::parse(slot == 0 ? first : endpoint_ip(i, slot)).value(), 8080});
  return made;
}

void bench_ours(const Scale& scale) {
  const auto table =
      make_service_table({.service_cidrs = {IpPrefix::parse("10.43.0.0/16").value()}});
  must(table->start());
  Services services;
  for (int i = 0; i < scale.services; ++i) services[frontend(i)] = backends(i, endpoint_ip(i, 0));
  report("kist: all Services", 1, [&](int) { must(table->replace(services)); });
  report("kist: one endpoint", scale.changes, [&](int n) {
    must(table->apply({{frontend(n % scale.services), backends(n % scale.services, spare_ip(n))}}));
  });
  report("kist: restart, nothing changed", 1, [&](int) { must(table->start()); });
  must(table->remove_all());
}

void bench_pods(const Scale& scale) {
  auto network =
      make_bridge_network({.bridge = "kb0", .pod_cidrs = {IpPrefix::parse("10.42.0.0/16").value()}})
          .value();
  must(network->start({}));
  std::vector<Fd> netns(static_cast<size_t>(scale.pods));
  report("kist: pod's network namespace", scale.pods,
         [&](int n) { netns[static_cast<size_t>(n)] = network->take_netns().value(); });
  report("kist: attach a pod", scale.pods, [&](int n) {
    const AttachRequest request{.sandbox = "s" + std::to_string(n),
                                .netns = netns[static_cast<size_t>(n)].get()};
    (void)network->attach(request).value();
  });
  report("kist: detach a pod", scale.pods,
         [&](int n) { must(network->detach("s" + std::to_string(n))); });
  must(network->remove_all());
}

// --- the others: their files are written before the clock starts ---

class Peer {
 public:
  Peer(std::string command, std::filesystem::path file)
      : command_(std::move(command)), file_(std::move(file)) {}
  void prepare(const std::string& text) const { std::ofstream(file_) << text; }
  bool run() const {
    return std::system((command_ + " < " + file_.string() + " 2>/dev/null").c_str()) == 0;
  }

 private:
  const std::string command_;
  const std::filesystem::path file_;
};

std::string nft_service(int i, const std::string& first) {
  const std::string number = std::to_string(i);
  std::string text, choice;
  for (int slot = 0; slot < kEndpoints; ++slot) {
    const std::string chain = "ep-" + number + "-" + std::to_string(slot);
    text += "add chain ip peer " + chain + "\nflush chain ip peer " + chain + "\n";
    text += "add rule ip peer " + chain + " meta l4proto tcp dnat to " +
            (slot == 0 ? first : endpoint_ip(i, slot)) + ":8080\n";
    choice += (slot ? ", " : "") + std::to_string(slot) + " : goto " + chain;
  }
  text += "add chain ip peer svc-" + number + "\nflush chain ip peer svc-" + number + "\n";
  return text + "add rule ip peer svc-" + number + " numgen random mod 3 vmap { " + choice + " }\n";
}

std::string nft_all(int services) {
  std::string text =
      "add table ip peer\nadd chain ip peer pre { type nat hook prerouting priority -100 ; }\n"
      "add map ip peer services { type ipv4_addr . inet_proto . inet_service : verdict ; }\n"
      "add rule ip peer pre ip daddr . meta l4proto . th dport vmap @services\n";
  for (int i = 0; i < services; ++i) {
    text += nft_service(i, endpoint_ip(i, 0));
    text += "add element ip peer services { " + service_ip(i) + " . tcp . 80 : goto svc-" +
            std::to_string(i) + " }\n";
  }
  return text;
}

std::string iptables_service(int i, const std::string& first) {
  const std::string number = std::to_string(i);
  std::string chains = ":SVC-" + number + " - [0:0]\n", rules;
  for (int slot = 0; slot < kEndpoints; ++slot) {
    const std::string chain = "SEP-" + number + "-" + std::to_string(slot);
    const std::string ip = slot == 0 ? first : endpoint_ip(i, slot);
    chains += ":" + chain + " - [0:0]\n";
    rules += "-A SVC-" + number;
    if (slot + 1 < kEndpoints)
      rules +=
          " -m statistic --mode random --probability " + std::to_string(1.0 / (kEndpoints - slot));
    rules +=
        " -j " + chain + "\n-A " + chain + " -p tcp -j DNAT --to-destination " + ip + ":8080\n";
  }
  return chains + rules;
}

std::string iptables_all(int services) {
  std::string text = "*nat\n:SERVICES - [0:0]\n-A PREROUTING -j SERVICES\n";
  for (int i = 0; i < services; ++i) text += iptables_service(i, endpoint_ip(i, 0));
  for (int i = 0; i < services; ++i)
    text += "-A SERVICES -d " + service_ip(i) + "/32 -p tcp --dport 80 -j SVC-" +
            std::to_string(i) + "\n";
  return text + "COMMIT\n";
}

void bench_peer(const std::string& name, const Peer& peer, const Scale& scale,
                const std::string& all, const std::function<std::string(int)>& change) {
  peer.prepare(all);
  bool ok = true;
  report((name + ": all Services").c_str(), 1, [&](int) { ok = peer.run(); });
  if (!ok) return void(std::printf("%s: cannot run here, its figures are void\n", name.c_str()));
  peer.prepare(change(0));
  report((name + ": one endpoint").c_str(), scale.peer_changes, [&](int) { ok &= peer.run(); });
  if (!ok) std::printf("%s: a change failed, its figures are void\n", name.c_str());
}

int run(const Scale& scale) {
  if (::unshare(CLONE_NEWNET) != 0) {
    std::perror("network_bench: skipped: unshare");
    return 77;
  }
  std::printf("%d Services of %d endpoints\n", scale.services, kEndpoints);
  bench_ours(scale);
  char directory[] = "/tmp/network_bench.XXXXXX";
  if (::mkdtemp(directory) == nullptr) return 1;
  const std::filesystem::path file = std::filesystem::path(directory) / "rules";
  bench_peer("nft chains", {"nft -f -", file}, scale, nft_all(scale.services),
             [](int n) { return nft_service(0, spare_ip(n)); });
  (void)std::system("nft delete table ip peer 2>/dev/null");
  bench_peer("iptables chains", {"iptables-restore --noflush", file}, scale,
             iptables_all(scale.services),
             [](int n) { return "*nat\n" + iptables_service(0, spare_ip(n)) + "COMMIT\n"; });
  std::filesystem::remove_all(directory);
  bench_pods(scale);
  return 0;
}

}  // namespace
}  // namespace kist::cni

int main(int argc, char** argv) {
  kist::cni::Scale scale;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      scale = {.services = 20, .changes = 3, .peer_changes = 1, .pods = 3};
    } else {
      scale.services = std::clamp(std::atoi(argv[i]), 1, 10'000);
    }
  }
  return kist::cni::run(scale);
}
