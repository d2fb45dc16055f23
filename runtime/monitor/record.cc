#include "runtime/monitor/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "kist/base/log.h"

namespace kist::runtime {
namespace {

constexpr size_t kIdMax = 128;
constexpr size_t kRecordMax = 64 * 1024;
constexpr uint64_t kFormat = 1;

std::string folder_of(const std::string& directory) { return directory + "/containers"; }

Result<std::string> read_small(const std::string& path, size_t size_max) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error("open " + path);
  std::string text(size_max, '\0');
  size_t size = 0;
  while (size < size_max) {
    const ssize_t step = ::read(file.get(), text.data() + size, size_max - size);
    if (step < 0) return errno_error("read " + path);
    if (step == 0) break;
    size += static_cast<size_t>(step);
  }
  text.resize(size);
  return text;
}

Result<ContainerRecord> parse_record(std::string_view bytes) {
  Unpacker in(bytes);
  if (in.number() != kFormat) return Error{Code::kInvalid, "record of another version"};
  ContainerRecord record;
  record.pid_start_ticks = in.number();
  record.cgroup = in.text();
  record.status = TRY(unpack_status(in));
  TRY(in.done());
  return record;
}

}  // namespace

void pack_status(Packer& out, const ContainerStatus& status) {
  out.text(status.id).number(static_cast<uint64_t>(status.state));
  out.number(static_cast<uint64_t>(status.pid));
  out.number(static_cast<uint64_t>(status.created_ns));
  out.number(static_cast<uint64_t>(status.started_ns));
  pack_exit(out, status.exit);
  out.number(status.log_dropped_bytes);
}

Result<ContainerStatus> unpack_status(Unpacker& in) {
  ContainerStatus status;
  status.id = in.text();
  const uint64_t state = in.number();
  if (state > static_cast<uint64_t>(ContainerState::kExited)) {
    return Error{Code::kInvalid, "container " + status.id + " is in an unknown state"};
  }
  status.state = static_cast<ContainerState>(state);
  status.pid = static_cast<pid_t>(in.number());
  status.created_ns = static_cast<int64_t>(in.number());
  status.started_ns = static_cast<int64_t>(in.number());
  status.exit = unpack_exit(in);
  status.log_dropped_bytes = in.number();
  return status;
}

Result<> write_record(const std::string& directory, const ContainerRecord& record) {
  const std::string folder = folder_of(directory);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_error("make " + folder);
  Packer out;
  out.number(kFormat).number(record.pid_start_ticks).text(record.cgroup);
  pack_status(out, record.status);
  const std::string bytes = out.take();
  const std::string path = folder + "/" + record.status.id;
  const std::string fresh = folder + "/." + record.status.id;  // no id begins with a dot
  {
    const Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return errno_error("open " + fresh);
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
      return errno_error("write " + fresh);
    }
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("rename " + fresh);
  return {};
}

void remove_record(const std::string& directory, const std::string& id) {
  ::unlink((folder_of(directory) + "/" + id).c_str());
}

Result<std::vector<ContainerRecord>> read_records(const std::string& directory) {
  std::vector<ContainerRecord> records;
  const std::string folder = folder_of(directory);
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(folder.c_str()), &::closedir);
  if (listing == nullptr) {
    if (errno == ENOENT) return records;
    return errno_error("open " + folder);
  }
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string name = entry->d_name;
    if (!valid_container_id(name)) continue;  // ".", "..", a write that was cut short
    Result<std::string> bytes = read_small(folder + "/" + name, kRecordMax);
    Result<ContainerRecord> record =
        bytes.ok() ? parse_record(bytes.value()) : Result<ContainerRecord>(bytes.error());
    if (record.ok() && record.value().status.id == name) {
      records.push_back(std::move(record).value());
    } else {
      log_error("container record cannot be read", {{"container", name}});
    }
  }
  return records;
}

bool valid_container_id(const std::string& id) {
  if (id.empty() || id.size() > kIdMax || id.front() == '.') return false;
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return id.find_first_not_of(kAllowed) == std::string::npos;
}

}  // namespace kist::runtime
