// The monitor with real containers of Debian's busybox-static. Needs root; says so and passes without.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "kist/runtime/launcher.h"
#include "kist/runtime/monitor.h"

namespace kist::runtime {
namespace {

namespace fs = std::filesystem;
constexpr int kWaitMs = 20'000;

bool can_run() {
  if (::geteuid() == 0 && fs::exists("/bin/busybox")) return true;
  WARN("skipped: needs root and busybox-static");
  return false;
}

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// A monitor in a process of its own, its directory, and a root file system of busybox.
struct Fixture {
  Fixture() {
    char name[] = "/tmp/kist-monitor-XXXXXX";
    folder = ::mkdtemp(name);
    for (const char* part : {"/rootfs/bin", "/rootfs/proc", "/rootfs/dev", "/rootfs/sys"}) {
      fs::create_directories(folder + part);
    }
    fs::copy_file("/bin/busybox", folder + "/rootfs/bin/busybox");
    fs::create_symlink("busybox", folder + "/rootfs/bin/sh");
    begin();
  }
  ~Fixture() {
    client.reset();
    end_monitor(SIGKILL);
    // The next monitor ends what this test left running.
    begin();
    for (const ContainerStatus& status : client->list().value()) {
      (void)client->signal(status.id, {SIGKILL, true});
      while (!client->remove(status.id).ok()) std::this_thread::yield();
    }
    REQUIRE(client->shutdown().ok());
    ::waitpid(monitor, nullptr, 0);
    fs::remove_all(folder);
  }

  void begin() {
    monitor = ::fork();
    REQUIRE(monitor >= 0);
    if (monitor == 0) {
      ::execl(KIST_BINARY, "kist", "monitor", "--directory", (folder + "/run").c_str(), nullptr);
      ::_exit(127);
    }
    connect();
  }
  void connect() {
    for (;;) {
      Result<MonitorClient> connected = MonitorClient::connect(folder + "/run");
      if (connected.ok()) {
        client = std::make_unique<MonitorClient>(std::move(connected).value());
        REQUIRE(client->subscribe().ok());
        return;
      }
      REQUIRE(::waitpid(monitor, nullptr, WNOHANG) == 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  void end_monitor(int signal) {
    ::kill(monitor, signal);
    ::waitpid(monitor, nullptr, 0);
  }

  LaunchPlan plan(const std::string& script, bool terminal = false) {
    ContainerSpec spec;
    spec.id = "monitor-test-" + std::to_string(::getpid());
    spec.cgroups_path = "/kist-" + spec.id;  // leaves no parent behind
    spec.root.path = folder + "/rootfs";
    spec.process.arguments = {"/bin/busybox", "sh", "-c", script};
    spec.process.environment = {"PATH=/bin"};
    spec.process.cwd = "/";
    spec.process.terminal = terminal;
    for (const NamespaceKind kind :
         {NamespaceKind::kMount, NamespaceKind::kPid, NamespaceKind::kIpc, NamespaceKind::kUts}) {
      spec.namespaces.push_back({kind, {}});
    }
    spec.mounts.push_back({"/proc", "proc", "proc", {}, {}, {}});
    Result<Prepared> prepared = prepare(spec, read_host_facts("/"), {});
    if (!prepared.ok()) FAIL(prepared.error().message);
    return std::move(prepared).value().plan;
  }
  void run(const std::string& id, const std::string& script, bool input = false) {
    ContainerOptions options{.id = id, .log = {folder + "/" + id + ".log"}};
    options.standard_input = options.standard_input_once = input;
    Result<pid_t> created = client->create(options, plan(script));
    if (!created.ok()) FAIL(created.error().message);
    Result<> started = client->start(id);
    if (!started.ok()) FAIL(started.error().message);
  }
  MonitorEvent wait() {
    Result<std::optional<MonitorEvent>> event = client->next_event(kWaitMs);
    REQUIRE(event.ok());
    REQUIRE(event.value());
    return *event.value();
  }
  ContainerStatus status(const std::string& id) {
    for (const ContainerStatus& status : client->list().value()) {
      if (status.id == id) return status;
    }
    FAIL("no container " << id);
    return {};
  }
  std::string log(const std::string& id) { return read(folder + "/" + id + ".log"); }

  std::string folder;
  pid_t monitor = -1;
  std::unique_ptr<MonitorClient> client;
};

TEST_CASE("monitor: a container runs, logs and ends") {
  if (!can_run()) return;
  Fixture fixture;
  fixture.run("c1", "echo out; echo err >&2; exit 3");
  const MonitorEvent event = fixture.wait();
  CHECK(event.id == "c1");
  CHECK(event.exec.empty());
  CHECK(event.exit.code == 3);
  CHECK(event.exit.signal == 0);
  CHECK(fixture.log("c1").find(" stdout F out\n") != std::string::npos);
  CHECK(fixture.log("c1").find(" stderr F err\n") != std::string::npos);
  CHECK(fixture.status("c1").state == ContainerState::kExited);
  REQUIRE(fixture.client->remove("c1").ok());
  CHECK(fixture.client->list().value().empty());
}

TEST_CASE("monitor: the program waits for start") {
  if (!can_run()) return;
  Fixture fixture;
  REQUIRE(fixture.client
              ->create({.id = "c1", .log = {fixture.folder + "/c1.log"}}, fixture.plan("echo ran"))
              .ok());
  CHECK(fixture.status("c1").state == ContainerState::kCreated);
  CHECK(fixture.log("c1").empty());
  CHECK(fixture.client->create({.id = "c1"}, fixture.plan("true")).error().code ==
        Code::kAlreadyExists);
  REQUIRE(fixture.client->remove("c1").ok());
  CHECK(fixture.log("c1").empty());
}

TEST_CASE("monitor: errors reach the client") {
  if (!can_run()) return;
  Fixture fixture;
  CHECK(fixture.client->start("none").error().code == Code::kNotFound);
  CHECK(fixture.client->create({.id = "a/b"}, fixture.plan("true")).error().code == Code::kInvalid);
  LaunchPlan broken = fixture.plan("true");
  broken.process.arguments = {"/bin/nothing"};
  Result<pid_t> created = fixture.client->create({.id = "c1"}, broken);
  REQUIRE_FALSE(created.ok());
  CHECK(created.error().message.find("/bin/nothing") != std::string::npos);
  CHECK(fixture.client->list().value().empty());
}

TEST_CASE("monitor: signals, standard input and exec") {
  if (!can_run()) return;
  Fixture fixture;
  fixture.run("c1", "read line; echo got $line; exec sleep 1000", true);
  {
    Result<Fd> input = fixture.client->attach("c1", {.standard_in = true});
    REQUIRE(input.ok());
    REQUIRE(::write(input.value().get(), "word\n", 5) == 5);
  }
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  ProcessPlan process = fixture.plan("echo in $$; exit 7").process;
  REQUIRE(fixture.client->exec("c1", "e1", process, {-1, writing.get(), -1}).ok());
  writing.reset();
  const MonitorEvent ended = fixture.wait();
  CHECK(ended.exec == "e1");
  CHECK(ended.exit.code == 7);
  char text[64] = {};
  CHECK(::read(reading.get(), text, sizeof text - 1) > 0);
  CHECK(std::string(text).starts_with("in "));

  REQUIRE(fixture.client->remove("c1").error().code == Code::kConflict);
  REQUIRE(fixture.client->signal("c1", {SIGKILL, true}).ok());
  const MonitorEvent killed = fixture.wait();
  CHECK(killed.exit.signal == SIGKILL);
  CHECK(killed.exit.code == 137);
  CHECK(fixture.log("c1").find("F got word\n") != std::string::npos);
}

TEST_CASE("monitor: clients come and go") {
  if (!can_run()) return;
  Fixture fixture;
  fixture.run("c1", "read line; exit 5", true);
  Fd input = std::move(fixture.client->attach("c1", {.standard_in = true})).value();
  fixture.client.reset();
  input.reset();  // the container ends while nobody listens
  fixture.connect();
  while (fixture.status("c1").state != ContainerState::kExited) std::this_thread::yield();
  CHECK(fixture.status("c1").exit.code == 5);
}

TEST_CASE("monitor: an upgrade keeps everything open") {
  if (!can_run()) return;
  Fixture fixture;
  fixture.run("c1", "printf first; read line; echo $line; exit 4", true);
  while (fixture.status("c1").state != ContainerState::kRunning) std::this_thread::yield();
  const pid_t before = fixture.status("c1").pid;
  CHECK(fixture.client->upgrade("/nonexistent").error().code == Code::kNotFound);
  REQUIRE(fixture.client->upgrade(KIST_BINARY).ok());
  CHECK(fixture.status("c1").pid == before);
  {
    Result<Fd> input = fixture.client->attach("c1", {.standard_in = true});
    REQUIRE(input.ok());
    REQUIRE(::write(input.value().get(), "second\n", 7) == 7);
  }
  CHECK(fixture.wait().exit.code == 4);
  CHECK(fixture.log("c1").find("F firstsecond\n") != std::string::npos);
}

TEST_CASE("monitor: what a killed monitor left is ended and told") {
  if (!can_run()) return;
  Fixture fixture;
  fixture.run("c1", "exec sleep 1000");
  const pid_t pid = fixture.status("c1").pid;
  fixture.end_monitor(SIGKILL);
  fixture.begin();
  const ContainerStatus lost = fixture.status("c1");
  CHECK(lost.state == ContainerState::kExited);
  CHECK(lost.exit.lost);
  CHECK(lost.exit.code == 137);
  while (::kill(pid, 0) == 0) std::this_thread::yield();
  REQUIRE(fixture.client->remove("c1").ok());
}

TEST_CASE("monitor: two never serve one directory") {
  if (!can_run()) return;
  Fixture fixture;
  const Result<> second = run_monitor({fixture.folder + "/run"}, system_clock());
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == Code::kConflict);
}

}  // namespace
}  // namespace kist::runtime
