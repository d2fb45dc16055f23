// The store's inside: what imports and pulls use to add layers and images.
//
//   DIR/lock                 held by whoever changes records
//   DIR/layers/HEX/          an unpacked layer; HEX is the first half of its diff id
//   DIR/layers/HEX.json      its record, written last
//   DIR/layers/HEX.recipe    how to make its archive again; missing where that is not possible
//   DIR/images/HEX.json      an image: its config as it came, names of its blobs
//   DIR/names.json           name -> image id
//   DIR/pins/OWNER           image id
//   DIR/tmp/NAME/            layers being unpacked, each locked by its writer as long as that lives
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kist/base/fd.h"
#include "kist/runtime/images.h"
#include "runtime/images/byte_source.h"

namespace kist::runtime::images {

// A layer unpacked but not yet part of the store. Removed by the destructor unless committed.
class Workspace {
 public:
  Workspace(std::string directory, Fd lock)
      : directory_(std::move(directory)), lock_(std::move(lock)) {}
  Workspace(Workspace&&) = default;
  ~Workspace();

  std::string root() const { return directory_ + "/root"; }
  std::string recipe() const { return directory_ + "/recipe"; }

 private:
  std::string directory_;
  Fd lock_;
};

struct PreparedLayer {
  LayerInfo info;
  std::unique_ptr<Workspace> workspace;  // none: the store has the layer already
};

struct NewImage {
  std::string config_json;
  std::vector<PreparedLayer*> layers;  // lowest first; their diff ids are those of the config
  std::vector<std::string> names;      // complete references
  std::vector<std::string> digests;    // "name@digest"
};

class ImageStore::Impl {
 public:
  static Result<std::unique_ptr<Impl>> open(const std::string& directory);

  // A place to unpack into.
  Result<std::unique_ptr<Workspace>> make_workspace();
  // Unpacks one layer, hashing on both sides of the inflater. Nothing is part of the store yet.
  Result<PreparedLayer> prepare_layer(ByteSource& blob, std::string_view algorithm,
                                      const UnpackLimits& limits);
  // A complete layer with this diff id or this blob digest.
  std::optional<LayerInfo> find_layer(std::string_view digest) const;
  // Syncs, then makes the layers and the image part of the store. kConflict: a layer that was there
  // is gone meanwhile.
  Result<StoredImage> commit(const NewImage& image);

  Result<Image> find(std::string_view name_or_id) const;
  Result<std::vector<Image>> list() const;
  Result<> tag(std::string_view name_or_id, const ImageReference& name);
  Result<RemoveReport> remove(std::string_view name_or_id);
  Result<RemoveReport> prune(const PruneOptions& options);
  Result<> pin(std::string_view owner, std::string_view name_or_id);
  Result<> unpin(std::string_view owner);
  Result<std::vector<std::string>> check();

  // The layer's archive once more, for export; kNotFound where it cannot be made again.
  struct Archive {
    Fd recipe, root;
    std::unique_ptr<ByteSource> source;
  };
  Result<Archive> open_archive(const LayerInfo& layer) const;

  const std::string& directory() const { return directory_; }

 private:
  using Names = std::map<std::string, std::string>;

  explicit Impl(std::string directory) : directory_(std::move(directory)) {}

  Result<> sweep();
  Result<Fd> lock() const;
  std::string layer_path(std::string_view diff_id) const;
  Result<LayerInfo> read_layer(const std::string& record) const;
  Result<> add_layer(PreparedLayer& layer);
  Result<Names> read_names() const;
  Result<> write_names(const Names& names);
  Result<Image> read_image(const std::string& id, const Names& names) const;
  Result<std::string> find_id(std::string_view name_or_id, const Names& names) const;
  std::vector<std::string> image_ids() const;
  std::vector<std::string> pin_owners(std::string_view id) const;
  Result<> remove_image(const std::string& id, RemoveReport& report);
  Result<> remove_unused_layers(RemoveReport& report);
  Result<> forget_layer(const LayerInfo& layer);

  const std::string directory_;
};

}  // namespace kist::runtime::images
