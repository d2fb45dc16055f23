#include "runtime/names.h"

#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/resource.h>

#include <charconv>
#include <csignal>

namespace kist::runtime {
namespace {

constexpr std::string_view kCapabilities[kCapabilityCount] = {"CAP_CHOWN",
                                                              "CAP_DAC_OVERRIDE",
                                                              "CAP_DAC_READ_SEARCH",
                                                              "CAP_FOWNER",
                                                              "CAP_FSETID",
                                                              "CAP_KILL",
                                                              "CAP_SETGID",
                                                              "CAP_SETUID",
                                                              "CAP_SETPCAP",
                                                              "CAP_LINUX_IMMUTABLE",
                                                              "CAP_NET_BIND_SERVICE",
                                                              "CAP_NET_BROADCAST",
                                                              "CAP_NET_ADMIN",
                                                              "CAP_NET_RAW",
                                                              "CAP_IPC_LOCK",
                                                              "CAP_IPC_OWNER",
                                                              "CAP_SYS_MODULE",
                                                              "CAP_SYS_RAWIO",
                                                              "CAP_SYS_CHROOT",
                                                              "CAP_SYS_PTRACE",
                                                              "CAP_SYS_PACCT",
                                                              "CAP_SYS_ADMIN",
                                                              "CAP_SYS_BOOT",
                                                              "CAP_SYS_NICE",
                                                              "CAP_SYS_RESOURCE",
                                                              "CAP_SYS_TIME",
                                                              "CAP_SYS_TTY_CONFIG",
                                                              "CAP_MKNOD",
                                                              "CAP_LEASE",
                                                              "CAP_AUDIT_WRITE",
                                                              "CAP_AUDIT_CONTROL",
                                                              "CAP_SETFCAP",
                                                              "CAP_MAC_OVERRIDE",
                                                              "CAP_MAC_ADMIN",
                                                              "CAP_SYSLOG",
                                                              "CAP_WAKE_ALARM",
                                                              "CAP_BLOCK_SUSPEND",
                                                              "CAP_AUDIT_READ",
                                                              "CAP_PERFMON",
                                                              "CAP_BPF",
                                                              "CAP_CHECKPOINT_RESTORE"};

struct Named {
  std::string_view name;
  int number;
};

constexpr Named kRlimits[] = {{"RLIMIT_AS", RLIMIT_AS},
                              {"RLIMIT_CORE", RLIMIT_CORE},
                              {"RLIMIT_CPU", RLIMIT_CPU},
                              {"RLIMIT_DATA", RLIMIT_DATA},
                              {"RLIMIT_FSIZE", RLIMIT_FSIZE},
                              {"RLIMIT_LOCKS", RLIMIT_LOCKS},
                              {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
                              {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
                              {"RLIMIT_NICE", RLIMIT_NICE},
                              {"RLIMIT_NOFILE", RLIMIT_NOFILE},
                              {"RLIMIT_NPROC", RLIMIT_NPROC},
                              {"RLIMIT_RSS", RLIMIT_RSS},
                              {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
                              {"RLIMIT_RTTIME", RLIMIT_RTTIME},
                              {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
                              {"RLIMIT_STACK", RLIMIT_STACK}};

struct NamespaceRow {
  NamespaceKind kind;
  std::string_view word, file;
  uint64_t flag;
};

constexpr NamespaceRow kNamespaces[] = {
    {NamespaceKind::kMount, "mount", "mnt", CLONE_NEWNS},
    {NamespaceKind::kPid, "pid", "pid", CLONE_NEWPID},
    {NamespaceKind::kNetwork, "network", "net", CLONE_NEWNET},
    {NamespaceKind::kIpc, "ipc", "ipc", CLONE_NEWIPC},
    {NamespaceKind::kUts, "uts", "uts", CLONE_NEWUTS},
    {NamespaceKind::kUser, "user", "user", CLONE_NEWUSER},
    {NamespaceKind::kCgroup, "cgroup", "cgroup", CLONE_NEWCGROUP},
    {NamespaceKind::kTime, "time", "time", CLONE_NEWTIME}};

constexpr Named kSignals[] = {
    {"HUP", SIGHUP},     {"INT", SIGINT},       {"QUIT", SIGQUIT},     {"ILL", SIGILL},
    {"TRAP", SIGTRAP},   {"ABRT", SIGABRT},     {"IOT", SIGABRT},      {"BUS", SIGBUS},
    {"FPE", SIGFPE},     {"KILL", SIGKILL},     {"USR1", SIGUSR1},     {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},   {"PIPE", SIGPIPE},     {"ALRM", SIGALRM},     {"TERM", SIGTERM},
    {"CHLD", SIGCHLD},   {"STKFLT", SIGSTKFLT}, {"CONT", SIGCONT},     {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN},     {"TTOU", SIGTTOU},     {"URG", SIGURG},
    {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ},     {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
    {"WINCH", SIGWINCH}, {"IO", SIGIO},         {"POLL", SIGIO},       {"PWR", SIGPWR},
    {"SYS", SIGSYS}};

using Effect = MountOption::Effect;
constexpr uint64_t kMsUnbindable = 1 << 17, kMsPrivate = 1 << 18, kMsSlave = 1 << 19,
                   kMsShared = 1 << 20;

// Attributes of one mount; each also exists with an "r" in front, for all mounts below.
constexpr MountOption kAttributes[] = {{"ro", Effect::kSet, MOUNT_ATTR_RDONLY},
                                       {"rw", Effect::kClear, MOUNT_ATTR_RDONLY},
                                       {"nosuid", Effect::kSet, MOUNT_ATTR_NOSUID},
                                       {"suid", Effect::kClear, MOUNT_ATTR_NOSUID},
                                       {"nodev", Effect::kSet, MOUNT_ATTR_NODEV},
                                       {"dev", Effect::kClear, MOUNT_ATTR_NODEV},
                                       {"noexec", Effect::kSet, MOUNT_ATTR_NOEXEC},
                                       {"exec", Effect::kClear, MOUNT_ATTR_NOEXEC},
                                       {"noatime", Effect::kSet, MOUNT_ATTR_NOATIME},
                                       {"atime", Effect::kClear, MOUNT_ATTR_NOATIME},
                                       {"strictatime", Effect::kSet, MOUNT_ATTR_STRICTATIME},
                                       {"nostrictatime", Effect::kClear, MOUNT_ATTR_STRICTATIME},
                                       {"nodiratime", Effect::kSet, MOUNT_ATTR_NODIRATIME},
                                       {"diratime", Effect::kClear, MOUNT_ATTR_NODIRATIME},
                                       {"nosymfollow", Effect::kSet, MOUNT_ATTR_NOSYMFOLLOW},
                                       {"symfollow", Effect::kClear, MOUNT_ATTR_NOSYMFOLLOW}};

constexpr MountOption kOthers[] = {{"relatime", Effect::kNothing},  // the kernel's default
                                   {"norelatime", Effect::kNothing},
                                   {"defaults", Effect::kNothing},
                                   {"nofail", Effect::kNothing},
                                   {"z", Effect::kNothing},  // relabelling is the engine's
                                   {"Z", Effect::kNothing},
                                   {"bind", Effect::kBind, 0},
                                   {"rbind", Effect::kBind, 0, true},
                                   {"private", Effect::kPropagation, kMsPrivate},
                                   {"rprivate", Effect::kPropagation, kMsPrivate, true},
                                   {"shared", Effect::kPropagation, kMsShared},
                                   {"rshared", Effect::kPropagation, kMsShared, true},
                                   {"slave", Effect::kPropagation, kMsSlave},
                                   {"rslave", Effect::kPropagation, kMsSlave, true},
                                   {"unbindable", Effect::kPropagation, kMsUnbindable},
                                   {"runbindable", Effect::kPropagation, kMsUnbindable, true},
                                   {"tmpcopyup", Effect::kCopyUp},
                                   {"idmap", Effect::kIdmap},
                                   {"ridmap", Effect::kIdmap, 0, true}};

std::vector<MountOption> all_mount_options() {
  std::vector<MountOption> all(std::begin(kAttributes), std::end(kAttributes));
  all.insert(all.end(), std::begin(kOthers), std::end(kOthers));
  static const std::vector<std::string> recursive_names = [] {
    std::vector<std::string> names;
    for (const MountOption& one : kAttributes) names.push_back("r" + std::string(one.name));
    return names;
  }();
  for (size_t i = 0; i < recursive_names.size(); ++i) {
    all.push_back({recursive_names[i], kAttributes[i].effect, kAttributes[i].value, true});
  }
  return all;
}

std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <size_t N>
std::optional<int> find_number(const Named (&table)[N], std::string_view name) {
  for (const Named& row : table) {
    if (row.name == name) return row.number;
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> capability_number(std::string_view name) {
  for (int i = 0; i < kCapabilityCount; ++i) {
    if (kCapabilities[i] == name) return i;
  }
  return std::nullopt;
}

std::string_view capability_name(int number) { return kCapabilities[number]; }
std::optional<int> rlimit_number(std::string_view name) { return find_number(kRlimits, name); }

uint64_t namespace_flag(NamespaceKind kind) { return kNamespaces[static_cast<int>(kind)].flag; }
std::string_view namespace_word(NamespaceKind kind) {
  return kNamespaces[static_cast<int>(kind)].word;
}
std::string_view namespace_file(NamespaceKind kind) {
  return kNamespaces[static_cast<int>(kind)].file;
}

std::optional<NamespaceKind> namespace_kind(std::string_view word) {
  for (const NamespaceRow& row : kNamespaces) {
    if (row.word == word) return row.kind;
  }
  return std::nullopt;
}

std::optional<int> signal_number(std::string_view text) {
  if (const auto number = parse_number(text)) {
    return *number > 0 && *number <= SIGRTMAX ? number : std::nullopt;
  }
  if (text.starts_with("SIG")) text.remove_prefix(3);
  if (text == "RTMIN") return SIGRTMIN;
  if (text == "RTMAX") return SIGRTMAX;
  if (text.starts_with("RTMIN+") || text.starts_with("RTMAX-")) {
    const auto offset = parse_number(text.substr(6));
    if (!offset || *offset < 0 || *offset > SIGRTMAX - SIGRTMIN) return std::nullopt;
    return text[3] == 'M' && text[4] == 'I' ? SIGRTMIN + *offset : SIGRTMAX - *offset;
  }
  return find_number(kSignals, text);
}

const std::vector<MountOption>& mount_options() {
  static const std::vector<MountOption> options = all_mount_options();
  return options;
}

const MountOption* find_mount_option(std::string_view name) {
  for (const MountOption& option : mount_options()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

}  // namespace kist::runtime
