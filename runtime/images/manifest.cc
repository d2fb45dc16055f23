#include "runtime/images/manifest.h"

#include <algorithm>

#include "kist/base/json.h"
#include "kist/runtime/image_reference.h"

namespace kist::runtime::images {
namespace {

using json::Value;

constexpr size_t kBytesMax = size_t{8} << 20;
constexpr rapidjson::SizeType kLayersMax = 500;
constexpr rapidjson::SizeType kManifestsMax = 2000;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

Result<json::Json> parse(std::string_view text) {
  json::ParseLimits limits;
  limits.bytes_max = kBytesMax;
  Result<json::Json> parsed = json::parse_json(text, nullptr, limits);
  if (!parsed.ok()) return invalid(parsed.error().message);
  return parsed;
}

Result<Descriptor> read_descriptor(const Value& value) {
  if (!value.IsObject()) return invalid("not an object");
  Descriptor descriptor;
  descriptor.media_type = json::text_of(value, "mediaType");
  descriptor.digest = json::text_of(value, "digest");
  TRY(check_digest(descriptor.digest).context("digest"));
  const int64_t size = json::int_of(value, "size", -1);
  if (size < 0) return invalid("size: missing or negative");
  descriptor.size = static_cast<uint64_t>(size);
  if (const Value* platform = json::find(value, "platform")) {
    descriptor.platform = {std::string(json::text_of(*platform, "os")),
                           std::string(json::text_of(*platform, "architecture")),
                           std::string(json::text_of(*platform, "variant"))};
  }
  if (const Value* annotations = json::find(value, "annotations");
      annotations && annotations->IsObject())
    for (const auto& each : annotations->GetObject())
      if (each.value.IsString())
        descriptor.annotations.emplace(each.name.GetString(), each.value.GetString());
  return descriptor;
}

Result<std::vector<Descriptor>> read_descriptors(const Value& list, std::string_view name,
                                                 rapidjson::SizeType count_max) {
  std::vector<Descriptor> descriptors;
  if (!list.IsArray()) return invalid(std::string(name) + ": not a list");
  if (list.Size() > count_max)
    return Error{Code::kTooLarge, std::string(name) + ": more than " + std::to_string(count_max)};
  for (const Value& item : list.GetArray()) {
    const std::string where = std::string(name) + "[" + std::to_string(descriptors.size()) + "]";
    descriptors.push_back(TRY(read_descriptor(item).context(where)));
  }
  return descriptors;
}

bool is_layer_type(std::string_view type) {
  return type.empty() || type.starts_with("application/vnd.docker.image.rootfs.") ||
         type.starts_with("application/vnd.oci.image.layer.");
}

bool is_config_type(std::string_view type) {
  return type.empty() || type == "application/vnd.docker.container.image.v1+json" ||
         type == "application/vnd.oci.image.config.v1+json" || type == "application/octet-stream";
}

Result<Manifest> read_manifest(const Value& root) {
  Manifest manifest;
  const Value* config = json::find(root, "config");
  if (config == nullptr) return invalid("config: missing");
  manifest.config = TRY(read_descriptor(*config).context("config"));
  if (!is_config_type(manifest.config.media_type))
    return Error{Code::kUnsupportedMediaType,
                 "not a container image: config of media type " + manifest.config.media_type};
  const Value* layers = json::find(root, "layers");
  if (layers == nullptr) return invalid("layers: missing");
  manifest.layers = TRY(read_descriptors(*layers, "layers", kLayersMax));
  for (const Descriptor& layer : manifest.layers)
    if (!is_layer_type(layer.media_type))
      return Error{Code::kUnsupportedMediaType, "a layer of media type " + layer.media_type};
  return manifest;
}

// How well an entry suits: 0 not at all.
int suitability(const Platform& has, const Platform& wanted) {
  if (has.os != wanted.os || has.architecture != wanted.architecture) return 0;
  if (has.variant == wanted.variant) return 100;
  if (has.variant.empty() || wanted.variant.empty()) return 50;
  // An arm v7 machine runs v6 and v5 as well; of v8 there is only one.
  if (wanted.architecture == "arm" && has.variant < wanted.variant)
    return has.variant.back() - '0' + 1;
  return 0;
}

}  // namespace

Result<std::variant<Manifest, ManifestIndex>> parse_manifest(std::string_view text) {
  using Either = std::variant<Manifest, ManifestIndex>;
  const json::Json parsed = TRY(parse(text).context("manifest"));
  const Value& root = parsed.root();
  if (!root.IsObject()) return invalid("manifest: not an object");
  if (json::int_of(root, "schemaVersion", 2) != 2)
    return Error{Code::kUnsupportedMediaType,
                 "manifest: schema version 1, which docker gave up in 2019; push the image again"};
  const std::string_view type = json::text_of(root, "mediaType");
  const Value* manifests = json::find(root, "manifests");
  const bool index = type.empty()
                         ? manifests != nullptr
                         : type.find("index") != type.npos || type.find("list") != type.npos;
  if (!index) return Either(TRY(read_manifest(root).context("manifest")));
  if (manifests == nullptr) return invalid("index: manifests: missing");
  return Either(ManifestIndex{
      TRY(read_descriptors(*manifests, "manifests", kManifestsMax).context("index"))});
}

Result<Descriptor> choose_platform(const ManifestIndex& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  std::string there;
  for (const Descriptor& each : index.manifests) {
    // An entry that does not say is taken where nothing better is: single-platform indexes.
    const int score = each.platform.os.empty() ? 1 : suitability(each.platform, wanted);
    if (!each.platform.os.empty())
      there += (there.empty() ? "" : ", ") + platform_text(each.platform);
    const int best_score = best == nullptr             ? 0
                           : best->platform.os.empty() ? 1
                                                       : suitability(best->platform, wanted);
    if (score > best_score) best = &each;
  }
  if (best != nullptr) return *best;
  return Error{Code::kNotFound, "no image for platform " + platform_text(wanted) + ", only for " +
                                    (there.empty() ? "none" : there)};
}

Result<std::vector<DockerArchiveImage>> parse_docker_archive(std::string_view text) {
  const json::Json parsed = TRY(parse(text).context("manifest.json"));
  if (!parsed.root().IsArray()) return invalid("manifest.json: not a list");
  std::vector<DockerArchiveImage> images;
  for (const Value& item : parsed.root().GetArray()) {
    DockerArchiveImage image;
    image.config = json::text_of(item, "Config");
    if (image.config.empty()) return invalid("manifest.json: Config: missing");
    const Value* layers = json::find(item, "Layers");
    if (layers == nullptr || !layers->IsArray()) return invalid("manifest.json: Layers: missing");
    if (layers->Size() > kLayersMax)
      return Error{Code::kTooLarge, "manifest.json: Layers: too many"};
    for (const Value& layer : layers->GetArray()) {
      if (!layer.IsString()) return invalid("manifest.json: Layers: not a list of strings");
      image.layers.emplace_back(layer.GetString());
    }
    if (const Value* names = json::find(item, "RepoTags"); names != nullptr && names->IsArray())
      for (const Value& name : names->GetArray())
        if (name.IsString()) image.names.emplace_back(name.GetString());
    images.push_back(std::move(image));
  }
  return images;
}

}  // namespace kist::runtime::images
