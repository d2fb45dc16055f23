// What an image says about the process to start, after the OCI image specification.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"

namespace kist::runtime::images {

struct Platform {
  std::string os = "linux";
  std::string architecture;  // Go's word: "amd64", "arm64", "arm"
  std::string variant;       // "v7", "v8"; empty for none
};
Platform host_platform();
std::string platform_text(const Platform& platform);  // "linux/arm/v7"
// "linux/arm64", "linux/arm/v7". kInvalid.
Result<Platform> parse_platform(std::string_view text);

struct ImageConfig {
  Platform platform;
  std::string created;  // RFC 3339, as the image says; may be empty
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> environment;    // "NAME=value"
  std::string user;                        // "", "1000", "www-data", "1000:1000", "user:group"
  std::string working_dir;                 // absolute, or empty for "/"
  std::vector<std::string> volumes;        // absolute paths
  std::vector<std::string> exposed_ports;  // "80/tcp"
  std::string stop_signal;                 // "SIGTERM", "15", or empty
  std::map<std::string, std::string> labels;
  std::vector<std::string> diff_ids;  // digests of the uncompressed layers, lowest first
};

// Checks every field that is used: kInvalid, with the field's path.
Result<ImageConfig> parse_image_config(std::string_view json);

// A user of the container's own /etc/passwd and /etc/group, in numbers.
struct ResolvedUser {
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::vector<uint32_t> additional_gids;  // groups of /etc/group that list the user
  std::string name;                       // empty where the uid has no entry
  std::string home = "/";
};

// `user` as in ImageConfig::user, looked up below the directory `root_fd`; no link of the image
// leads out of it. A number needs no entry. kNotFound: a name that is not there; kInvalid: a number
// beyond 32 bits, an empty part, a passwd or group file beyond 1 MiB.
Result<ResolvedUser> resolve_user(std::string_view user, int root_fd);

}  // namespace kist::runtime::images
