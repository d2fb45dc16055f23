// "did you mean": the known word nearest to a mistyped one.
#pragma once

#include <string_view>
#include <vector>

namespace kist::cli {

// Empty, where none is near enough to be meant.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace kist::cli
