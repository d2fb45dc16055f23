// kist image pull: endpoints in turn, then layers side by side through the pipeline.
#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "runtime/images/contents.h"
#include "runtime/images/digest.h"
#include "runtime/images/registry.h"

namespace kist::runtime::images {
namespace {

constexpr int kIndexDepthMax = 4;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// Tells how far a layer is.
class ToldSource : public ByteSource {
 public:
  ToldSource(ByteSource& from, const Descriptor& layer,
             const std::function<void(const Progress&)>& tell)
      : from_(from),
        tell_(tell),
        progress_{layer.digest, Progress::Step::kFetching, 0, layer.size} {}
  Result<size_t> read(char* to, size_t size) override {
    const size_t got = TRY(from_.read(to, size));
    progress_.bytes += got;
    if (got > 0) tell_(progress_);
    return got;
  }

 private:
  ByteSource& from_;
  const std::function<void(const Progress&)>& tell_;
  Progress progress_;
};

class Puller {
 public:
  Puller(ImageStore::Impl& store, Repository& repository, const PullOptions& options)
      : store_(store), repository_(repository), options_(options) {
    tell_ = [this](const Progress& progress) {
      MutexLock lock(progress_mutex_);
      if (options_.progress) options_.progress(progress);
    };
  }

  Result<StoredImage> run(const ImageReference& reference) {
    std::string text =
        TRY(repository_.manifest(reference.version(), options_.limits.json_bytes_max));
    const std::string top_digest = reference.digest.empty() ? digest_of(text) : reference.digest;
    const Manifest manifest = TRY(choose_manifest(std::move(text)));
    if (manifest.layers.size() > options_.limits.layers_max)
      return invalid("an image of too many layers");
    if (manifest.config.size > options_.limits.json_bytes_max)
      return Error{Code::kTooLarge, "config " + manifest.config.digest + " is too large"};

    NewImage image;
    image.config_json = TRY(repository_.small_blob(manifest.config.digest, manifest.config.size));
    const ImageConfig config = TRY(parse_image_config(image.config_json));
    if (config.diff_ids.size() != manifest.layers.size()) TRY(check_layers(config, {}));
    std::vector<PreparedLayer> layers = TRY(fetch_layers(manifest.layers, config));
    for (PreparedLayer& layer : layers) image.layers.push_back(&layer);
    TRY(check_layers(config, image.layers));
    if (!reference.tag.empty()) image.names.push_back(reference.name() + ":" + reference.tag);
    image.digests.push_back(reference.name() + "@" + top_digest);
    return store_.commit(image);
  }

 private:
  Result<Manifest> choose_manifest(std::string text) {
    for (int depth = 0; depth < kIndexDepthMax; ++depth) {
      auto either = TRY(parse_manifest(text));
      if (auto* manifest = std::get_if<Manifest>(&either)) return std::move(*manifest);
      const Descriptor chosen =
          TRY(choose_platform(std::get<ManifestIndex>(either), options_.platform));
      text = TRY(repository_.manifest(chosen.digest, options_.limits.json_bytes_max));
    }
    return invalid("indexes nested too deeply");
  }

  Result<std::vector<PreparedLayer>> fetch_layers(const std::vector<Descriptor>& layers,
                                                  const ImageConfig& config) {
    std::vector<std::optional<Result<PreparedLayer>>> results(layers.size());
    std::atomic<size_t> next = 0;
    std::stop_source failed;
    auto work = [&] {
      for (size_t i; (i = next++) < layers.size();) {
        results[i] = fetch_layer(layers[i], config.diff_ids[i], failed.get_token());
        if (!results[i]->ok()) failed.request_stop();
      }
    };
    {
      const std::stop_callback on_stop(options_.stop, [&] { failed.request_stop(); });
      std::vector<std::jthread> workers;
      const size_t count =
          std::min<size_t>(layers.size(), static_cast<size_t>(std::max(options_.parallel_max, 1)));
      for (size_t i = 0; i < count; ++i) {
        workers.emplace_back(work);
        ::pthread_setname_np(workers.back().native_handle(), "image-layer");
      }
    }
    std::vector<PreparedLayer> prepared;
    // The error that came first, not those of layers that were stopped because of it.
    for (auto& result : results)
      if (!result->ok() && result->error().code != Code::kCanceled) return result->error();
    for (auto& result : results) prepared.push_back(TRY(std::move(*result)));
    return prepared;
  }

  Result<PreparedLayer> fetch_layer(const Descriptor& layer, const std::string& diff_id,
                                    std::stop_token stop) {
    std::optional<LayerInfo> present = store_.find_layer(diff_id);
    if (present) {
      tell_({layer.digest, Progress::Step::kPresent, layer.size, layer.size});
      return PreparedLayer{*present, nullptr};
    }
    if (stop.stop_requested()) return Error{Code::kCanceled, "stopped"};
    BlobSource blob(repository_, layer.digest, layer.size, options_, stop);
    ToldSource told(blob, layer, tell_);
    PreparedLayer prepared =
        TRY(store_.prepare_layer(told, algorithm_of(layer.digest), options_.limits)
                .context("layer " + layer.digest));
    if (prepared.info.blob_digest != layer.digest)
      return invalid("layer " + layer.digest + " does not fit its digest: got " +
                     prepared.info.blob_digest);
    tell_({layer.digest, Progress::Step::kDone, layer.size, layer.size});
    return prepared;
  }

  ImageStore::Impl& store_;
  Repository& repository_;
  const PullOptions& options_;
  Mutex progress_mutex_;  // guards nothing of ours: one call of the caller's function at a time
  std::function<void(const Progress&)> tell_;
};

RegistryAccess access_of(const Registries& registries, const RegistryEndpoint& endpoint) {
  auto found = registries.configs.find(endpoint.host);
  if (found == registries.configs.end() && endpoint.host == "registry-1.docker.io")
    found = registries.configs.find("docker.io");
  return found == registries.configs.end() ? RegistryAccess() : found->second;
}

}  // namespace

Result<StoredImage> pull(ImageStore& store, const ImageReference& reference,
                         const PullOptions& options) {
  const std::vector<RegistryEndpoint> endpoints =
      TRY(endpoints_of(options.registries, reference.registry, reference.repository));
  HttpClient client({options.connect_timeout, options.stall_timeout});
  const std::stop_callback on_stop(options.stop, [&client] { client.cancel(); });
  Result<StoredImage> last = invalid("no endpoint");
  // Any failure of a mirror leads on to the next; the error told is the last one's.
  for (const RegistryEndpoint& endpoint : endpoints) {
    Repository repository(client, endpoint, access_of(options.registries, endpoint));
    last = Puller(store.impl(), repository, options).run(reference);
    if (last.ok() || options.stop.stop_requested()) break;
  }
  return std::move(last).context(reference.text());
}

}  // namespace kist::runtime::images
