// The node's images: a content-addressed store of unpacked layers, and the ways in and out.
//
// A layer is unpacked once, below DIR/layers, into a directory that is an overlayfs lowerdir as it
// stands; images that share it share the directory. Layers are synced to disk before the record
// that says they are complete, records are replaced by rename. So whoever reads sees a whole image
// or none, also after a power cut, and what has no record is swept when a store is opened.
//
// Several processes may use one store at once: writers hold DIR/lock for the short steps that
// change records, readers take no lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/fd.h"
#include "kist/base/result.h"
#include "kist/runtime/image_config.h"
#include "kist/runtime/image_reference.h"
#include "kist/runtime/registries.h"

namespace kist::runtime::images {

// Bounds on what a stranger's archive may make us do. Beyond one: kTooLarge, nothing is kept.
struct UnpackLimits {
  uint64_t layer_bytes_max = uint64_t{64} << 30;  // uncompressed
  uint64_t ratio_max = 2000;         // uncompressed to compressed, from the first 64 MiB on; 0: any
  uint64_t entries_max = 4'000'000;  // of one layer
  uint64_t json_bytes_max = uint64_t{8} << 20;  // of one manifest or config
  uint64_t layers_max = 500;                    // of one image
};

struct LayerInfo {
  std::string diff_id;         // digest of the uncompressed layer
  std::string blob_digest;     // digest of what was fetched; equals diff_id for a plain tar
  uint64_t blob_bytes = 0;     // size of what was fetched
  uint64_t archive_bytes = 0;  // of the uncompressed archive
  uint64_t bytes = 0;          // of regular files, unpacked
  uint64_t entries = 0;        // of the archive
  std::string directory;       // absolute path, an overlayfs lowerdir
};

struct Image {
  std::string id;                    // digest of the config
  std::vector<std::string> names;    // "docker.io/library/nginx:latest", sorted
  std::vector<std::string> digests;  // "docker.io/library/nginx@sha256:...", sorted
  ImageConfig config;
  std::string config_json;        // the bytes whose digest is `id`
  std::vector<LayerInfo> layers;  // lowest first
  uint64_t bytes = 0;             // sum of the layers
  std::string problem;            // what is missing; empty for an image that can be used
};

// One step of a pull or an import, for people to see. Called from any thread, one at a time.
struct Progress {
  enum class Step { kWaiting, kFetching, kPresent, kDone };
  std::string blob;  // digest or name inside the archive
  Step step = Step::kWaiting;
  uint64_t bytes = 0;  // so far
  uint64_t total = 0;  // 0: not known
};
using ProgressFunction = std::function<void(const Progress&)>;

struct RemoveReport {
  std::vector<std::string> untagged;  // names
  std::vector<std::string> deleted;   // ids of images, then diff ids of layers
  uint64_t bytes = 0;                 // given back
};

// Threads: any, each call is one transaction. Created by open().
class ImageStore {
 public:
  // `directory` is made when missing. Sweeps what a dead writer left behind.
  static Result<std::unique_ptr<ImageStore>> open(const std::string& directory);
  ~ImageStore();

  // By name, or by id ("sha256:..." or at least its first 6 hex digits). kNotFound; kConflict where
  // a short id fits several.
  Result<Image> find(std::string_view name_or_id) const;
  // Every image, sorted by first name, then id. Records that cannot be read come with a `problem`.
  Result<std::vector<Image>> list() const;

  // Gives the image a further name; another image that had it loses it.
  Result<> tag(std::string_view name_or_id, const ImageReference& name);
  // A name goes; the image with its last one. By id all names go. kConflict: the image is pinned.
  Result<RemoveReport> remove(std::string_view name_or_id);
  // Images without a name, with `all` every image that is not pinned; and layers of no image.
  struct PruneOptions {
    bool all = false;
  };
  Result<RemoveReport> prune(const PruneOptions& options);

  // While `owner` (letters, digits, "-_.") pins an image it is not removed. Pins survive a restart.
  Result<> pin(std::string_view owner, std::string_view name_or_id);
  Result<> unpin(std::string_view owner);

  // Reads every layer again and compares it with its digest. Names what is damaged; damaged layers
  // are forgotten, so that pulling or importing the image again heals it.
  Result<std::vector<std::string>> check();

  class Impl;  // for this component
  Impl& impl() { return *impl_; }

 private:
  explicit ImageStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct PullOptions {
  Platform platform = host_platform();
  Registries registries;
  int parallel_max = 3;  // layers at a time
  int attempts_max = 5;  // of one blob, each going on where the last ended
  std::chrono::seconds connect_timeout{15};
  std::chrono::seconds stall_timeout{30};  // without a byte
  UnpackLimits limits;
  ProgressFunction progress;
  std::stop_token stop;
};

struct ImportOptions {
  // Name for images that carry none, or only a tag: "localhost/app" and "v1" make
  // "localhost/app:v1".
  std::string name;
  Platform platform = host_platform();  // of an index with several
  UnpackLimits limits;
  ProgressFunction progress;
  std::stop_token stop;
};

struct StoredImage {
  std::string id;
  std::vector<std::string> names;  // that this import or pull gave it
};

// Asks the registry, or its mirrors in turn. Layers are fetched and unpacked side by side; those
// that the store has are not fetched. Proxies are those of the environment (HTTPS_PROXY, NO_PROXY).
// kNotFound, kUnauthorized, kForbidden as the registry says; kUnavailable, kTimeout: try again;
// kInvalid: bytes that do not fit their digest or length.
Result<StoredImage> pull(ImageStore& store, const ImageReference& reference,
                         const PullOptions& options);

// An archive of docker or OCI from `fd`, a file or a pipe, read once from beginning to end; plain,
// gzip or zstd. All images in it. kInvalid: not such an archive, or a digest that does not fit.
Result<std::vector<StoredImage>> import_archive(ImageStore& store, int fd,
                                                const ImportOptions& options);
// Writes the image as an archive for docker and OCI tools alike. Its layers are byte for byte what
// was pulled, so its id stays; each is compared with its digest. kNotFound: a layer whose archive
// cannot be made again, since it wrote a name twice.
Result<> export_image(ImageStore& store, std::string_view name_or_id, int fd);

// The image as a read-only file system on the directory `target`, pinned as long. Wants root.
Result<> mount_image(ImageStore& store, std::string_view name_or_id, const std::string& target);
Result<> unmount_image(ImageStore& store, const std::string& target);

// An OCI image layout in a directory.
Result<std::vector<StoredImage>> import_layout(ImageStore& store, const std::string& directory,
                                               const ImportOptions& options);

}  // namespace kist::runtime::images
