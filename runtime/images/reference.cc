// Grammar of github.com/distribution/reference, with docker's defaults.
#include <algorithm>

#include "kist/runtime/image_reference.h"

namespace kist::runtime::images {
namespace {

constexpr size_t kRepositoryMax = 255;
constexpr size_t kTagMax = 128;
constexpr std::string_view kDefaultRegistry = "docker.io";

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Runs of [a-z0-9] with one of ".", "_", "__" or any number of "-" between them.
bool is_path_component(std::string_view part) {
  if (part.empty() || !is_lower(part.front()) || !is_lower(part.back())) return false;
  for (size_t i = 0; i < part.size();) {
    if (is_lower(part[i])) {
      ++i;
      continue;
    }
    const char separator = part[i];
    size_t end = i;
    while (end < part.size() && part[end] == separator) ++end;
    const size_t run = end - i;
    const bool fits =
        (separator == '.' && run == 1) || (separator == '_' && run <= 2) || separator == '-';
    if (!fits || !is_lower(part[end])) return false;
    i = end;
  }
  return true;
}

bool is_repository(std::string_view text) {
  while (true) {
    const size_t slash = text.find('/');
    if (!is_path_component(text.substr(0, slash))) return false;
    if (slash == text.npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_domain_component(std::string_view part) {
  return !part.empty() && is_alphanumeric(part.front()) && is_alphanumeric(part.back()) &&
         std::ranges::all_of(part, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_registry(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == text.npos || end == 1) return false;
    const bool address = std::ranges::all_of(text.substr(1, end - 1), [](char c) {
      return c == ':' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
    const std::string_view port = text.substr(end + 1);
    return address && (port.empty() || (port[0] == ':' && is_digits(port.substr(1))));
  }
  if (const size_t colon = text.find(':'); colon != text.npos) {
    if (!is_digits(text.substr(colon + 1))) return false;
    text = text.substr(0, colon);
  }
  while (true) {
    const size_t dot = text.find('.');
    if (!is_domain_component(text.substr(0, dot))) return false;
    if (dot == text.npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_tag(std::string_view tag) {
  auto word = [](char c) { return is_alphanumeric(c) || c == '_'; };
  return !tag.empty() && tag.size() <= kTagMax && word(tag.front()) &&
         std::ranges::all_of(tag, [&](char c) { return word(c) || c == '.' || c == '-'; });
}

Error refused(std::string_view text, std::string_view why) {
  return {Code::kInvalid, "invalid image reference \"" + std::string(text.substr(0, 300)) +
                              "\": " + std::string(why)};
}

// "docker.io" before a name that begins with no host: no dot, no port, not localhost, no capitals.
void split_registry(std::string_view name, ImageReference& reference) {
  const size_t slash = name.find('/');
  const std::string_view first = name.substr(0, slash);
  const bool host = slash != name.npos &&
                    (first.find_first_of(".:[") != first.npos || first == "localhost" ||
                     std::ranges::any_of(first, [](char c) { return c >= 'A' && c <= 'Z'; }));
  reference.registry = host ? first : kDefaultRegistry;
  reference.repository = host ? name.substr(slash + 1) : name;
  if (reference.registry == "index.docker.io") reference.registry = kDefaultRegistry;
  if (reference.registry == kDefaultRegistry && reference.repository.find('/') == std::string::npos)
    reference.repository.insert(0, "library/");
}

}  // namespace

Result<ImageReference> ImageReference::parse(std::string_view text) {
  ImageReference reference;
  std::string_view name = text;
  if (const size_t at = name.find('@'); at != name.npos) {
    reference.digest = name.substr(at + 1);
    if (!check_digest(reference.digest).ok()) return refused(text, "invalid digest");
    name = name.substr(0, at);
  }
  const size_t colon = name.rfind(':');
  if (colon != name.npos && name.find('/', colon) == name.npos &&
      name.find(']', colon) == name.npos) {
    reference.tag = name.substr(colon + 1);
    if (!is_tag(reference.tag)) return refused(text, "invalid tag");
    name = name.substr(0, colon);
  }
  if (name.empty()) return refused(text, "repository name must have at least one component");
  if (name.size() == 64 &&
      std::ranges::all_of(name, [](char c) { return is_lower(c) && c <= 'f'; }))
    return refused(text, "a name of 64 hexadecimal digits would be taken for an image id");
  split_registry(name, reference);
  if (!is_registry(reference.registry)) return refused(text, "invalid registry name");
  if (std::ranges::any_of(reference.repository, [](char c) { return c >= 'A' && c <= 'Z'; }))
    return refused(text, "repository name must be lowercase");
  if (!is_repository(reference.repository)) return refused(text, "invalid repository name");
  if (reference.repository.size() > kRepositoryMax)
    return refused(text, "repository name must not be more than 255 characters");
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  return reference;
}

std::string ImageReference::name() const { return registry + "/" + repository; }

std::string ImageReference::text() const {
  return name() + (tag.empty() ? "" : ":" + tag) + (digest.empty() ? "" : "@" + digest);
}

}  // namespace kist::runtime::images
