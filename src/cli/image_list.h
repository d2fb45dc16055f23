// Images as people and programs read them: a table, and JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kist/runtime/images.h"

namespace kist::cli {

// REPOSITORY TAG IMAGE ID CREATED SIZE, one line a name. `now_seconds` since 1970.
std::string image_table(const std::vector<runtime::images::Image>& images, int64_t now_seconds);
std::string image_list_json(const std::vector<runtime::images::Image>& images);
// Everything known of one image, in the words of docker inspect.
std::string image_json(const runtime::images::Image& image);

}  // namespace kist::cli
