// Small files of the store: read whole, replaced whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"

namespace kist::runtime::images {

// kNotFound; kTooLarge beyond 16 MiB.
Result<std::string> read_small_file(const std::string& path);
// Whoever reads sees the old or the new content, also after a power cut.
Result<> replace_file(const std::string& path, std::string_view content);
// Names in a directory that end so, sorted, without the ending. Empty when there is no directory.
std::vector<std::string> names_with_suffix(const std::string& directory, std::string_view suffix);
Result<> make_directory(const std::string& path, unsigned mode = 0755);  // and those above it
Result<> sync_directory(const std::string& path);
Result<> remove_path(const std::string& directory, const std::string& name);  // a tree, too

}  // namespace kist::runtime::images
