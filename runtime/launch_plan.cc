// One description of the plan's fields serves writing and reading, so they cannot disagree.
#include "kist/runtime/launch_plan.h"

#include <cstring>
#include <type_traits>

namespace kist::runtime {
namespace {

constexpr uint32_t kFormat = 0x4b503031;  // "KP01": count up with every change of a field

class Writer {
 public:
  template <typename... T>
  void operator()(const T&... fields) {
    (write(fields), ...);
  }
  std::string take() && { return std::move(out_); }

 private:
  template <typename T>
  void write(const T& value);
  std::string out_;
};

// Reads what Writer wrote. After the first shortfall everything reads as empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  template <typename... T>
  void operator()(T&... fields) {
    (read(fields), ...);
  }
  bool complete() const { return !failed_ && left_.empty(); }

 private:
  template <typename T>
  void read(T& value);
  std::string_view take(size_t size) {
    if (size > left_.size()) {
      failed_ = true;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  std::string_view left_;
  bool failed_ = false;
};

template <typename T>
concept Scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <typename T>
struct IsPair : std::false_type {};
template <typename A, typename B>
struct IsPair<std::pair<A, B>> : std::true_type {};

#define KIST_PLAN(Type)             \
  template <typename V, typename P> \
  void fields(V& visit, P& p) requires std::is_same_v<std::remove_const_t<P>, Type>

KIST_PLAN(CgroupWrite) { visit(p.controller, p.file, p.value, p.required); }
KIST_PLAN(CgroupPlan) { visit(p.path, p.writes, p.device_program); }
KIST_PLAN(NamespacePlan) { visit(p.create_flags, p.joined, p.uid_map, p.gid_map, p.time_offsets); }
KIST_PLAN(MountPlan) {
  visit(p.kind, p.destination, p.type, p.source, p.parameters, p.set_attributes, p.clear_attributes,
        p.set_recursive, p.clear_recursive, p.propagation, p.propagation_recursive, p.recursive,
        p.copy_up, p.uid_map, p.gid_map);
}
KIST_PLAN(DevicePlan) { visit(p.path, p.mode, p.number, p.uid, p.gid); }
KIST_PLAN(RlimitPlan) { visit(p.resource, p.soft, p.hard); }
KIST_PLAN(HookPlan) { visit(p.path, p.arguments, p.environment, p.timeout_seconds); }
KIST_PLAN(ProcessPlan) {
  visit(p.arguments, p.environment, p.cwd, p.terminal, p.console_rows, p.console_columns, p.uid,
        p.gid, p.groups, p.umask, p.bounding, p.effective, p.inheritable, p.permitted, p.ambient,
        p.rlimits, p.no_new_privileges, p.has_oom_score_adj, p.oom_score_adj, p.exec_label_file,
        p.exec_label, p.seccomp_program, p.seccomp_flags, p.keyring);
}
KIST_PLAN(RootPlan) {
  visit(p.path, p.readonly, p.layers, p.upper, p.work, p.propagation, p.propagation_recursive,
        p.pivot);
}
KIST_PLAN(LaunchPlan) {
  visit(p.id, p.namespaces, p.cgroup, p.root, p.mounts, p.devices, p.masked_paths, p.readonly_paths,
        p.sysctls, p.hostname, p.domainname, p.create_container, p.start_container, p.hook_state,
        p.process);
}
#undef KIST_PLAN

template <typename T>
void Writer::write(const T& value) {
  if constexpr (Scalar<T>) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    write(static_cast<uint32_t>(value.size()));
    out_ += value;
  } else if constexpr (IsVector<T>::value) {
    write(static_cast<uint32_t>(value.size()));
    for (const auto& element : value) write(element);
  } else if constexpr (IsPair<T>::value) {
    write(value.first);
    write(value.second);
  } else {
    fields(*this, value);
  }
}

template <typename T>
void Reader::read(T& value) {
  if constexpr (Scalar<T>) {
    const std::string_view bytes = take(sizeof(value));
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    uint32_t size = 0;
    read(size);
    value = take(size);
  } else if constexpr (IsVector<T>::value) {
    uint32_t size = 0;
    read(size);
    // Grows as elements are really there: a lying count costs nothing.
    for (uint32_t i = 0; i < size && !failed_; ++i) read(value.emplace_back());
  } else if constexpr (IsPair<T>::value) {
    read(value.first);
    read(value.second);
  } else {
    fields(*this, value);
  }
}

}  // namespace

std::string encode(const LaunchPlan& plan) {
  Writer writer;
  writer(kFormat, plan);
  return std::move(writer).take();
}

Result<LaunchPlan> decode(std::string_view bytes) {
  Reader reader(bytes);
  uint32_t format = 0;
  LaunchPlan plan;
  reader(format);
  if (format != kFormat) return Error{Code::kInvalid, "launch plan of another version"};
  reader(plan);
  if (!reader.complete()) return Error{Code::kInvalid, "launch plan is cut short or too long"};
  return plan;
}

}  // namespace kist::runtime
