// kist image export: an archive that both docker load and OCI tools read, the layers byte for byte
// those that were pulled, made again from their recipes.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "kist/base/json.h"
#include "runtime/images/contents.h"
#include "runtime/images/digest.h"
#include "runtime/images/tar_header.h"

namespace kist::runtime::images {
namespace {

constexpr size_t kChunkBytes = 256 * 1024;

class ArchiveWriter {
 public:
  explicit ArchiveWriter(int fd) : fd_(fd) {}

  Result<> add(const std::string& name, std::string_view content) {
    TRY(write(header(name, content.size())));
    TRY(write(content));
    return write(padding(content.size()));
  }

  // A layer, compared with its digest on the way: what is damaged is not handed on unnoticed.
  Result<> add(const std::string& name, ByteSource& source, const LayerInfo& layer) {
    TRY(write(header(name, layer.archive_bytes)));
    HashingSource hashed(source);
    const auto buffer = std::make_unique<char[]>(kChunkBytes);
    while (const size_t got = TRY(hashed.read(buffer.get(), kChunkBytes)))
      TRY(write({buffer.get(), got}));
    if (hashed.digest() != layer.diff_id)
      return Error{Code::kInvalid, "layer " + layer.diff_id + " is damaged: run kist image check"};
    return write(padding(layer.archive_bytes));
  }

  Result<> finish() { return write(std::string(2 * kTarBlockBytes, '\0')); }

 private:
  static std::string padding(uint64_t size) {
    return std::string((kTarBlockBytes - size % kTarBlockBytes) % kTarBlockBytes, '\0');
  }

  static void put_octal(std::string& block, TarField field, uint64_t number) {
    for (size_t i = field.size - 1; i-- > 0; number >>= 3)
      block[field.offset + i] = static_cast<char>('0' + (number & 7));
  }

  static std::string header(const std::string& name, uint64_t size) {
    constexpr uint64_t kOctalMax = uint64_t{1} << 33;
    std::string block(kTarBlockBytes, '\0');
    block.replace(kTarName.offset, name.size(), name);
    put_octal(block, kTarMode, 0644);
    put_octal(block, kTarUid, 0);
    put_octal(block, kTarGid, 0);
    put_octal(block, kTarMtime, 0);
    if (size < kOctalMax) {
      put_octal(block, kTarSize, size);
    } else {  // GNU's base-256
      block[kTarSize.offset] = static_cast<char>(0x80);
      for (size_t i = 0; i < 8; ++i)
        block[kTarSize.offset + kTarSize.size - 1 - i] = static_cast<char>(size >> (8 * i));
    }
    block[kTarType.offset] = '0';
    block.replace(kTarMagic.offset, 8, std::string_view("ustar\00000", 8));
    block.replace(kTarChecksum.offset, 8, "        ");
    uint64_t sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put_octal(block, {kTarChecksum.offset, 7}, sum);
    block[kTarChecksum.offset + 6] = '\0';
    return block;
  }

  Result<> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return errno_error("write");
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return {};
  }

  int fd_;
};

json::Value descriptor(const char* type, const std::string& digest, uint64_t size,
                       json::Allocator& allocator) {
  json::Value object(rapidjson::kObjectType);
  json::set(object, "mediaType", type, allocator);
  json::set(object, "digest", digest, allocator);
  json::set(object, "size", json::Value(size), allocator);
  return object;
}

std::string manifest_of(const Image& image) {
  json::Json document;
  auto& allocator = document.allocator();
  json::Value& root = document.root().SetObject();
  json::set(root, "schemaVersion", json::Value(2), allocator);
  json::set(root, "mediaType", "application/vnd.oci.image.manifest.v1+json", allocator);
  json::set(root, "config",
            descriptor("application/vnd.oci.image.config.v1+json", image.id,
                       image.config_json.size(), allocator),
            allocator);
  json::Value layers(rapidjson::kArrayType);
  for (const LayerInfo& layer : image.layers)
    layers.PushBack(descriptor("application/vnd.oci.image.layer.v1.tar", layer.diff_id,
                               layer.archive_bytes, allocator),
                    allocator);
  json::set(root, "layers", std::move(layers), allocator);
  return json::to_text(root);
}

std::string index_of(const Image& image, const std::string& manifest) {
  json::Json document;
  auto& allocator = document.allocator();
  json::Value& root = document.root().SetObject();
  json::set(root, "schemaVersion", json::Value(2), allocator);
  json::Value manifests(rapidjson::kArrayType);
  for (size_t i = 0; i < std::max<size_t>(image.names.size(), 1); ++i) {
    json::Value entry = descriptor("application/vnd.oci.image.manifest.v1+json",
                                   digest_of(manifest), manifest.size(), allocator);
    if (i < image.names.size()) {
      const std::string& name = image.names[i];
      json::Value& annotations = json::child(entry, "annotations", allocator);
      json::set(annotations, "io.containerd.image.name", name, allocator);
      json::set(annotations, "org.opencontainers.image.ref.name", name.substr(name.rfind(':') + 1),
                allocator);
    }
    manifests.PushBack(entry, allocator);
  }
  json::set(root, "manifests", std::move(manifests), allocator);
  return json::to_text(root);
}

std::string docker_manifest_of(const Image& image) {
  json::Json document;
  auto& allocator = document.allocator();
  json::Value entry(rapidjson::kObjectType), names(rapidjson::kArrayType),
      layers(rapidjson::kArrayType);
  json::set(entry, "Config", blob_path(image.id), allocator);
  for (const std::string& name : image.names)
    names.PushBack(json::make_text(name, allocator), allocator);
  for (const LayerInfo& layer : image.layers)
    layers.PushBack(json::make_text(blob_path(layer.diff_id), allocator), allocator);
  json::set(entry, "RepoTags", std::move(names), allocator);
  json::set(entry, "Layers", std::move(layers), allocator);
  document.root().SetArray().PushBack(entry, allocator);
  return json::to_text(document.root());
}

}  // namespace

Result<> export_image(ImageStore& store, std::string_view name_or_id, int fd) {
  const Image image = TRY(store.find(name_or_id));
  if (!image.problem.empty()) return Error{Code::kUnavailable, image.id + ": " + image.problem};
  const std::string manifest = manifest_of(image);
  ArchiveWriter archive(fd);
  TRY(archive.add("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
  TRY(archive.add("index.json", index_of(image, manifest)));
  TRY(archive.add("manifest.json", docker_manifest_of(image)));
  TRY(archive.add(blob_path(digest_of(manifest)), manifest));
  TRY(archive.add(blob_path(image.id), image.config_json));
  std::vector<std::string> written;  // an image may have a layer twice
  for (const LayerInfo& layer : image.layers) {
    if (std::ranges::find(written, layer.diff_id) != written.end()) continue;
    written.push_back(layer.diff_id);
    const ImageStore::Impl::Archive made = TRY(store.impl().open_archive(layer));
    TRY(archive.add(blob_path(layer.diff_id), *made.source, layer));
  }
  return archive.finish();
}

}  // namespace kist::runtime::images
