// kist image import|list|inspect|rm|...: the node's images, on the command line.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "cli/command.h"
#include "cli/image_list.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "kist/api/json.h"
#include "kist/runtime/images.h"
#include "roles/files.h"

namespace kist::cli {
namespace {

using runtime::images::ImageReference;
using runtime::images::ImageStore;

constexpr const char* kRegistriesFile = "/etc/kist/registries.yaml";

struct ImageOptions {
  std::string data_dir = default_paths().data_dir;
  std::string config;
  std::string name;
  std::string platform;
  std::string output = "table";
  std::string registries = kRegistriesFile;
  int parallel = 3;
  int stall_seconds = 30;
  bool all = false;
};
using Row = Flag<ImageOptions>;

constexpr Row kDataDir = {"data-dir", &ImageOptions::data_dir, "DIR",
                          "where images are kept, in DIR/images"};
constexpr Row kConfig = {"config", &ImageOptions::config, "FILE",
                         "configuration file, for its data-dir"};
constexpr Row kPlatform = {"platform", &ImageOptions::platform, "OS/ARCH",
                           "of an image for several; default this machine's"};

constexpr Row kCommonFlags[] = {kDataDir, kConfig};
constexpr Row kImportFlags[] = {
    {"name", &ImageOptions::name, "NAME", "for images that carry no name, or only a tag"},
    kPlatform,
    kDataDir,
    kConfig};
constexpr Row kPullFlags[] = {kPlatform,
                              {"private-registry", &ImageOptions::registries, "FILE",
                               "mirrors, credentials and TLS of registries"},
                              {"parallel", &ImageOptions::parallel, "N", "layers at a time"},
                              {"stall-timeout", &ImageOptions::stall_seconds, "SECONDS",
                               "without a byte, then it is tried again"},
                              kDataDir,
                              kConfig};
constexpr Row kListFlags[] = {
    {"output", &ImageOptions::output, "FORMAT", "table, json, or name"}, kDataDir, kConfig};
constexpr Row kPruneFlags[] = {
    {"all", &ImageOptions::all, "", "also images that have a name, unless they are in use"},
    kDataDir,
    kConfig};

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

class ImageCommand : public Command {
 public:
  std::vector<BoundFlag> flags() override { return bind(kCommonFlags, options_); }
  bool reads_config() const override { return true; }

 protected:
  Result<std::unique_ptr<ImageStore>> open() const {
    return ImageStore::open(options_.data_dir + "/images");
  }
  Result<runtime::images::Platform> platform() const {
    if (options_.platform.empty()) return runtime::images::host_platform();
    return runtime::images::parse_platform(options_.platform);
  }
  Result<> want(const std::vector<std::string>& arguments, size_t count) const {
    if (arguments.size() >= count) return {};
    return Error{Code::kInvalid, std::string(name()) + " wants " + std::string(this->arguments())};
  }

  ImageOptions options_;
};

void print(const std::vector<runtime::images::StoredImage>& images) {
  for (const auto& image : images) {
    if (image.names.empty()) std::printf("%s\n", image.id.c_str());
    for (const std::string& name : image.names)
      std::printf("%s %s\n", name.c_str(), image.id.c_str());
  }
}

void print(const runtime::images::RemoveReport& report) {
  for (const std::string& name : report.untagged) std::printf("Untagged: %s\n", name.c_str());
  for (const std::string& digest : report.deleted) std::printf("Deleted: %s\n", digest.c_str());
  if (report.bytes > 0) std::printf("Freed: %s\n", size_text(report.bytes).c_str());
}

class ImageImport : public ImageCommand {
 public:
  std::string_view name() const override { return "image import"; }
  std::string_view arguments() const override { return "FILE|DIR|-"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override { return "add the images of an archive"; }
  std::string_view description() const override {
    return "Reads what docker save, skopeo and buildah write: docker-archive, oci-archive (plain, "
           "gzip\n"
           "or zstd, - for standard input) and OCI layouts in a directory.\n";
  }
  std::vector<BoundFlag> flags() override { return bind(kImportFlags, options_); }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 1));
    const std::string& path = arguments[0];
    const std::unique_ptr<ImageStore> store = TRY(open());
    ProgressPrinter printer;
    runtime::images::ImportOptions options;
    options.name = options_.name;
    options.platform = TRY(platform());
    options.progress = [&printer](const auto& progress) { printer.show(progress); };
    auto stored = import(*store, path, options);
    printer.finish();
    if (!stored.ok()) return std::move(stored).context(path).error();
    print(stored.value());
    return {};
  }

 private:
  static Result<std::vector<runtime::images::StoredImage>> import(
      ImageStore& store, const std::string& path, const runtime::images::ImportOptions& options) {
    if (path == "-") return import_archive(store, STDIN_FILENO, options);
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
      return import_layout(store, path, options);
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return errno_error("open");
    return import_archive(store, file.get(), options);
  }
};

class ImagePull : public ImageCommand {
 public:
  std::string_view name() const override { return "image pull"; }
  std::string_view arguments() const override { return "IMAGE"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override { return "fetch an image from its registry"; }
  std::string_view description() const override {
    return "Mirrors, credentials and certificates: registries.yaml in the form of k3s. Proxies are "
           "those\n"
           "of the environment: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.\n";
  }
  std::vector<BoundFlag> flags() override { return bind(kPullFlags, options_); }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 1));
    const ImageReference reference = TRY(ImageReference::parse(arguments[0]));
    runtime::images::PullOptions options;
    options.platform = TRY(platform());
    options.registries = TRY(registries().context(options_.registries));
    options.parallel_max = options_.parallel;
    options.stall_timeout = std::chrono::seconds(options_.stall_seconds);
    const std::unique_ptr<ImageStore> store = TRY(open());
    ProgressPrinter printer;
    options.progress = [&printer](const auto& progress) { printer.show(progress); };
    const auto stored = pull(*store, reference, options);
    printer.finish();
    if (!stored.ok()) return stored.error();
    print(std::vector{stored.value()});
    return {};
  }

 private:
  // The file may be missing where nobody named another.
  Result<runtime::images::Registries> registries() const {
    constexpr size_t kBytesMax = 1 << 20;
    const Result<std::string> yaml = roles::read_file(options_.registries, kBytesMax);
    if (!yaml.ok()) {
      if (options_.registries != kRegistriesFile || yaml.error().code != Code::kNotFound)
        return yaml.error();
      return runtime::images::Registries();
    }
    const api::Json parsed = TRY(api::parse_yaml(yaml.value()));
    return runtime::images::parse_registries(api::to_text(parsed.root()));
  }
};

class ImageList : public ImageCommand {
 public:
  std::string_view name() const override { return "image list"; }
  std::string_view summary() const override { return "show the images of this node"; }
  std::vector<BoundFlag> flags() override { return bind(kListFlags, options_); }
  Result<> run(const std::vector<std::string>&) override {
    const std::unique_ptr<ImageStore> store = TRY(open());
    const std::vector<runtime::images::Image> images = TRY(store->list());
    if (options_.output == "json") return print(image_list_json(images)), Result<>();
    if (options_.output == "name") {
      for (const auto& image : images)
        for (const std::string& each : image.names) print(each + "\n");
      return {};
    }
    if (options_.output != "table")
      return Error{Code::kInvalid,
                   "--output: \"" + options_.output + "\" is none of table, json, name"};
    print(image_table(images, ::time(nullptr)));
    for (const auto& image : images)
      if (!image.problem.empty())
        std::fprintf(stderr, "warning: %s: %s\n", image.id.c_str(), image.problem.c_str());
    return {};
  }
};

class ImageInspect : public ImageCommand {
 public:
  std::string_view name() const override { return "image inspect"; }
  std::string_view arguments() const override { return "IMAGE"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override { return "everything known of an image, as JSON"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 1));
    const std::unique_ptr<ImageStore> store = TRY(open());
    print(image_json(TRY(store->find(arguments[0]))));
    return {};
  }
};

class ImageRemove : public ImageCommand {
 public:
  std::string_view name() const override { return "image rm"; }
  std::string_view arguments() const override { return "IMAGE..."; }
  size_t arguments_max() const override { return 1000; }
  std::string_view summary() const override { return "remove names, and images without any"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 1));
    const std::unique_ptr<ImageStore> store = TRY(open());
    for (const std::string& image : arguments) print(TRY(store->remove(image)));
    return {};
  }
};

class ImagePrune : public ImageCommand {
 public:
  std::string_view name() const override { return "image prune"; }
  std::string_view summary() const override { return "remove images without a name"; }
  std::vector<BoundFlag> flags() override { return bind(kPruneFlags, options_); }
  Result<> run(const std::vector<std::string>&) override {
    const std::unique_ptr<ImageStore> store = TRY(open());
    print(TRY(store->prune({options_.all})));
    return {};
  }
};

class ImageTag : public ImageCommand {
 public:
  std::string_view name() const override { return "image tag"; }
  std::string_view arguments() const override { return "IMAGE NAME"; }
  size_t arguments_max() const override { return 2; }
  std::string_view summary() const override { return "give an image a further name"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 2));
    const ImageReference reference = TRY(ImageReference::parse(arguments[1]));
    const std::unique_ptr<ImageStore> store = TRY(open());
    return store->tag(arguments[0], reference);
  }
};

class ImageExport : public ImageCommand {
 public:
  std::string_view name() const override { return "image export"; }
  std::string_view arguments() const override { return "IMAGE FILE|-"; }
  size_t arguments_max() const override { return 2; }
  std::string_view summary() const override { return "write an image as an archive"; }
  std::string_view description() const override {
    return "docker load, skopeo and kist image import read it; the image keeps its id.\n";
  }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 2));
    const std::unique_ptr<ImageStore> store = TRY(open());
    if (arguments[1] == "-") return export_image(*store, arguments[0], STDOUT_FILENO);
    const Fd file(::open(arguments[1].c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file) return errno_error("create " + arguments[1]);
    return export_image(*store, arguments[0], file.get());
  }
};

class ImageMount : public ImageCommand {
 public:
  std::string_view name() const override { return "image mount"; }
  std::string_view arguments() const override { return "IMAGE DIR"; }
  size_t arguments_max() const override { return 2; }
  std::string_view summary() const override { return "show an image's files in a directory"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 2));
    const std::unique_ptr<ImageStore> store = TRY(open());
    return mount_image(*store, arguments[0], arguments[1]);
  }
};

class ImageUnmount : public ImageCommand {
 public:
  std::string_view name() const override { return "image umount"; }
  std::string_view arguments() const override { return "DIR"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override { return "undo image mount"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    TRY(want(arguments, 1));
    const std::unique_ptr<ImageStore> store = TRY(open());
    return unmount_image(*store, arguments[0]);
  }
};

class ImageCheck : public ImageCommand {
 public:
  std::string_view name() const override { return "image check"; }
  std::string_view summary() const override { return "compare every layer with its digest"; }
  std::string_view description() const override {
    return "Damaged layers are forgotten; pulling or importing their images again heals them.\n";
  }
  Result<> run(const std::vector<std::string>&) override {
    const std::unique_ptr<ImageStore> store = TRY(open());
    const std::vector<std::string> problems = TRY(store->check());
    for (const std::string& problem : problems) std::printf("problem: %s\n", problem.c_str());
    if (problems.empty()) return print(std::string("sound\n")), Result<>();
    return Error{Code::kInternal, std::to_string(problems.size()) + " layers were damaged"};
  }
};

}  // namespace

void add_image_commands(Commands& commands) {
  commands.push_back(std::make_unique<ImageImport>());
  commands.push_back(std::make_unique<ImagePull>());
  commands.push_back(std::make_unique<ImageList>());
  commands.push_back(std::make_unique<ImageInspect>());
  commands.push_back(std::make_unique<ImageTag>());
  commands.push_back(std::make_unique<ImageRemove>());
  commands.push_back(std::make_unique<ImagePrune>());
  commands.push_back(std::make_unique<ImageExport>());
  commands.push_back(std::make_unique<ImageMount>());
  commands.push_back(std::make_unique<ImageUnmount>());
  commands.push_back(std::make_unique<ImageCheck>());
}

}  // namespace kist::cli
