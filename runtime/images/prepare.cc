// One layer through the pipeline: fetched bytes, hashed, inflated, hashed, unpacked.
#include <fcntl.h>

#include "runtime/images/digest.h"
#include "runtime/images/inflate.h"
#include "runtime/images/recipe.h"
#include "runtime/images/store.h"
#include "runtime/images/unpack.h"

namespace kist::runtime::images {
namespace {

// The recipe is dropped where it cannot be right: an archive that writes a name twice.
Result<> keep_recipe(RecipeWriter& recipe, const UnpackReport& report, const std::string& path) {
  TRY(recipe.finish());
  if (report.replaced) ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<PreparedLayer> ImageStore::Impl::prepare_layer(ByteSource& blob, std::string_view algorithm,
                                                      const UnpackLimits& limits) {
  PreparedLayer layer;
  layer.workspace = TRY(make_workspace());
  const std::string recipe_path = layer.workspace->recipe();
  const Fd root(::open(layer.workspace->root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd recipe_file(::open(recipe_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!root || !recipe_file) return errno_error("open " + layer.workspace->root());

  HashingSource fetched(blob, algorithm);
  const std::unique_ptr<ByteSource> inflated =
      make_inflater(fetched, {limits.layer_bytes_max, limits.ratio_max});
  HashingSource plain(*inflated);
  RecipeWriter recipe(recipe_file.get());
  TarReader tar(plain, &recipe);
  UnpackOptions options;
  options.privileged = ::geteuid() == 0;
  options.entries_max = limits.entries_max;
  Unpacker unpacker(root.get(), options);
  const UnpackReport report = TRY(unpacker.run(tar));
  TRY(tar.finish());
  TRY(keep_recipe(recipe, report, recipe_path));

  layer.info.diff_id = plain.digest();
  layer.info.blob_digest = fetched.digest();
  layer.info.blob_bytes = fetched.bytes();
  layer.info.archive_bytes = plain.bytes();
  layer.info.bytes = report.bytes;
  layer.info.entries = report.entries;
  return layer;
}

}  // namespace kist::runtime::images
