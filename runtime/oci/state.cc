#include "runtime/oci/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "kist/base/json.h"
#include "kist/runtime/launcher.h"
#include "runtime/cgroup_files.h"
#include "runtime/oci/field.h"

namespace kist::runtime::oci {
namespace {

constexpr size_t kIdMax = 1024;

Result<> make_directories(const std::string& path) {
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    ::mkdir(path.substr(0, at).c_str(), 0755);
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("create " + path);
  return {};
}

Result<Fd> lock(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error(path);
  int locked;
  do {
    locked = ::flock(fd.get(), LOCK_EX);
  } while (locked != 0 && errno == EINTR);
  if (locked != 0) return errno_error("lock " + path);
  // Removed while we waited: another may have been made under the name.
  struct stat ours {
  }, now{};
  if (::fstat(fd.get(), &ours) != 0 || ::stat(path.c_str(), &now) != 0 ||
      ours.st_ino != now.st_ino) {
    return errno_error(path, ENOENT);
  }
  return fd;
}

Error missing(const std::string& id) {
  return Error{Code::kNotFound, "container \"" + id + "\" does not exist"};
}

}  // namespace

std::string_view status_word(Status status) {
  constexpr std::string_view kWords[] = {"creating", "created", "running", "paused", "stopped"};
  return kWords[static_cast<int>(status)];
}

std::string to_json(const ContainerState& state, Status status) {
  json::Json document;
  json::Value& root = document.root();
  auto& pool = document.allocator();
  root.SetObject();
  json::set(root, "ociVersion", "1.2.0", pool);
  json::set(root, "id", state.id, pool);
  json::set(root, "status", status_word(status), pool);
  const bool alive = status != Status::kStopped;
  json::set(root, "pid", json::Value(alive ? static_cast<int64_t>(state.pid) : 0), pool);
  json::set(root, "bundle", state.bundle, pool);
  json::set(root, "rootfs", state.rootfs, pool);
  json::set(root, "created", state.created, pool);
  json::Value annotations(rapidjson::kObjectType);
  for (const auto& [name, value] : state.annotations) json::set(annotations, name, value, pool);
  if (!state.annotations.empty()) json::set(root, "annotations", std::move(annotations), pool);
  return json::to_text(root);
}

Result<> check_id(const std::string& id) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
  if (id.empty() || id.size() > kIdMax || id == "." || id == ".." ||
      id.find_first_not_of(kAllowed) != std::string::npos) {
    return Error{Code::kInvalid, "container id \"" + id + "\" must be letters, digits and _+-."};
  }
  return {};
}

Result<StateDir> StateDir::create(const std::string& root, const std::string& id) {
  TRY(check_id(id));
  TRY(make_directories(root));
  const std::string path = root + "/" + id;
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno != EEXIST) return errno_error("create " + path);
    return Error{Code::kAlreadyExists, "container \"" + id + "\" already exists"};
  }
  Result<Fd> held = lock(path);
  if (!held.ok()) return std::move(held).error();
  StateDir dir(path, std::move(held).value());
  dir.temporary_ = true;
  return dir;
}

Result<StateDir> StateDir::open(const std::string& root, const std::string& id) {
  TRY(check_id(id));
  const std::string path = root + "/" + id;
  Result<Fd> held = lock(path);
  if (!held.ok() && held.error().code == Code::kNotFound) return missing(id);
  return StateDir(path, TRY(std::move(held)));
}

std::vector<std::string> StateDir::list(const std::string& root) {
  std::vector<std::string> ids;
  DIR* dir = ::opendir(root.c_str());
  if (dir == nullptr) return ids;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.' && entry->d_type == DT_DIR) ids.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  std::sort(ids.begin(), ids.end());
  return ids;
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::move(other.lock_)),
      temporary_(std::exchange(other.temporary_, false)) {}

StateDir::~StateDir() {
  if (temporary_) remove();
  // A container that waits for its start has inherited the descriptor: closing ours is not enough.
  if (lock_) ::flock(lock_.get(), LOCK_UN);
}

void StateDir::remove() const {
  for (const char* name : {"config.json", "start.sock", "state.json.new", "state.json"}) {
    ::unlink((path_ + "/" + name).c_str());
  }
  ::rmdir(path_.c_str());
}

Result<> StateDir::write(const char* name, std::string_view text) const {
  const std::string path = path_ + "/" + name;
  const std::string part = path_ + "/state.json.new";
  {
    const Fd fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
      return errno_error("write " + path);
    }
  }
  if (::rename(part.c_str(), path.c_str()) != 0) return errno_error("write " + path);
  return {};
}

std::string StateDir::read(const char* name) const { return read_file(path_ + "/" + name); }

Result<> StateDir::write_state(const ContainerState& state) const {
  json::Json document = TRY(json::parse_json(to_json(state, Status::kCreating)));
  json::set(document.root(), "cgroup", state.cgroup, document.allocator());
  json::set(document.root(), "pidStarted", json::Value(state.pid_started), document.allocator());
  return write("state.json", json::to_text(document.root()));
}

Result<ContainerState> StateDir::read_state() const {
  ContainerState state;
  const std::string text = read("state.json");
  state.id = path_.substr(path_.rfind('/') + 1);
  if (text.empty()) return state;  // its maker was killed before it could say more
  const json::Json document = TRY(json::parse_json(text).context(path_ + "/state.json"));
  const Field root(&document.root(), "");
  int64_t pid = 0;
  TRY(root.get("pid", pid));
  TRY(root.get("pidStarted", state.pid_started));
  TRY(root.get("bundle", state.bundle));
  TRY(root.get("rootfs", state.rootfs));
  TRY(root.get("created", state.created));
  TRY(root.get("cgroup", state.cgroup));
  for (const auto& [name, value] : TRY(root.members_of("annotations"))) {
    TRY(value.read(state.annotations[name]));
  }
  state.pid = static_cast<pid_t>(pid);
  return state;
}

void StateDir::started() const { ::unlink((path_ + "/start.sock").c_str()); }

Status StateDir::status(const ContainerState& state, const CgroupHost& host) const {
  if (state.pid <= 0 || process_start_time(state.pid) != state.pid_started) return Status::kStopped;
  // The socket's file may outlive its use if `start` was killed; a listener is there or not.
  if (::access((path_ + "/start.sock").c_str(), F_OK) == 0 && Gate::connect(path_).ok()) {
    return Status::kCreated;
  }
  if (Cgroup::open(host, state.cgroup).frozen()) return Status::kPaused;
  return Status::kRunning;
}

}  // namespace kist::runtime::oci
