// Words between spaces: none of the parts may hold one.
#include "cni/attachment_alias.h"

#include <algorithm>

namespace kist::cni {
namespace {

constexpr std::string_view kOurs = "kist";
constexpr size_t kSandboxIdMax = 128;

// Cuts the front of `text` up to `separator`; all of it where there is none.
std::string_view cut(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view front = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return front;
}

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

bool is_sandbox_id(std::string_view text) {
  return !text.empty() && text.size() <= kSandboxIdMax &&
         std::all_of(text.begin(), text.end(), is_id_character);
}

std::string alias_of(const Attachment& attachment) {
  std::string alias = std::string(kOurs) + " " + attachment.sandbox + " " + attachment.mac;
  char separator = ' ';
  for (const IpAddress& address : attachment.addresses) {
    alias += separator + address.text();
    separator = ',';
  }
  return alias;
}

std::optional<Attachment> attachment_of(std::string_view alias, std::string_view host_device) {
  if (cut(alias, ' ') != kOurs) return {};
  Attachment attachment{.host_device = std::string(host_device)};
  attachment.sandbox = cut(alias, ' ');
  attachment.mac = cut(alias, ' ');
  if (!is_sandbox_id(attachment.sandbox) || attachment.mac.size() != 17 || alias.empty()) return {};
  while (!alias.empty()) {
    Result<IpAddress> address = IpAddress::parse(cut(alias, ','));
    if (!address.ok()) return {};
    attachment.addresses.push_back(std::move(address).value());
  }
  return attachment;
}

}  // namespace kist::cni
