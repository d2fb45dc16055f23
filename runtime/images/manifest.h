// Manifests and indexes of OCI, manifests and manifest lists of docker (schema 2).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kist/base/result.h"
#include "kist/runtime/image_config.h"

namespace kist::runtime::images {

struct Descriptor {
  std::string media_type;
  std::string digest;
  uint64_t size = 0;
  Platform platform{"", "", ""};  // of an index's entries, where given
  std::map<std::string, std::string> annotations;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // lowest first
};
struct ManifestIndex {
  std::vector<Descriptor> manifests;
};

// Tells the two apart by media type, or by their members where none is given. Every digest and size
// is checked. kInvalid with the field; kUnsupportedMediaType for docker's schema 1 and for
// artifacts that are no container images.
Result<std::variant<Manifest, ManifestIndex>> parse_manifest(std::string_view json);

// The entry for the platform: same system and architecture, the variant equal where both have one,
// for arm the highest not above the wanted one. kNotFound names what there is.
Result<Descriptor> choose_platform(const ManifestIndex& index, const Platform& wanted);

// An entry of docker-archive's manifest.json.
struct DockerArchiveImage {
  std::string config;               // path in the archive
  std::vector<std::string> names;   // RepoTags
  std::vector<std::string> layers;  // paths, lowest first
};
Result<std::vector<DockerArchiveImage>> parse_docker_archive(std::string_view json);

}  // namespace kist::runtime::images
