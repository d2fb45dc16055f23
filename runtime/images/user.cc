// Users of the container's own passwd and group files, as docker and runc read them.
#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "kist/runtime/image_config.h"
#include "runtime/images/byte_source.h"
#include "runtime/images/rooted.h"

namespace kist::runtime::images {
namespace {

constexpr uint64_t kFileBytesMax = 1024 * 1024;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// Empty where the image has no such file, or something else in its place.
Result<std::string> read_file(int root_fd, const char* path) {
  // Opening a device may do something by itself, so look first.
  const Result<Fd> found = open_in_root(root_fd, path, O_PATH);
  if (!found.ok()) return std::string();
  struct stat status {};
  if (::fstat(found.value().get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::string();
  const std::string reopened = "/proc/self/fd/" + std::to_string(found.value().get());
  const Fd file(::open(reopened.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return errno_error(path);
  FdSource source(file.get());
  return read_all(source, kFileBytesMax).context(path);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint32_t> number(std::string_view text) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || value == UINT32_MAX)
    return std::nullopt;
  return value;
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// A user or group given as a number that does not fit is no name either.
Result<> check_part(std::string_view part, std::string_view user) {
  if (part.empty()) return invalid("user \"" + std::string(user) + "\": an empty part");
  if (is_digits(part) && !number(part))
    return invalid("user \"" + std::string(user) + "\": " + std::string(part) +
                   " is beyond 32 bits");
  return {};
}

// name:password:uid:gid:comment:home:shell. False: nothing fits.
bool apply_passwd(std::string_view passwd, std::string_view wanted, ResolvedUser& resolved) {
  const std::optional<uint32_t> uid = number(wanted);
  for (std::string_view line : split(passwd, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < 4 || !number(fields[2]) || !number(fields[3])) continue;
    if (fields[0] != wanted && number(fields[2]) != uid) continue;
    resolved.name = fields[0];
    resolved.uid = *number(fields[2]);
    resolved.gid = *number(fields[3]);
    if (fields.size() > 5 && !fields[5].empty()) resolved.home = fields[5];
    return true;
  }
  return false;
}

// name:password:gid:member,member
bool apply_group(std::string_view group, std::string_view wanted, ResolvedUser& resolved) {
  for (std::string_view line : split(group, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < 3 || !number(fields[2]) || fields[0] != wanted) continue;
    resolved.gid = *number(fields[2]);
    return true;
  }
  return false;
}

void add_memberships(std::string_view group, ResolvedUser& resolved) {
  if (resolved.name.empty()) return;
  for (std::string_view line : split(group, '\n')) {
    const std::vector<std::string_view> fields = split(line, ':');
    if (fields.size() < 4 || !number(fields[2])) continue;
    const std::vector<std::string_view> members = split(fields[3], ',');
    const uint32_t gid = *number(fields[2]);
    if (std::ranges::find(members, resolved.name) != members.end() &&
        std::ranges::find(resolved.additional_gids, gid) == resolved.additional_gids.end())
      resolved.additional_gids.push_back(gid);
  }
}

}  // namespace

Result<ResolvedUser> resolve_user(std::string_view user, int root_fd) {
  const size_t colon = user.find(':');
  const std::string_view user_part = user.empty() ? "0" : user.substr(0, colon);
  TRY(check_part(user_part, user));
  const std::string passwd = TRY(read_file(root_fd, "etc/passwd"));
  const std::string group = TRY(read_file(root_fd, "etc/group"));

  ResolvedUser resolved;
  if (!apply_passwd(passwd, user_part, resolved)) {
    if (!is_digits(user_part))
      return Error{Code::kNotFound,
                   "user \"" + std::string(user_part) + "\": no matching entries in passwd file"};
    resolved.uid = *number(user_part);
  }
  if (colon != user.npos) {
    const std::string_view group_part = user.substr(colon + 1);
    TRY(check_part(group_part, user));
    if (!apply_group(group, group_part, resolved)) {
      if (!is_digits(group_part))
        return Error{Code::kNotFound, "group \"" + std::string(group_part) +
                                          "\": no matching entries in group file"};
      resolved.gid = *number(group_part);
    }
    return resolved;  // as runc: an explicit group replaces all memberships
  }
  add_memberships(group, resolved);
  return resolved;
}

}  // namespace kist::runtime::images
