// From a manifest and its blobs to images of the store, wherever the blobs come from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/images/manifest.h"
#include "runtime/images/store.h"

namespace kist::runtime::images {

// The blobs of an archive or a directory, by path.
class Contents {
 public:
  virtual ~Contents() = default;
  virtual Result<std::string> json(const std::string& path) = 0;
  // A layer, unpacked on the first call. The pointer lives as long as the Contents.
  virtual Result<PreparedLayer*> layer(const std::string& path) = 0;
};

// Every image of a docker-archive (manifest.json) or an OCI layout (index.json); where both are
// there, the second is a superset for other readers and manifest.json is used.
Result<std::vector<StoredImage>> add_images(ImageStore::Impl& store, Contents& contents,
                                            const ImportOptions& options);

// "blobs/sha256/<hex>"
std::string blob_path(std::string_view digest);

// Checks a config against its manifest's layers. kInvalid names the layer that does not fit.
Result<> check_layers(const ImageConfig& config, const std::vector<PreparedLayer*>& layers);

}  // namespace kist::runtime::images
