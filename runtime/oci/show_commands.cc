// state, list, ps, events, spec, features: what only shows.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "kist/base/json.h"
#include "runtime/cgroup_files.h"
#include "runtime/names.h"
#include "runtime/oci/commands.h"
#include "runtime/oci/default_spec.h"

namespace kist::runtime::oci {
namespace {

using json::Value;
using Pool = json::Allocator;

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

Value texts(const std::vector<std::string_view>& all, Pool& pool) {
  Value array(rapidjson::kArrayType);
  for (const std::string_view text : all) array.PushBack(json::make_text(text, pool), pool);
  return array;
}

void set_number(Value& object, const char* name, uint64_t number, Pool& pool) {
  if (number != UINT64_MAX) json::set(object, name, Value(number), pool);
}

std::string stats_json(const std::string& id, const CgroupStats& stats) {
  json::Json document;
  Value& root = document.root();
  Pool& pool = document.allocator();
  root.SetObject();
  json::set(root, "type", "stats", pool);
  json::set(root, "id", id, pool);
  Value& data = json::child(root, "data", pool);
  Value& cpu = json::child(json::child(data, "cpu", pool), "usage", pool);
  set_number(cpu, "total", stats.cpu_usage_microseconds * 1000, pool);
  Value& throttling = json::child(json::child(data, "cpu", pool), "throttling", pool);
  set_number(throttling, "throttledTime", stats.cpu_throttled_microseconds * 1000, pool);
  Value& memory = json::child(json::child(data, "memory", pool), "usage", pool);
  set_number(memory, "usage", stats.memory_bytes, pool);
  set_number(memory, "limit", stats.memory_limit, pool);
  set_number(memory, "failcnt", stats.memory_failures, pool);
  Value& pids = json::child(data, "pids", pool);
  set_number(pids, "current", stats.pids, pool);
  set_number(pids, "limit", stats.pids_limit, pool);
  return json::to_text(root) + "\n";
}

struct Row {
  ContainerState state;
  Status status;
  std::string owner;
};

std::vector<Row> all_rows(const std::string& root) {
  std::vector<Row> rows;
  const CgroupHost host = find_cgroups("/");
  for (const std::string& id : StateDir::list(root)) {
    Result<StateDir> dir = StateDir::open(root, id);
    if (!dir.ok()) continue;  // gone since we looked
    Result<ContainerState> state = dir.value().read_state();
    if (!state.ok()) continue;
    const Status status = dir.value().status(state.value(), host);
    rows.push_back({std::move(state).value(), status, "root"});
  }
  return rows;
}

std::string table_of(const std::vector<Row>& rows) {
  size_t width = 5;
  for (const Row& row : rows) width = std::max(width, row.state.id.size() + 1);
  std::string text = padded("NAME", width) + padded("PID", 10) + padded("STATUS", 9) +
                     padded("BUNDLE PATH", 40) + padded("CREATED", 31) + "OWNER\n";
  for (const Row& row : rows) {
    const bool alive = row.status != Status::kStopped;
    text += padded(row.state.id, width) + padded(std::to_string(alive ? row.state.pid : 0), 10) +
            padded(std::string(status_word(row.status)), 9) + padded(row.state.bundle, 40) +
            padded(row.state.created, 31) + row.owner + "\n";
  }
  return text;
}

}  // namespace

Result<int> run_state(Call& call) {
  const Found found = TRY(find_container(call));
  print(to_json(found.state, found.status) + "\n");
  return 0;
}

Result<int> run_list(Call& call) {
  const std::vector<Row> rows = all_rows(call.global.root);
  if (call.options.quiet) {
    for (const Row& row : rows) print(row.state.id + "\n");
    return 0;
  }
  if (call.options.format == "table") return print(table_of(rows)), 0;
  if (call.options.format != "json") {
    return Error{Code::kInvalid, "--format: must be table or json"};
  }
  std::string text = "[";
  for (const Row& row : rows) {
    if (text.size() > 1) text += ",";
    text += to_json(row.state, row.status);
  }
  print(text + "]\n");
  return 0;
}

Result<int> run_ps(Call& call) {
  const Found found = TRY(find_container(call));
  const bool json = call.options.format == "json";
  if (!json && call.options.format != "table") {
    return Error{Code::kInvalid, "--format: must be table or json"};
  }
  std::string text = json ? "[" : "PID\n";
  for (const pid_t pid : found.cgroup().processes()) {
    if (json && text.size() > 1) text += ",";
    text += std::to_string(pid) + (json ? "" : "\n");
  }
  print(text + (json ? "]\n" : ""));
  return 0;
}

Result<int> run_events(Call& call) {
  Found found = TRY(find_container(call));
  if (found.status == Status::kStopped) {
    return Error{Code::kConflict, "container \"" + call.id() + "\" is stopped"};
  }
  int seconds = 0;
  const std::string& text = call.options.interval;
  const size_t digits = text.size() - (text.ends_with('s') ? 1 : 0);
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, seconds);
  if (error != std::errc() || end != text.data() + digits || seconds < 1 || seconds > 86400) {
    return Error{Code::kInvalid, "--interval: must be a number of seconds"};
  }
  const Cgroup cgroup = found.cgroup();
  const pid_t pid = found.state.pid;
  { const StateDir unlock = std::move(found.dir); }
  for (;;) {
    print(stats_json(call.id(), cgroup.stats()));
    std::fflush(stdout);
    if (call.options.stats) return 0;
    ::poll(nullptr, 0, seconds * 1000);
    if (process_start_time(pid) != found.state.pid_started) return 0;
  }
}

Result<int> run_spec(Call& call) {
  const std::string path =
      call.options.file.empty() ? call.options.bundle + "/config.json" : call.options.file;
  const std::string text = default_spec(call.options.rootless);
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return errno_error(path);
  }
  return 0;
}

Result<int> run_features(Call&) {
  json::Json document;
  Value& root = document.root();
  Pool& pool = document.allocator();
  root.SetObject();
  json::set(root, "ociVersionMin", "1.0.0", pool);
  json::set(root, "ociVersionMax", "1.2.0", pool);
  json::set(root, "hooks",
            texts({"prestart", "createRuntime", "createContainer", "startContainer", "poststart",
                   "poststop"},
                  pool),
            pool);
  std::vector<std::string_view> names;
  for (const MountOption& option : mount_options()) names.push_back(option.name);
  json::set(root, "mountOptions", texts(names, pool), pool);
  Value& linux_part = json::child(root, "linux", pool);
  names.clear();
  for (int kind = 0; kind <= static_cast<int>(NamespaceKind::kTime); ++kind) {
    names.push_back(namespace_word(static_cast<NamespaceKind>(kind)));
  }
  json::set(linux_part, "namespaces", texts(names, pool), pool);
  names.clear();
  for (int number = 0; number < kCapabilityCount; ++number)
    names.push_back(capability_name(number));
  json::set(linux_part, "capabilities", texts(names, pool), pool);
  Value& cgroup = json::child(linux_part, "cgroup", pool);
  for (const char* name : {"v1", "v2"}) json::set(cgroup, name, Value(true), pool);
  for (const char* name : {"systemd", "systemdUser"}) json::set(cgroup, name, Value(false), pool);
  Value& seccomp = json::child(linux_part, "seccomp", pool);
  json::set(seccomp, "enabled", Value(true), pool);
  json::set(seccomp, "actions",
            texts({"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
                   "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP"},
                  pool),
            pool);
  json::set(json::child(linux_part, "apparmor", pool), "enabled", Value(true), pool);
  json::set(json::child(linux_part, "selinux", pool), "enabled", Value(true), pool);
  json::set(json::child(json::child(linux_part, "mountExtensions", pool), "idmap", pool), "enabled",
            Value(true), pool);
  print(json::to_text(root) + "\n");
  return 0;
}

}  // namespace kist::runtime::oci
