// Paths below a directory that cannot be left, whatever links are in the way: openat2(2).
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::runtime::images {

// Opens `path` as if `root_fd` were "/": links are followed and none leads out. `flags` of open(2);
// O_CLOEXEC is added.
Result<Fd> open_in_root(int root_fd, const std::string& path, int flags);

// Directories, made where they are missing (mode 0755), of a path without "." and "..".
Result<Fd> make_directories_in_root(int root_fd, std::string_view path);

// Removes `name` of the directory and everything below it; links are removed, not followed. It is
// fine when there is nothing. Does not recurse on the stack, so depth is no matter.
Result<> remove_tree(int directory_fd, const std::string& name);

// "a/b" of "./a//b/" or "/a/b"; empty for the root itself. kInvalid: ".." is among the parts.
Result<std::string> clean_path(std::string_view path);

struct SplitPath {
  std::string parent;  // empty: the root
  std::string name;
};
SplitPath split_path(std::string_view clean);

}  // namespace kist::runtime::images
