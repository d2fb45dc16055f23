#include "header_elements.h"

#include <strings.h>

#include <algorithm>

namespace kist::net {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool equal_without_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::vector<std::string_view> header_elements(const Request& request, std::string_view name) {
  std::vector<std::string_view> elements;
  for (const Header& header : request.headers) {
    if (!equal_without_case(header.name, name)) continue;
    std::string_view rest = header.value;
    while (true) {
      const size_t comma = rest.find(',');
      const std::string_view element = trimmed(rest.substr(0, comma));
      if (!element.empty()) elements.push_back(element);
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return elements;
}

bool header_has_token(const Request& request, std::string_view name, std::string_view token) {
  return std::ranges::any_of(header_elements(request, name), [&](std::string_view element) {
    return equal_without_case(element, token);
  });
}

}  // namespace kist::net
