#include "runtime/seccomp_profile.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "kist/base/fd.h"
#include "kist/base/text.h"

namespace kist::runtime {
namespace {

constexpr size_t kInstructionsMax = 4096;  // BPF_MAXINSNS
constexpr uint32_t kCacheFormat = 2;       // count up when compile() changes

struct Release {
  void operator()(void* context) const { ::seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

Error invalid(const std::string& field, const std::string& why) {
  return Error{Code::kInvalid, "linux.seccomp." + field + ": " + why};
}

Result<uint32_t> action_of(const std::string& name, std::optional<uint32_t> error,
                           const std::string& field) {
  const uint32_t number = error.value_or(EPERM);
  if (number > 4095) return invalid(field, "errnoRet is beyond 4095");
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(number);
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(error.value_or(0));
  if (name == "SCMP_ACT_NOTIFY") return invalid(field, "SCMP_ACT_NOTIFY is not supported");
  return invalid(field, "unknown action \"" + name + "\"");
}

Result<scmp_compare> compare_of(const std::string& name, const std::string& field) {
  constexpr std::pair<const char*, scmp_compare> kOperators[] = {
      {"SCMP_CMP_NE", SCMP_CMP_NE},
      {"SCMP_CMP_LT", SCMP_CMP_LT},
      {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ},
      {"SCMP_CMP_GE", SCMP_CMP_GE},
      {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  for (const auto& [word, value] : kOperators) {
    if (name == word) return value;
  }
  return invalid(field + ".op", "unknown operator \"" + name + "\"");
}

Result<uint32_t> flags_of(const std::vector<std::string>& names) {
  uint32_t flags = 0;
  for (const std::string& name : names) {
    if (name == "SECCOMP_FILTER_FLAG_TSYNC") continue;  // one thread: nothing to synchronise
    if (name == "SECCOMP_FILTER_FLAG_LOG") {
      flags |= SECCOMP_FILTER_FLAG_LOG;
    } else if (name == "SECCOMP_FILTER_FLAG_SPEC_ALLOW") {
      flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    } else {
      return invalid("flags", "unknown flag \"" + name + "\"");
    }
  }
  return flags;
}

Result<> add_architectures(scmp_filter_ctx context, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::string word = ascii_lower(name.starts_with("SCMP_ARCH_") ? name.substr(10) : name);
    const uint32_t token = ::seccomp_arch_resolve_name(word.c_str());
    if (token == 0) return invalid("architectures", "unknown architecture \"" + name + "\"");
    const int added = ::seccomp_arch_add(context, token);
    if (added != 0 && added != -EEXIST) {
      return errno_error("linux.seccomp.architectures: " + name, -added);
    }
  }
  return {};
}

Result<> add_rule(scmp_filter_ctx context, const SeccompRule& rule, uint32_t default_action,
                  const std::string& field) {
  const uint32_t action = TRY(action_of(rule.action, rule.errno_value, field + ".action"));
  if (action == default_action) return {};  // libseccomp refuses what changes nothing
  std::vector<scmp_arg_cmp> arguments;
  for (const SeccompArgument& argument : rule.arguments) {
    if (argument.index > 5) return invalid(field + ".args", "index is beyond 5");
    const scmp_compare op = TRY(compare_of(argument.op, field + ".args"));
    arguments.push_back({argument.index, op, argument.value, argument.value_two});
  }
  // Several tests of one argument mean "or" in these profiles, which takes a rule for each.
  bool repeated = false;
  for (size_t i = 1; i < arguments.size(); ++i) {
    for (size_t j = 0; j < i; ++j) repeated = repeated || arguments[i].arg == arguments[j].arg;
  }
  for (const std::string& name : rule.names) {
    const int number = ::seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) continue;  // of a newer kernel than this library knows
    int added = 0;
    if (repeated) {
      for (const scmp_arg_cmp& one : arguments) {
        if (added == 0) added = ::seccomp_rule_add_array(context, action, number, 1, &one);
      }
    } else {
      added = ::seccomp_rule_add_array(context, action, number,
                                       static_cast<unsigned>(arguments.size()), arguments.data());
    }
    if (added != 0 && added != -EEXIST)
      return errno_error("linux.seccomp." + field + ": " + name, -added);
  }
  return {};
}

Result<std::vector<uint64_t>> exported(scmp_filter_ctx context) {
  const Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return errno_error("memfd_create");
  if (const int done = ::seccomp_export_bpf(context, file.get()); done != 0) {
    return errno_error("compile linux.seccomp", -done);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return errno_error("compile linux.seccomp");
  std::vector<uint64_t> program(static_cast<size_t>(status.st_size) / sizeof(uint64_t));
  const size_t bytes = program.size() * sizeof(uint64_t);
  if (program.empty() || program.size() > kInstructionsMax) {
    return invalid("syscalls", "the profile is longer than the kernel takes");
  }
  if (::pread(file.get(), program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) {
    return errno_error("compile linux.seccomp");
  }
  return program;
}

Result<std::vector<uint64_t>> compile(const SeccompSpec& spec) {
  const uint32_t otherwise =
      TRY(action_of(spec.default_action, spec.default_errno, "defaultAction"));
  const Context context(::seccomp_init(otherwise));
  if (context == nullptr) return Error{Code::kInternal, "libseccomp does not start"};
  // no_new_privs is set, or not, by the process itself.
  ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0);
  ::seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree, not a list
  TRY(add_architectures(context.get(), spec.architectures));
  for (size_t i = 0; i < spec.rules.size(); ++i) {
    TRY(add_rule(context.get(), spec.rules[i], otherwise, "syscalls[" + std::to_string(i) + "]"));
  }
  return exported(context.get());
}

// The whole profile as one text: the cache's key.
std::string key_of(const SeccompSpec& spec) {
  std::string key = std::to_string(kCacheFormat) + " " + std::to_string(seccomp_arch_native());
  const scmp_version* version = ::seccomp_version();
  key += " " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->micro);
  const auto number = [](std::optional<uint32_t> n) { return n ? std::to_string(*n) : "-"; };
  key += "\n" + spec.default_action + " " + number(spec.default_errno);
  for (const std::string& name : spec.architectures) key += " " + name;
  for (const SeccompRule& rule : spec.rules) {
    key += "\n" + rule.action + " " + number(rule.errno_value);
    for (const std::string& name : rule.names) key += " " + name;
    for (const SeccompArgument& a : rule.arguments) {
      key += ";" + std::to_string(a.index) + a.op + std::to_string(a.value) + "," +
             std::to_string(a.value_two);
    }
  }
  key += "\n\n";  // ends the key in a cache file: no name holds a line break
  return key;
}

std::string cache_path(const std::string& dir, const std::string& key) {
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : key) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  char name[32];
  std::snprintf(name, sizeof(name), "/%016llx.bpf", static_cast<unsigned long long>(hash));
  return dir + name;
}

std::vector<uint64_t> read_cached(const std::string& path, const std::string& key) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || status.st_uid != ::geteuid()) return {};
  const size_t size = static_cast<size_t>(status.st_size);
  if (size <= key.size() || size > key.size() + kInstructionsMax * 8 || (size - key.size()) % 8) {
    return {};
  }
  std::string text(size, '\0');
  if (::read(file.get(), text.data(), size) != static_cast<ssize_t>(size)) return {};
  if (text.compare(0, key.size(), key) != 0) return {};
  std::vector<uint64_t> program((size - key.size()) / 8);
  std::memcpy(program.data(), text.data() + key.size(), size - key.size());
  return program;
}

void write_cached(const std::string& path, const std::string& key,
                  const std::vector<uint64_t>& program) {
  std::string text = key;
  text.append(reinterpret_cast<const char*>(program.data()), program.size() * 8);
  const std::string part = path + "." + std::to_string(::getpid());
  const Fd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const bool written =
      file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written || ::rename(part.c_str(), path.c_str()) != 0) ::unlink(part.c_str());
}

}  // namespace

Result<SeccompProgram> compile_seccomp(const SeccompSpec& spec, const std::string& cache_dir) {
  SeccompProgram program;
  program.flags = TRY(flags_of(spec.flags));
  const std::string key = key_of(spec);
  const std::string path = cache_dir.empty() ? "" : cache_path(cache_dir, key);
  if (!path.empty()) program.instructions = read_cached(path, key);
  if (!program.instructions.empty()) return program;
  program.instructions = TRY(compile(spec));
  if (!path.empty()) write_cached(path, key, program.instructions);
  return program;
}

}  // namespace kist::runtime
