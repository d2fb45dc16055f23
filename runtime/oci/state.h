// What is known of containers between two commands: one directory each below --root.
//
//   <root>/<id>/state.json    written first, replaced by rename
//   <root>/<id>/config.json   the spec as it was, for exec and hooks
//   <root>/<id>/start.sock    there as long as the container waits for its start
//
// A directory is locked while a command works on it. Everything else (is it running, paused, gone)
// is asked of the kernel, so that no crash can leave a wrong word behind.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/cgroup.h"
#include "runtime/process_start.h"

namespace kist::runtime::oci {

enum class Status : uint8_t { kCreating, kCreated, kRunning, kPaused, kStopped };
std::string_view status_word(Status status);

struct ContainerState {
  std::string id, bundle, rootfs, created, cgroup;
  pid_t pid = 0;
  uint64_t pid_started = 0;  // clock ticks since boot: tells a pid from a later one of that number
  std::map<std::string, std::string> annotations;
};

// The state as the specification has it, for `state` and for hooks.
std::string to_json(const ContainerState& state, Status status);

class StateDir {
 public:
  // kAlreadyExists. Dropped before commit(), everything is removed again.
  static Result<StateDir> create(const std::string& root, const std::string& id);
  // kNotFound: "container "x" does not exist". Waits for the lock.
  static Result<StateDir> open(const std::string& root, const std::string& id);
  static std::vector<std::string> list(const std::string& root);

  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();

  const std::string& path() const { return path_; }
  Result<> write_state(const ContainerState& state) const;
  Result<ContainerState> read_state() const;
  Result<> write(const char* name, std::string_view text) const;
  std::string read(const char* name) const;
  void started() const;  // the gate is of no more use
  void commit() { temporary_ = false; }
  void remove() const;
  Status status(const ContainerState& state, const CgroupHost& host) const;

 private:
  StateDir(std::string path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  Fd lock_;
  bool temporary_ = false;
};

Result<> check_id(const std::string& id);

}  // namespace kist::runtime::oci
