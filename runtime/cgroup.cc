#include "kist/runtime/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <sstream>

#include "runtime/cgroup_devices.h"
#include "runtime/cgroup_files.h"
#include "runtime/sys.h"

namespace kist::runtime {
namespace {

// Hierarchies that say nothing about limits; joining them would only cost time.
constexpr std::string_view kUnused[] = {"perf_event", "net_cls", "net_prio",
                                        "rdma",       "misc",    "debug"};

void pause(long microseconds) {
  const timespec time{0, microseconds * 1000};
  ::nanosleep(&time, nullptr);
}

// The parts of a path: "/a", "/a/b" for "/a/b".
std::vector<std::string> prefixes(const std::string& path) {
  std::vector<std::string> all;
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    all.push_back(path.substr(0, at));
  }
  all.push_back(path);
  return all;
}

std::vector<std::string> children(const std::string& directory) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(directory.c_str());
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

void collect_processes(const std::string& directory, std::vector<pid_t>& pids) {
  const std::string text = read_file(directory + "/cgroup.procs");
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc() && pid > 0) pids.push_back(pid);
    at = std::find(next, end, '\n');
    if (at < end) ++at;
  }
  for (const std::string& name : children(directory)) {
    collect_processes(directory + "/" + name, pids);
  }
}

// A container may have made groups of its own below: children first.
bool remove_tree(const std::string& directory) {
  if (::rmdir(directory.c_str()) == 0 || errno == ENOENT) return true;
  for (const std::string& name : children(directory)) remove_tree(directory + "/" + name);
  return ::rmdir(directory.c_str()) == 0 || errno == ENOENT;
}

// A new cpuset of v1 is empty and takes no process until it has what its parent has.
void inherit_cpuset(const std::string& directory) {
  const std::string parent = directory.substr(0, directory.rfind('/'));
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!read_file(directory + file).empty()) continue;
    // A failure shows when the process is added.
    static_cast<void>(write_file(directory + file, read_file(parent + file)));
  }
}

// Controllers reach a group of v2 only if every group above hands them down.
void hand_down_controllers(const std::string& directory) {
  std::istringstream names(read_file(directory + "/cgroup.controllers"));
  for (std::string name; names >> name;) {
    // One by one, so that one refusal (processes above) does not keep back the others.
    static_cast<void>(write_file(directory + "/cgroup.subtree_control", "+" + name));
  }
}

}  // namespace

CgroupHost find_cgroups(const std::string& root) {
  CgroupHost host;
  std::istringstream lines(read_file(root + "/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream front(line.substr(0, dash)), back(line.substr(dash + 3));
    std::string word, place, type, source, options;
    front >> word >> word >> word >> word >> place;
    back >> type >> source >> options;
    if (type == "cgroup2" && host.unified.empty())
      host.unified = root == "/" ? place : root + place;
    if (type != "cgroup") continue;
    std::istringstream controllers(options);
    for (std::string name; std::getline(controllers, name, ',');) {
      const bool known = name != "rw" && name != "ro" && !name.starts_with("name=") &&
                         name.find('=') == std::string::npos && name != "xattr" &&
                         name != "clone_children" && name != "noprefix";
      const bool used =
          std::find(std::begin(kUnused), std::end(kUnused), name) == std::end(kUnused);
      if (known && used) host.v1.emplace(name, root == "/" ? place : root + place);
    }
  }
  if (!host.unified.empty()) {
    const std::string controllers = read_file(host.unified + "/cgroup.controllers");
    host.unified_has_controllers = controllers.find("memory") != std::string::npos ||
                                   controllers.find("pids") != std::string::npos ||
                                   (host.v1.empty() && !controllers.empty());
    if (host.unified_has_controllers) host.v1.clear();
  }
  return host;
}

Cgroup::Cgroup(Cgroup&& other) noexcept { *this = std::move(other); }

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  if (this == &other) return *this;
  if (owned_) static_cast<void>(remove());
  host_ = std::move(other.host_);
  path_ = std::exchange(other.path_, {});
  unified_ = std::move(other.unified_);
  owned_ = std::exchange(other.owned_, false);
  return *this;
}

Cgroup::~Cgroup() {
  if (owned_) static_cast<void>(remove());  // best effort; a sweep finds what is left
}

std::vector<std::pair<std::string, std::string>> Cgroup::directories() const {
  std::vector<std::pair<std::string, std::string>> all;
  if (path_.empty()) return all;
  if (!host_.unified.empty()) all.emplace_back("", host_.unified + path_);
  std::set<std::string> seen;  // cpu and cpuacct are often one hierarchy
  for (const auto& [controller, mount] : host_.v1) {
    if (seen.insert(mount).second) all.emplace_back(controller, mount + path_);
  }
  return all;
}

Result<> Cgroup::make(const std::string& mount, const std::string& controller) {
  const std::vector<std::string> levels = prefixes(path_);
  if (controller.empty() && host_.unified_has_controllers) hand_down_controllers(mount);
  for (const std::string& level : levels) {
    const std::string directory = mount + level;
    const bool made = sys::mkdir(directory.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return errno_error("create cgroup " + directory);
    if (controller == "cpuset") inherit_cpuset(directory);
    if (controller.empty() && host_.unified_has_controllers && level != path_) {
      hand_down_controllers(directory);
    }
    if (!made && level == path_ && !read_file(directory + "/cgroup.procs").empty()) {
      return Error{Code::kAlreadyExists, "cgroup " + directory + " is in use by another container"};
    }
  }
  return {};
}

Result<Cgroup> Cgroup::create(const CgroupHost& host, const CgroupPlan& plan,
                              std::vector<std::string>& warnings) {
  Cgroup cgroup;
  cgroup.host_ = host;
  if (plan.path.empty()) return cgroup;
  if (host.none()) {
    warnings.push_back("no cgroups on this host: nothing is limited");
    return cgroup;
  }
  cgroup.path_ = plan.path;
  for (const auto& [controller, directory] : cgroup.directories()) {
    if (Result<> ready =
            cgroup.make(directory.substr(0, directory.size() - plan.path.size()), controller);
        !ready.ok()) {
      // Somebody else's group stays; ours, half built, goes.
      cgroup.owned_ = ready.error().code != Code::kAlreadyExists;
      return std::move(ready).error();
    }
  }
  cgroup.owned_ = true;
  if (!host.unified.empty()) {
    cgroup.unified_.reset(
        ::open((host.unified + plan.path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  TRY(cgroup.apply(plan.writes, warnings));
  if (!plan.device_program.empty() && cgroup.unified_) {
    TRY(attach_device_program(cgroup.unified_.get(), plan.device_program));
  }
  return cgroup;
}

Cgroup Cgroup::open(const CgroupHost& host, const std::string& path) {
  Cgroup cgroup;
  cgroup.host_ = host;
  cgroup.path_ = path;
  if (!host.unified.empty() && !path.empty()) {
    cgroup.unified_.reset(
        ::open((host.unified + path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  return cgroup;
}

Result<std::string> Cgroup::directory_of(const std::string& controller) const {
  if (host_.unified_has_controllers) return host_.unified + path_;
  const auto found = host_.v1.find(controller);
  if (found == host_.v1.end()) {
    return Error{Code::kNotFound, "no cgroup controller " + controller + " on this host"};
  }
  return found->second + path_;
}

Result<> Cgroup::add_process(pid_t pid, bool cloned_into) const {
  for (const auto& [controller, directory] : directories()) {
    if (controller.empty() && cloned_into) continue;
    if (controller.empty() && !unified_) continue;
    TRY(write_file(directory + "/cgroup.procs", std::to_string(pid)));
  }
  return {};
}

Result<> Cgroup::apply(const std::vector<CgroupWrite>& writes,
                       std::vector<std::string>& warnings) const {
  if (path_.empty()) return {};
  // Limits check each other (memory and memory with swap): what fails gets a second try when the
  // others are set.
  std::vector<const CgroupWrite*> again;
  for (const CgroupWrite& one : writes) {
    const std::string directory = TRY(directory_of(one.controller));
    if (!write_file(directory + "/" + one.file, one.value).ok()) again.push_back(&one);
  }
  for (const CgroupWrite* one : again) {
    const std::string directory = TRY(directory_of(one->controller));
    Result<> done = write_file(directory + "/" + one->file, one->value);
    if (done.ok()) continue;
    if (one->required) return done;
    warnings.push_back(done.error().message);
  }
  return {};
}

Result<> Cgroup::set_frozen(bool frozen) const {
  if (path_.empty()) return Error{Code::kInvalid, "the container has no cgroup to freeze"};
  const bool v1 = host_.v1.contains("freezer");
  if (v1) {
    const std::string file = host_.v1.at("freezer") + path_ + "/freezer.state";
    TRY(write_file(file, frozen ? "FROZEN" : "THAWED"));
    for (int i = 0; frozen && i < 1000 && read_file(file) != "FROZEN"; ++i) pause(1000);
    if (frozen && read_file(file) != "FROZEN") {
      return Error{Code::kTimeout, file + " does not become FROZEN"};
    }
    return {};
  }
  if (host_.unified.empty()) return Error{Code::kInvalid, "no freezer on this host"};
  TRY(write_file(host_.unified + path_ + "/cgroup.freeze", frozen ? "1" : "0"));
  const std::string events = host_.unified + path_ + "/cgroup.events";
  const uint64_t wanted = frozen ? 1 : 0;
  for (int i = 0; i < 1000 && read_keyed(events, "frozen") != wanted; ++i) pause(1000);
  if (read_keyed(events, "frozen") != wanted) {
    return Error{Code::kTimeout, events + " does not say frozen " + std::to_string(wanted)};
  }
  return {};
}

bool Cgroup::frozen() const {
  if (path_.empty()) return false;
  if (host_.v1.contains("freezer")) {
    return read_file(host_.v1.at("freezer") + path_ + "/freezer.state") != "THAWED" &&
           !read_file(host_.v1.at("freezer") + path_ + "/freezer.state").empty();
  }
  return !host_.unified.empty() && read_file(host_.unified + path_ + "/cgroup.freeze") == "1";
}

std::vector<pid_t> Cgroup::processes() const {
  std::vector<pid_t> pids;
  for (const auto& [controller, directory] : directories()) collect_processes(directory, pids);
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

void Cgroup::kill_all() const {
  if (path_.empty()) return;
  if (!host_.unified.empty()) {
    static_cast<void>(write_file(host_.unified + path_ + "/cgroup.kill", "1"));  // since Linux 5.14
  }
  std::vector<pid_t> left = processes();
  if (left.empty()) return;
  // Frozen, they cannot fork away from us; SIGKILL waits for the thaw.
  const bool froze = set_frozen(true).ok();
  for (const pid_t pid : processes()) ::kill(pid, SIGKILL);
  if (froze || frozen()) static_cast<void>(set_frozen(false));
}

CgroupStats Cgroup::stats() const {
  CgroupStats stats;
  if (path_.empty()) return stats;
  if (host_.unified_has_controllers) {
    const std::string base = host_.unified + path_;
    stats.memory_bytes = read_number(base + "/memory.current");
    stats.memory_limit = read_number(base + "/memory.max");
    stats.memory_failures = read_keyed(base + "/memory.events", "max");
    stats.oom_kills = read_keyed(base + "/memory.events", "oom_kill");
    stats.cpu_usage_microseconds = read_keyed(base + "/cpu.stat", "usage_usec");
    stats.cpu_throttled_microseconds = read_keyed(base + "/cpu.stat", "throttled_usec");
    stats.pids = read_number(base + "/pids.current");
    stats.pids_limit = read_number(base + "/pids.max");
    return stats;
  }
  const auto at = [&](const char* controller, const char* file) {
    const auto found = host_.v1.find(controller);
    return found == host_.v1.end() ? std::string() : found->second + path_ + "/" + file;
  };
  stats.memory_bytes = read_number(at("memory", "memory.usage_in_bytes"));
  stats.memory_limit = read_number(at("memory", "memory.limit_in_bytes"));
  stats.memory_failures = read_number(at("memory", "memory.failcnt"));
  stats.oom_kills = read_keyed(at("memory", "memory.oom_control"), "oom_kill");
  stats.cpu_usage_microseconds = read_number(at("cpuacct", "cpuacct.usage")) / 1000;
  stats.cpu_throttled_microseconds = read_keyed(at("cpu", "cpu.stat"), "throttled_time") / 1000;
  stats.pids = read_number(at("pids", "pids.current"));
  stats.pids_limit = read_number(at("pids", "pids.max"));
  return stats;
}

Result<> Cgroup::remove() {
  owned_ = false;
  std::vector<std::string> left;
  for (const auto& [controller, directory] : directories()) left.push_back(directory);
  long wait_microseconds = 200;
  // A killed process leaves its group a moment after it is gone for us.
  for (int round = 0; round < 60 && !left.empty(); ++round) {
    std::erase_if(left, remove_tree);
    if (left.empty()) break;
    kill_all();
    pause(wait_microseconds);
    wait_microseconds = std::min<long>(wait_microseconds * 2, 50000);
  }
  if (!left.empty()) return Error{Code::kUnavailable, "cgroup " + left.front() + " is still busy"};
  return {};
}

}  // namespace kist::runtime
