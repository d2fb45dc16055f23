// What is known of a container if its monitor dies: a small file on tmpfs, written whole.
#pragma once

#include <string>
#include <vector>

#include "kist/base/result.h"
#include "kist/runtime/monitor.h"
#include "runtime/monitor/message.h"

namespace kist::runtime {

struct ContainerRecord {
  ContainerStatus status;
  uint64_t pid_start_ticks = 0;  // of /proc/PID/stat: tells a pid from its reuse
  std::string cgroup;            // empty: none of its own
};

// All in `directory`/containers. An error leaves the old record, whole.
Result<> write_record(const std::string& directory, const ContainerRecord& record);
void remove_record(const std::string& directory, const std::string& id);
// Unreadable ones are skipped with a log line: they are ours, and there is nothing else to be done.
Result<std::vector<ContainerRecord>> read_records(const std::string& directory);

bool valid_container_id(const std::string& id);

void pack_status(Packer& out, const ContainerStatus& status);
Result<ContainerStatus> unpack_status(Unpacker& in);

}  // namespace kist::runtime
