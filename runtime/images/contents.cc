#include "runtime/images/contents.h"

#include <algorithm>

#include "runtime/images/digest.h"

namespace kist::runtime::images {
namespace {

constexpr int kIndexDepthMax = 4;
constexpr const char* kContainerdName = "io.containerd.image.name";
constexpr const char* kRefName = "org.opencontainers.image.ref.name";

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

class Importer {
 public:
  Importer(ImageStore::Impl& store, Contents& contents, const ImportOptions& options)
      : store_(store), contents_(contents), options_(options) {}

  Result<std::vector<StoredImage>> run() {
    const Result<std::string> docker = contents_.json("manifest.json");
    if (docker.ok()) {
      TRY(add_docker_images(docker.value()));
    } else {
      const Result<std::string> index = contents_.json("index.json");
      if (!index.ok())
        return invalid(
            "neither manifest.json nor index.json: not an image archive of docker or OCI");
      TRY(add_oci_images(index.value()));
    }
    if (stored_.empty()) return invalid("there is no image inside");
    return std::move(stored_);
  }

 private:
  Result<> add_docker_images(const std::string& text) {
    const std::vector<DockerArchiveImage> images = TRY(parse_docker_archive(text));
    for (const DockerArchiveImage& image : images) {
      NewImage added;
      added.config_json = TRY(contents_.json(image.config));
      const ImageConfig config = TRY(parse_image_config(added.config_json).context(image.config));
      for (const std::string& path : image.layers)
        added.layers.push_back(TRY(contents_.layer(path)));
      TRY(check_layers(config, added.layers).context(image.config));
      for (const std::string& name : image.names)
        added.names.push_back(TRY(ImageReference::parse(name).context("RepoTags")).text());
      if (added.names.empty() && !options_.name.empty())
        added.names.push_back(TRY(ImageReference::parse(options_.name)).text());
      stored_.push_back(TRY(store_.commit(added)));
    }
    return {};
  }

  Result<> add_oci_images(const std::string& text) {
    auto index = TRY(parse_manifest(text).context("index.json"));
    if (!std::holds_alternative<ManifestIndex>(index)) return invalid("index.json: not an index");
    for (const Descriptor& each : std::get<ManifestIndex>(index).manifests)
      TRY(add_oci_image(each, each, 0));
    return {};
  }

  // A document by its descriptor, compared with it.
  Result<std::string> fetch(const Descriptor& wanted) {
    std::string text = TRY(contents_.json(blob_path(wanted.digest)));
    if (text.size() != wanted.size || digest_of(text, algorithm_of(wanted.digest)) != wanted.digest)
      return invalid("blob " + wanted.digest + " does not fit its digest");
    return text;
  }

  Result<> add_oci_image(const Descriptor& top, const Descriptor& here, int depth) {
    const std::string text = TRY(fetch(here));
    auto either = TRY(parse_manifest(text).context(here.digest));
    if (const auto* index = std::get_if<ManifestIndex>(&either)) {
      if (depth >= kIndexDepthMax) return invalid("indexes nested too deeply");
      return add_oci_image(
          top, TRY(choose_platform(*index, options_.platform).context(here.digest)), depth + 1);
    }
    const Manifest& manifest = std::get<Manifest>(either);
    NewImage added;
    added.config_json = TRY(fetch(manifest.config));
    const ImageConfig config =
        TRY(parse_image_config(added.config_json).context(manifest.config.digest));
    for (const Descriptor& layer : manifest.layers) {
      PreparedLayer* prepared = TRY(contents_.layer(blob_path(layer.digest)));
      const bool same =
          prepared->info.blob_digest == layer.digest && prepared->info.blob_bytes == layer.size;
      // A layer the store has may have come in another compression.
      if (prepared->workspace != nullptr && !same)
        return invalid("layer " + layer.digest + " does not fit its digest and size: got " +
                       prepared->info.blob_digest + ", " +
                       std::to_string(prepared->info.blob_bytes) + " bytes");
      added.layers.push_back(prepared);
    }
    TRY(check_layers(config, added.layers).context(here.digest));
    TRY(add_name(top, added));
    stored_.push_back(TRY(store_.commit(added)));
    return {};
  }

  // What the index calls it. A bare tag needs a repository to become a name.
  Result<> add_name(const Descriptor& top, NewImage& added) {
    const auto full = top.annotations.find(kContainerdName);
    const auto ref = top.annotations.find(kRefName);
    std::string name;
    if (full != top.annotations.end()) {
      name = full->second;
    } else if (ref != top.annotations.end()) {
      const bool bare = ref->second.find_first_of("/:") == std::string::npos;
      name = !bare ? ref->second : options_.name.empty() ? "" : options_.name + ":" + ref->second;
    } else {
      name = options_.name;
    }
    if (name.empty()) return {};
    const ImageReference reference = TRY(ImageReference::parse(name));
    if (!reference.tag.empty()) added.names.push_back(reference.text());
    added.digests.push_back(reference.name() + "@" + top.digest);
    return {};
  }

  ImageStore::Impl& store_;
  Contents& contents_;
  const ImportOptions& options_;
  std::vector<StoredImage> stored_;
};

}  // namespace

Result<std::vector<StoredImage>> add_images(ImageStore::Impl& store, Contents& contents,
                                            const ImportOptions& options) {
  return Importer(store, contents, options).run();
}

std::string blob_path(std::string_view digest) {
  return "blobs/" + std::string(algorithm_of(digest)) + "/" + std::string(hex_of(digest));
}

Result<> check_layers(const ImageConfig& config, const std::vector<PreparedLayer*>& layers) {
  if (config.diff_ids.size() != layers.size())
    return invalid("the config names " + std::to_string(config.diff_ids.size()) +
                   " layers, the manifest " + std::to_string(layers.size()));
  for (size_t i = 0; i < layers.size(); ++i)
    if (config.diff_ids[i] != layers[i]->info.diff_id)
      return invalid("layer " + std::to_string(i) + " unpacks to " + layers[i]->info.diff_id +
                     ", but the config says " + config.diff_ids[i]);
  return {};
}

}  // namespace kist::runtime::images
