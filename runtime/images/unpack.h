// A layer's tar archive becomes a directory that overlayfs can stack.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "runtime/images/tar_reader.h"

namespace kist::runtime::images {

struct UnpackOptions {
  // With root's rights: owners, devices, trusted.overlay.*. Without: everything is ours, devices
  // are left out, user.overlay.* (which wants mounts with "userxattr").
  bool privileged = true;
  uint64_t entries_max = UINT64_MAX;
};

struct UnpackReport {
  uint64_t entries = 0;
  uint64_t bytes = 0;            // of regular files
  uint64_t devices_skipped = 0;  // not privileged
  bool replaced = false;         // some entry took the place of an earlier one
};

// Writes entries below one directory. Whatever an archive says, nothing outside of it is touched.
// Later entries replace earlier ones. ".wh.NAME" becomes overlayfs' whiteout, ".wh..wh..opq" its
// opaque mark. Attributes kept: security.capability and user.*.
// Threads: one. On an error the directory is half written and the caller removes it.
class Unpacker {
 public:
  Unpacker(int root_fd, const UnpackOptions& options) : root_(root_fd), options_(options) {}

  // Everything in `tar`. kInvalid with the entry's name, kTooLarge, errors of the file system.
  Result<UnpackReport> run(TarReader& tar);

 private:
  struct Later {  // what writing into a directory would undo
    std::string path;
    uint32_t mode;
    int64_t mtime_seconds;
    uint32_t mtime_nanoseconds;
  };

  Result<> place(TarReader& tar, const TarEntry& entry);
  Result<> whiteout(const std::string& parent, std::string_view marker);
  Result<int> parent_fd(const std::string& parent);
  Result<bool> clear_way(int parent, const std::string& name, const TarEntry& entry);
  Result<> make_file(TarReader& tar, int parent, const std::string& name, const TarEntry& entry);
  Result<> make_link(int parent, const std::string& name, const TarEntry& entry);
  Result<> make_directory(int parent, const std::string& name, const TarEntry& entry);
  Result<> make_node(int parent, const std::string& name, const TarEntry& entry);
  Result<> set_opaque(int directory_fd);
  Result<> set_attributes(int parent, const std::string& name, const TarEntry& entry);
  Result<> set_root_attributes(const TarEntry& entry);
  Result<> finish_directories();

  const int root_;
  const UnpackOptions options_;
  UnpackReport report_;
  std::vector<Later> directories_;
  // Most entries are neighbours: the last parent stays open. Dropped when anything is removed, as
  // what was removed may have been on the way to it.
  std::string parent_path_;
  Fd parent_;
};

}  // namespace kist::runtime::images
