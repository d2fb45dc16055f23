// kist image import: archives read once from beginning to end, and layouts in directories.
//
// An archive may come through a pipe, and docker writes its table of contents last. So every blob
// is unpacked as it comes by; what no manifest asks for in the end is dropped.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "runtime/images/contents.h"
#include "runtime/images/digest.h"
#include "runtime/images/inflate.h"
#include "runtime/images/rooted.h"
#include "runtime/images/tar_reader.h"

namespace kist::runtime::images {
namespace {

constexpr uint64_t kJsonTotalMax = uint64_t{256} << 20;
constexpr size_t kBlobsMax = 100'000;
constexpr int kLinksMax = 8;

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// The payload of an archive's present entry, with its beginning looked at.
class PayloadSource : public ByteSource {
 public:
  PayloadSource(TarReader& tar, uint64_t total, std::string name, const ImportOptions& options)
      : tar_(tar),
        options_(options),
        progress_{std::move(name), Progress::Step::kFetching, 0, total} {}

  // '{' or '[' behind white space: JSON, not a layer.
  Result<bool> is_json() {
    if (piece_.empty()) piece_ = TRY(tar_.payload());
    const size_t first = piece_.find_first_not_of(" \t\r\n");
    return first != piece_.npos && (piece_[first] == '{' || piece_[first] == '[');
  }

  Result<size_t> read(char* to, size_t size) override {
    if (options_.stop.stop_requested()) return Error{Code::kCanceled, "import was stopped"};
    if (piece_.empty()) piece_ = TRY(tar_.payload());
    const size_t got = std::min(size, piece_.size());
    std::copy_n(piece_.data(), got, to);
    piece_.remove_prefix(got);
    tell(Progress::Step::kFetching, progress_.bytes + got);
    return got;
  }

  void tell(Progress::Step step, uint64_t bytes) {
    progress_.step = step;
    progress_.bytes = bytes;
    if (options_.progress) options_.progress(progress_);
  }
  uint64_t total() const { return progress_.total; }

 private:
  TarReader& tar_;
  const ImportOptions& options_;
  std::string_view piece_;
  Progress progress_;
};

// Everything an archive held, after it was read.
class ArchiveContents : public Contents {
 public:
  ArchiveContents(ImageStore::Impl& store, const ImportOptions& options)
      : store_(store), options_(options) {}

  Result<> read(int fd) {
    FdSource file(fd);
    const std::unique_ptr<ByteSource> inflated = make_inflater(file, {});
    TarReader tar(*inflated);
    while (std::optional<TarEntry> entry = TRY(tar.next())) {
      Result<std::string> path = clean_path(entry->path);
      if (!path.ok()) return invalid("archive entry " + entry->path + ": " + path.error().message);
      if (json_.size() + layers_.size() + links_.size() > kBlobsMax)
        return Error{Code::kTooLarge,
                     "an archive of more than " + std::to_string(kBlobsMax) + " blobs"};
      TRY(take(tar, *entry, path.value()).context("archive entry " + path.value()));
    }
    return tar.finish();
  }

  Result<std::string> json(const std::string& path) override {
    const auto found = json_.find(TRY(resolve(path)));
    if (found != json_.end()) return found->second;
    return Error{Code::kNotFound, path + " is not in the archive"};
  }

  Result<PreparedLayer*> layer(const std::string& path) override {
    const auto found = layers_.find(TRY(resolve(path)));
    if (found == layers_.end())
      return Error{Code::kNotFound, "layer " + path + " is not in the archive"};
    if (!found->second.ok()) return Error(found->second.error());
    return &found->second.value();
  }

 private:
  Result<> take(TarReader& tar, const TarEntry& entry, const std::string& path) {
    if (entry.kind == TarEntry::Kind::kSymlink || entry.kind == TarEntry::Kind::kHardLink) {
      // docker links layers that several images share: "../<id>/layer.tar".
      const bool relative = entry.kind == TarEntry::Kind::kSymlink && entry.target[0] != '/';
      links_[path] = relative ? split_path(path).parent + "/" + entry.target : entry.target;
      return {};
    }
    if (entry.kind != TarEntry::Kind::kFile || entry.size == 0) return {};
    PayloadSource payload(tar, entry.size, path, options_);
    if (TRY(payload.is_json())) {
      json_bytes_ += entry.size;
      if (entry.size > options_.limits.json_bytes_max || json_bytes_ > kJsonTotalMax)
        return Error{Code::kTooLarge,
                     "more JSON than " + std::to_string(options_.limits.json_bytes_max) + " bytes"};
      json_[path] = TRY(read_all(payload, options_.limits.json_bytes_max));
      return {};
    }
    return take_layer(payload, path);
  }

  Result<> take_layer(PayloadSource& payload, const std::string& path) {
    // "blobs/sha256/<hex>" of OCI; "<hex of the diff id>.tar" of skopeo.
    const std::string name = split_path(path).name;
    const std::string digest = "sha256:" + name.substr(0, name.find('.'));
    if (const std::optional<LayerInfo> present = store_.find_layer(digest)) {
      payload.tell(Progress::Step::kPresent, payload.total());
      layers_.insert_or_assign(path, Result<PreparedLayer>(PreparedLayer{*present, nullptr}));
      return {};
    }
    Result<PreparedLayer> layer = store_.prepare_layer(payload, "sha256", options_.limits);
    if (options_.stop.stop_requested()) return layer.error();
    if (layer.ok()) payload.tell(Progress::Step::kDone, payload.total());
    // Whether a blob that is no layer matters is known when a manifest asks for it.
    layers_.insert_or_assign(path, std::move(layer).context("layer " + path));
    return {};
  }

  Result<std::string> resolve(const std::string& path) const {
    std::string here = path;
    for (int i = 0; i < kLinksMax; ++i) {
      here = TRY(normalize(here));
      const auto link = links_.find(here);
      if (link == links_.end()) return here;
      here = link->second;
    }
    return invalid("archive entry " + path + ": a loop of links");
  }

  // ".." is fine here: these are names inside the archive, looked up in a table.
  static Result<std::string> normalize(const std::string& path) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= path.size();) {
      const size_t slash = std::min(path.find('/', at), path.size());
      const std::string part = path.substr(at, slash - at);
      at = slash + 1;
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
      } else if (parts.empty()) {
        return invalid("archive entry " + path + ": a link that leaves the archive");
      } else {
        parts.pop_back();
      }
    }
    std::string clean;
    for (const std::string& part : parts) clean += (clean.empty() ? "" : "/") + part;
    return clean;
  }

  ImageStore::Impl& store_;
  const ImportOptions& options_;
  std::map<std::string, std::string> json_, links_;
  std::map<std::string, Result<PreparedLayer>> layers_;
  uint64_t json_bytes_ = 0;
};

// A file's bytes, told about.
class CountedFile : public ByteSource {
 public:
  CountedFile(int fd, Progress progress, const ImportOptions& options)
      : file_(fd), progress_(std::move(progress)), options_(options) {}
  Result<size_t> read(char* to, size_t size) override {
    if (options_.stop.stop_requested()) return Error{Code::kCanceled, "import was stopped"};
    const size_t got = TRY(file_.read(to, size));
    progress_.bytes += got;
    if (got == 0) progress_.step = Progress::Step::kDone;
    if (options_.progress) options_.progress(progress_);
    return got;
  }

 private:
  FdSource file_;
  Progress progress_;
  const ImportOptions& options_;
};

class LayoutContents : public Contents {
 public:
  LayoutContents(ImageStore::Impl& store, Fd root, const ImportOptions& options)
      : store_(store), root_(std::move(root)), options_(options) {}

  Result<std::string> json(const std::string& path) override {
    const Fd file = TRY(open_blob(path));
    FdSource source(file.get());
    return read_all(source, options_.limits.json_bytes_max).context(path);
  }

  Result<PreparedLayer*> layer(const std::string& path) override {
    const auto found = layers_.find(path);
    if (found != layers_.end()) return &found->second;
    const SplitPath split = split_path(path);
    const std::string algorithm = split_path(split.parent).name;
    const Fd file = TRY(open_blob(path));
    struct stat status {};
    ::fstat(file.get(), &status);
    const auto total = static_cast<uint64_t>(status.st_size);
    const std::optional<LayerInfo> present = store_.find_layer(algorithm + ":" + split.name);
    if (present) {
      if (options_.progress) options_.progress({path, Progress::Step::kPresent, total, total});
      return &layers_.emplace(path, PreparedLayer{*present, nullptr}).first->second;
    }
    CountedFile source(file.get(), {path, Progress::Step::kFetching, 0, total}, options_);
    PreparedLayer layer =
        TRY(store_.prepare_layer(source, algorithm, options_.limits).context(path));
    return &layers_.emplace(path, std::move(layer)).first->second;
  }

 private:
  Result<Fd> open_blob(const std::string& path) {
    Fd file = TRY(open_in_root(root_.get(), path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    struct stat status {};
    if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return invalid(path + ": not a regular file");
    return file;
  }

  ImageStore::Impl& store_;
  Fd root_;
  const ImportOptions& options_;
  std::map<std::string, PreparedLayer> layers_;
};

}  // namespace

Result<std::vector<StoredImage>> import_archive(ImageStore& store, int fd,
                                                const ImportOptions& options) {
  ArchiveContents contents(store.impl(), options);
  TRY(contents.read(fd));
  return add_images(store.impl(), contents, options);
}

Result<std::vector<StoredImage>> import_layout(ImageStore& store, const std::string& directory,
                                               const ImportOptions& options) {
  Fd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return errno_error("open " + directory);
  LayoutContents contents(store.impl(), std::move(root), options);
  return add_images(store.impl(), contents, options);
}

}  // namespace kist::runtime::images
