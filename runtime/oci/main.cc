// From words to a command and its exit code.
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "kist/base/json.h"
#include "kist/runtime/oci.h"
#include "runtime/oci/commands.h"

namespace kist::runtime::oci {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

std::vector<OptionRow> global_rows(GlobalOptions& o) {
  return {{"root", 0, &o.root},
          {"log", 0, &o.log},
          {"log-format", 0, &o.log_format},
          {"cgroup-manager", 0, &o.cgroup_manager},
          {"rootless", 0, &o.rootless},
          {"debug", 0, &o.debug},
          {"systemd-cgroup", 0, &o.systemd_cgroup},
          {"help", 'h', &o.help}};
}

std::vector<OptionRow> create_options(CommandOptions& o) {
  return {{"bundle", 'b', &o.bundle},
          {"config", 'f', &o.config},
          {"console-socket", 0, &o.console_socket},
          {"pid-file", 0, &o.pid_file},
          {"preserve-fds", 0, &o.preserve_fds},
          {"no-pivot", 0, &o.no_pivot},
          {"no-new-keyring", 0, &o.no_new_keyring},
          {"no-subreaper", 0, &o.no_subreaper}};
}

std::vector<OptionRow> run_options(CommandOptions& o) {
  std::vector<OptionRow> rows = create_options(o);
  rows.push_back({"detach", 'd', &o.detach});
  return rows;
}

std::vector<OptionRow> exec_options(CommandOptions& o) {
  return {{"apparmor", 0, &o.apparmor},
          {"cgroup", 0, &o.cgroup},
          {"console-socket", 0, &o.console_socket},
          {"cwd", 0, &o.cwd},
          {"cap", 'c', &o.capabilities},
          {"detach", 'd', &o.detach},
          {"env", 'e', &o.environment},
          {"no-new-privs", 0, &o.no_new_privs},
          {"pid-file", 0, &o.pid_file},
          {"preserve-fds", 0, &o.preserve_fds},
          {"process-label", 0, &o.process_label},
          {"process", 'p', &o.process},
          {"tty", 't', &o.terminal},
          {"user", 'u', &o.user}};
}

std::vector<OptionRow> update_options(CommandOptions& o) {
  return {{"blkio-weight", 0, &o.blkio_weight},
          {"cpu-period", 0, &o.cpu_period},
          {"cpu-quota", 0, &o.cpu_quota},
          {"cpu-share", 0, &o.cpu_shares},
          {"cpuset-cpus", 0, &o.cpuset_cpus},
          {"cpuset-mems", 0, &o.cpuset_mems},
          {"memory", 0, &o.memory},
          {"memory-reservation", 0, &o.memory_reservation},
          {"memory-swap", 0, &o.memory_swap},
          {"pids-limit", 0, &o.pids_limit},
          {"resources", 'r', &o.resources}};
}

std::vector<OptionRow> no_options(CommandOptions&) { return {}; }
std::vector<OptionRow> kill_options(CommandOptions& o) { return {{"all", 'a', &o.all}}; }
std::vector<OptionRow> delete_options(CommandOptions& o) { return {{"force", 'f', &o.force}}; }
std::vector<OptionRow> ps_options(CommandOptions& o) { return {{"format", 'f', &o.format}}; }
std::vector<OptionRow> list_options(CommandOptions& o) {
  return {{"format", 'f', &o.format}, {"quiet", 'q', &o.quiet}};
}
std::vector<OptionRow> events_options(CommandOptions& o) {
  return {{"stats", 0, &o.stats}, {"interval", 0, &o.interval}};
}
std::vector<OptionRow> spec_options(CommandOptions& o) {
  return {{"bundle", 'b', &o.bundle}, {"file", 'f', &o.file}, {"rootless", 0, &o.rootless}};
}

std::string program_help() {
  std::string text =
      "kist oci runs containers after the OCI runtime specification.\n\n"
      "usage: kist oci [--root DIR] [--log FILE] [--log-format text|json] COMMAND "
      "...\n\ncommands:\n";
  for (const CommandRow& row : command_rows()) {
    std::string line = "  " + std::string(row.name);
    line.resize(std::max<size_t>(line.size() + 1, 12), ' ');
    text += line + row.summary + "\n";
  }
  return text + "\nkist oci COMMAND --help tells its flags.\n";
}

std::string command_help(const CommandRow& row) {
  std::string text =
      "usage: kist oci " + std::string(row.name) + " " + row.usage + "\n\n" + row.summary + "\n";
  CommandOptions defaults;
  const std::vector<OptionRow> rows = row.rows(defaults);
  if (!rows.empty()) text += "\nflags:\n";
  for (const OptionRow& one : rows) {
    text += "  --" + std::string(one.name) +
            (std::holds_alternative<bool*>(one.target) ? "" : " VALUE");
    if (one.letter != 0) text += ", -" + std::string(1, one.letter);
    text += "\n";
  }
  return text;
}

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

Result<> check_global(const GlobalOptions& global) {
  if (global.systemd_cgroup || global.cgroup_manager == "systemd") {
    return Error{Code::kInvalid,
                 "cgroups by systemd are not supported: use --cgroup-manager=cgroupfs"};
  }
  if (global.log_format != "text" && global.log_format != "json") {
    return Error{Code::kInvalid, "--log-format: must be text or json"};
  }
  if (global.root.empty() || global.root[0] != '/') {
    return Error{Code::kInvalid, "--root: must be an absolute path"};
  }
  return {};
}

Result<int> run_command(const GlobalOptions& global, const CommandRow& row,
                        std::vector<std::string> words) {
  Call call{global, {}, {}};
  std::vector<OptionRow> rows = row.rows(call.options);
  rows.push_back({"help", 'h', &call.options.help});
  TRY(row.program_follows ? take_options(rows, words) : take_mixed_options(rows, words));
  if (call.options.help) return print(stdout, command_help(row)), 0;
  if (words.size() < row.words_min || words.size() > row.words_max) {
    return Error{Code::kInvalid, "usage: kist oci " + std::string(row.name) + " " + row.usage};
  }
  call.words = std::move(words);
  return row.run(call);
}

}  // namespace

const std::vector<CommandRow>& command_rows() {
  constexpr size_t kMany = SIZE_MAX;
  static const std::vector<CommandRow> rows = {
      {"create", "[flags] ID", "build a container; its program waits for start", 1, 1, false,
       create_options, run_create},
      {"delete", "[--force] ID", "remove what is left of a container", 1, 1, false, delete_options,
       run_delete},
      {"events", "[--stats] ID", "usage of cpu, memory and pids as JSON", 1, 1, false,
       events_options, run_events},
      {"exec", "[flags] ID COMMAND...", "run one more program in a container", 1, kMany, true,
       exec_options, run_exec},
      {"features", "", "what this runtime can do, as JSON", 0, 0, false, no_options, run_features},
      {"kill", "[--all] ID [SIGNAL]", "send a signal, TERM if none is named", 1, 2, false,
       kill_options, run_kill},
      {"list", "[--quiet] [--format table|json]", "containers below --root", 0, 0, false,
       list_options, run_list},
      {"pause", "ID", "freeze a container", 1, 1, false, no_options, run_pause},
      {"ps", "[--format table|json] ID", "processes of a container", 1, 1, false, ps_options,
       run_ps},
      {"resume", "ID", "let a paused container go on", 1, 1, false, no_options, run_resume},
      {"run", "[flags] ID", "create, start and, if not detached, wait and delete", 1, 1, false,
       run_options, run_run},
      {"spec", "[--bundle DIR]", "write a config.json to start from", 0, 0, false, spec_options,
       run_spec},
      {"start", "ID", "run the program of a created container", 1, 1, false, no_options, run_start},
      {"state", "ID", "state of a container as JSON", 1, 1, false, no_options, run_state},
      {"update", "[flags] ID", "change limits of a container", 1, 1, false, update_options,
       run_update},
  };
  return rows;
}

void log_line(const GlobalOptions& global, const char* level, const std::string& message) {
  std::string line = "kist oci: " + std::string(level) + ": " + message + "\n";
  if (!global.log.empty() && global.log_format == "json") {
    char time[32];
    const time_t now = ::time(nullptr);
    tm parts{};
    ::strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", ::gmtime_r(&now, &parts));
    json::Json document;
    document.root().SetObject();
    json::set(document.root(), "msg", message, document.allocator());
    json::set(document.root(), "level", level, document.allocator());
    json::set(document.root(), "time", time, document.allocator());
    line = json::to_text(document.root()) + "\n";
  }
  const Fd file(global.log.empty()
                    ? -1
                    : ::open(global.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  // A log that cannot be opened must not swallow the message.
  static_cast<void>(!::write(file ? file.get() : 2, line.data(), line.size()));
}

int run_oci(std::vector<std::string> words) {
  GlobalOptions global;
  Result<> valid = take_options(global_rows(global), words);
  if (global.help) return print(stdout, program_help()), 0;
  if (valid.ok()) valid = check_global(global);
  if (!valid.ok()) return log_line(global, "error", valid.error().message), kUsage;
  if (words.empty()) return print(stderr, program_help()), kUsage;
  const std::string name = words.front();
  words.erase(words.begin());
  for (const CommandRow& row : command_rows()) {
    if (name != row.name) continue;
    const Result<int> code = run_command(global, row, std::move(words));
    if (code.ok()) return code.value();
    log_line(global, "error", code.error().message);
    return kFailed;
  }
  log_line(global, "error", "unknown command \"" + name + "\"");
  return kUsage;
}

}  // namespace kist::runtime::oci
