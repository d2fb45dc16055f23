// Records on disk, and who may change them when.
#include "runtime/images/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "kist/base/json.h"
#include "kist/base/random.h"
#include "runtime/images/digest.h"
#include "runtime/images/files.h"
#include "runtime/images/recipe.h"

namespace kist::runtime::images {
namespace {

using json::Value;

// Half a digest names a layer's directory: short, as all of them stand in one mount option. The
// record holds the whole, and is compared with it.
constexpr size_t kLayerNameDigits = 32;
constexpr std::string_view kRecordSuffix = ".json";
constexpr std::string_view kRecipeSuffix = ".recipe";

std::vector<std::string> texts_of(const Value& object, std::string_view member) {
  std::vector<std::string> texts;
  const Value* list = json::find(object, member);
  if (list == nullptr || !list->IsArray()) return texts;
  for (const Value& item : list->GetArray())
    if (item.IsString()) texts.emplace_back(item.GetString(), item.GetStringLength());
  return texts;
}

void set_texts(Value& object, std::string_view member, const std::vector<std::string>& texts,
               json::Allocator& allocator) {
  Value list(rapidjson::kArrayType);
  for (const std::string& text : texts) list.PushBack(json::make_text(text, allocator), allocator);
  json::set(object, member, std::move(list), allocator);
}

std::string layer_record(const LayerInfo& layer) {
  json::Json document;
  Value& root = document.root().SetObject();
  auto& allocator = document.allocator();
  json::set(root, "diffID", layer.diff_id, allocator);
  json::set(root, "blobDigest", layer.blob_digest, allocator);
  json::set(root, "blobBytes", Value(layer.blob_bytes), allocator);
  json::set(root, "archiveBytes", Value(layer.archive_bytes), allocator);
  json::set(root, "bytes", Value(layer.bytes), allocator);
  json::set(root, "entries", Value(layer.entries), allocator);
  return json::to_text(root);
}

std::string image_record(const std::string& config_json, const std::vector<std::string>& digests) {
  json::Json document;
  Value& root = document.root().SetObject();
  json::set(root, "config", config_json, document.allocator());
  set_texts(root, "digests", digests, document.allocator());
  return json::to_text(root);
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

json::ParseLimits record_limits() {
  json::ParseLimits limits;
  limits.bytes_max = size_t{16} << 20;
  return limits;
}

}  // namespace

Workspace::~Workspace() {
  const size_t slash = directory_.rfind('/');
  if (!directory_.empty())  // best effort: the next open() sweeps
    (void)remove_path(directory_.substr(0, slash), directory_.substr(slash + 1)).ok();
}

Result<std::unique_ptr<ImageStore::Impl>> ImageStore::Impl::open(const std::string& directory) {
  char* const absolute = (TRY(make_directory(directory)), ::realpath(directory.c_str(), nullptr));
  if (absolute == nullptr) return errno_error("open " + directory);
  std::unique_ptr<Impl> store(new Impl(absolute));
  std::free(absolute);
  // Layers hold set-id programs of strangers: nobody but the owner gets near them.
  for (const char* name : {"layers", "images", "pins", "tmp"})
    TRY(make_directory(store->directory_ + "/" + name, 0700));
  TRY(store->sweep());
  return store;
}

Result<Fd> ImageStore::Impl::lock() const {
  const std::string path = directory_ + "/lock";
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return errno_error("open " + path);
  while (::flock(file.get(), LOCK_EX) != 0)
    if (errno != EINTR) return errno_error("lock " + path);
  return file;
}

// What writers that are no more left behind: workspaces that nobody holds, layers without a record.
Result<> ImageStore::Impl::sweep() {
  const Fd held = TRY(lock());
  const std::string tmp = directory_ + "/tmp";
  for (const std::string& name : names_with_suffix(tmp, "")) {
    const Fd workspace(::open((tmp + "/" + name).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (workspace && ::flock(workspace.get(), LOCK_EX | LOCK_NB) != 0) continue;
    TRY(remove_path(tmp, name));
  }
  const std::string layers = directory_ + "/layers";
  const std::vector<std::string> complete = names_with_suffix(layers, kRecordSuffix);
  for (const std::string& name : names_with_suffix(layers, "")) {
    const std::string stem = name.substr(0, name.find('.'));
    const bool half_written = name.ends_with(".new");
    if (half_written || !std::ranges::binary_search(complete, stem)) TRY(remove_path(layers, name));
  }
  return {};
}

Result<std::unique_ptr<Workspace>> ImageStore::Impl::make_workspace() {
  // Under the lock, so that a sweep never sees it before its writer holds it.
  const Fd held = TRY(lock());
  const std::string path = directory_ + "/tmp/" + random_uuid();
  if (::mkdir(path.c_str(), 0700) != 0) return errno_error("mkdir " + path);
  Fd mine(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!mine || ::flock(mine.get(), LOCK_EX | LOCK_NB) != 0) return errno_error("lock " + path);
  auto workspace = std::make_unique<Workspace>(path, std::move(mine));
  if (::mkdir(workspace->root().c_str(), 0755) != 0)
    return errno_error("mkdir " + workspace->root());
  return workspace;
}

std::string ImageStore::Impl::layer_path(std::string_view diff_id) const {
  return directory_ + "/layers/" + std::string(hex_of(diff_id).substr(0, kLayerNameDigits));
}

Result<LayerInfo> ImageStore::Impl::read_layer(const std::string& path) const {
  const std::string text = TRY(read_small_file(path + std::string(kRecordSuffix)));
  const json::Json record = TRY(json::parse_json(text, nullptr, record_limits()).context(path));
  LayerInfo layer;
  layer.diff_id = json::text_of(record.root(), "diffID");
  layer.blob_digest = json::text_of(record.root(), "blobDigest");
  layer.blob_bytes = static_cast<uint64_t>(json::int_of(record.root(), "blobBytes"));
  layer.archive_bytes = static_cast<uint64_t>(json::int_of(record.root(), "archiveBytes"));
  layer.bytes = static_cast<uint64_t>(json::int_of(record.root(), "bytes"));
  layer.entries = static_cast<uint64_t>(json::int_of(record.root(), "entries"));
  layer.directory = path;
  TRY(check_digest(layer.diff_id).context(path));
  if (layer_path(layer.diff_id) != path || !is_directory(path))
    return Error{Code::kNotFound, path + ": not the layer that its record names"};
  return layer;
}

std::optional<LayerInfo> ImageStore::Impl::find_layer(std::string_view digest) const {
  if (!check_digest(digest).ok()) return std::nullopt;
  Result<LayerInfo> direct = read_layer(layer_path(digest));
  if (direct.ok() && direct.value().diff_id == digest) return direct.value();
  for (const std::string& name : names_with_suffix(directory_ + "/layers", kRecordSuffix)) {
    Result<LayerInfo> layer = read_layer(directory_ + "/layers/" + name);
    if (layer.ok() && layer.value().blob_digest == digest) return layer.value();
  }
  return std::nullopt;
}

// The record comes last. Called with the lock held, the layer's bytes synced.
Result<> ImageStore::Impl::add_layer(PreparedLayer& layer) {
  const std::string path = layer_path(layer.info.diff_id);
  if (read_layer(path).ok()) {
    layer.workspace.reset();  // somebody was faster
    layer.info.directory = path;
    return {};
  }
  if (layer.workspace == nullptr)
    return Error{Code::kConflict,
                 "layer " + layer.info.diff_id + " was removed meanwhile, try again"};
  const size_t slash = path.rfind('/');
  TRY(remove_path(path.substr(0, slash), path.substr(slash + 1)));  // a damaged one
  const std::string recipe = path + std::string(kRecipeSuffix);
  if (::rename(layer.workspace->recipe().c_str(), recipe.c_str()) != 0) {
    if (errno != ENOENT) return errno_error("rename " + recipe);
    ::unlink(recipe.c_str());
  }
  if (::rename(layer.workspace->root().c_str(), path.c_str()) != 0)
    return errno_error("rename " + path);
  TRY(replace_file(path + std::string(kRecordSuffix), layer_record(layer.info)));
  layer.info.directory = path;
  layer.workspace.reset();
  return {};
}

Result<StoredImage> ImageStore::Impl::commit(const NewImage& image) {
  StoredImage stored{digest_of(image.config_json), image.names};
  const Fd top(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // One sync for all the files of all layers instead of one for each.
  const bool fresh =
      std::ranges::any_of(image.layers, [](auto* l) { return l->workspace != nullptr; });
  if (!top || (fresh && ::syncfs(top.get()) != 0)) return errno_error("sync " + directory_);

  const Fd held = TRY(lock());
  for (PreparedLayer* layer : image.layers) TRY(add_layer(*layer));
  Names names = TRY(read_names());
  std::vector<std::string> digests = image.digests;
  if (const Result<Image> old = read_image(stored.id, names); old.ok())
    for (const std::string& digest : old.value().digests) digests.push_back(digest);
  std::ranges::sort(digests);
  digests.erase(std::unique(digests.begin(), digests.end()), digests.end());
  const std::string path = directory_ + "/images/" + std::string(hex_of(stored.id));
  TRY(replace_file(path + std::string(kRecordSuffix), image_record(image.config_json, digests)));
  if (image.names.empty()) return stored;
  for (const std::string& name : image.names) names[name] = stored.id;
  TRY(write_names(names));
  return stored;
}

Result<ImageStore::Impl::Names> ImageStore::Impl::read_names() const {
  Names names;
  const Result<std::string> text = read_small_file(directory_ + "/names.json");
  if (!text.ok() && text.error().code == Code::kNotFound) return names;
  if (!text.ok()) return text.error();
  const json::Json record = TRY(
      json::parse_json(text.value(), nullptr, record_limits()).context(directory_ + "/names.json"));
  if (!record.root().IsObject())
    return Error{Code::kInvalid, directory_ + "/names.json: not an object"};
  for (const auto& each : record.root().GetObject())
    if (each.value.IsString()) names[each.name.GetString()] = each.value.GetString();
  return names;
}

Result<> ImageStore::Impl::write_names(const Names& names) {
  json::Json document;
  document.root().SetObject();
  for (const auto& [name, id] : names) json::set(document.root(), name, id, document.allocator());
  return replace_file(directory_ + "/names.json", json::to_text(document.root()));
}

std::vector<std::string> ImageStore::Impl::image_ids() const {
  std::vector<std::string> ids = names_with_suffix(directory_ + "/images", kRecordSuffix);
  for (std::string& id : ids) id.insert(0, "sha256:");
  return ids;
}

Result<Image> ImageStore::Impl::read_image(const std::string& id, const Names& names) const {
  const std::string path =
      directory_ + "/images/" + std::string(hex_of(id)) + std::string(kRecordSuffix);
  const std::string text = TRY(read_small_file(path));
  Image image;
  image.id = id;
  for (const auto& [name, target] : names)
    if (target == id) image.names.push_back(name);
  auto read = [&]() -> Result<> {
    const json::Json record = TRY(json::parse_json(text, nullptr, record_limits()));
    image.config_json = json::text_of(record.root(), "config");
    image.digests = texts_of(record.root(), "digests");
    if (digest_of(image.config_json) != id)
      return Error{Code::kInvalid, "the config does not fit its digest"};
    image.config = TRY(parse_image_config(image.config_json));
    return {};
  };
  if (const Result<> done = read(); !done.ok()) {
    image.problem = path + ": " + done.error().message;
    return image;
  }
  for (const std::string& diff_id : image.config.diff_ids) {
    Result<LayerInfo> layer = read_layer(layer_path(diff_id));
    if (!layer.ok()) {
      image.problem = "layer " + diff_id + " is missing: pull or import the image again";
      continue;
    }
    image.bytes += layer.value().bytes;
    image.layers.push_back(std::move(layer).value());
  }
  return image;
}

Result<std::string> ImageStore::Impl::find_id(std::string_view text, const Names& names) const {
  const Result<ImageReference> reference = ImageReference::parse(text);
  if (reference.ok()) {
    const auto named = names.find(reference.value().text());
    if (named != names.end()) return named->second;
  }
  const std::vector<std::string> ids = image_ids();
  if (reference.ok() && !reference.value().digest.empty()) {
    const std::string digest = reference.value().name() + "@" + reference.value().digest;
    for (const std::string& id : ids) {
      const Result<Image> image = read_image(id, names);
      if (image.ok() && std::ranges::binary_search(image.value().digests, digest)) return id;
    }
  }
  constexpr size_t kShortIdMin = 6;
  const std::string_view hex = text.starts_with("sha256:") ? text.substr(7) : text;
  std::vector<std::string> fitting;
  for (const std::string& id : ids)
    if (hex.size() >= kShortIdMin && hex_of(id).starts_with(hex)) fitting.push_back(id);
  if (fitting.size() == 1) return fitting[0];
  if (fitting.size() > 1)
    return Error{Code::kConflict, "image id " + std::string(text) + " fits several images"};
  return Error{Code::kNotFound, "no image \"" + std::string(text) + "\""};
}

Result<Image> ImageStore::Impl::find(std::string_view name_or_id) const {
  const Names names = TRY(read_names());
  const std::string id = TRY(find_id(name_or_id, names));
  return read_image(id, names);
}

Result<std::vector<Image>> ImageStore::Impl::list() const {
  const Names names = TRY(read_names());
  std::vector<Image> images;
  for (const std::string& id : image_ids()) {
    Result<Image> image = read_image(id, names);
    if (image.ok()) images.push_back(std::move(image).value());  // else: removed meanwhile
  }
  std::ranges::sort(images, {}, [](const Image& image) {
    return std::pair(image.names.empty() ? std::string("~") : image.names[0], image.id);
  });
  return images;
}

Result<> ImageStore::Impl::tag(std::string_view name_or_id, const ImageReference& name) {
  if (!name.digest.empty())
    return Error{Code::kInvalid, "\"" + name.text() + "\": a new name has a tag, not a digest"};
  const Fd held = TRY(lock());
  Names names = TRY(read_names());
  names[name.text()] = TRY(find_id(name_or_id, names));
  return write_names(names);
}

Result<ImageStore::Impl::Archive> ImageStore::Impl::open_archive(const LayerInfo& layer) const {
  Archive archive;
  archive.recipe.reset(
      ::open((layer.directory + std::string(kRecipeSuffix)).c_str(), O_RDONLY | O_CLOEXEC));
  if (!archive.recipe)
    return errno_error("layer " + layer.diff_id + ": its archive cannot be made again");
  archive.root.reset(::open(layer.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!archive.root) return errno_error("open " + layer.directory);
  archive.source = make_recipe_source(archive.recipe.get(), archive.root.get());
  return archive;
}

ImageStore::ImageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageStore::~ImageStore() = default;

Result<std::unique_ptr<ImageStore>> ImageStore::open(const std::string& directory) {
  return std::unique_ptr<ImageStore>(
      new ImageStore(TRY(Impl::open(directory).context("image store"))));
}
Result<Image> ImageStore::find(std::string_view name_or_id) const {
  return impl_->find(name_or_id);
}
Result<std::vector<Image>> ImageStore::list() const { return impl_->list(); }
Result<> ImageStore::tag(std::string_view name_or_id, const ImageReference& name) {
  return impl_->tag(name_or_id, name);
}
Result<RemoveReport> ImageStore::remove(std::string_view name_or_id) {
  return impl_->remove(name_or_id);
}
Result<RemoveReport> ImageStore::prune(const PruneOptions& options) {
  return impl_->prune(options);
}
Result<> ImageStore::pin(std::string_view owner, std::string_view name_or_id) {
  return impl_->pin(owner, name_or_id);
}
Result<> ImageStore::unpin(std::string_view owner) { return impl_->unpin(owner); }
Result<std::vector<std::string>> ImageStore::check() { return impl_->check(); }

}  // namespace kist::runtime::images
