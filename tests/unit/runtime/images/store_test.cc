// Images through the whole store: in, found, shared, healed, gone. Without root.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "kist/runtime/images.h"
#include "runtime/images/digest.h"
#include "runtime/images/store.h"
#include "tar_builder.h"
#include "temporary.h"

using namespace kist;
using namespace kist::runtime::images;
using kist::test::tar_of;
using kist::test::TemporaryDirectory;

namespace {

std::string config_of(const std::vector<std::string>& layers) {
  std::string ids;
  for (const std::string& layer : layers)
    ids += (ids.empty() ? "\"" : ",\"") + digest_of(layer) + "\"";
  return R"({"os":"linux","architecture":"amd64","config":{"User":"web"},"rootfs":{"type":"layers","diff_ids":[)" +
         ids + "]}}";
}

// A docker-archive of one image.
std::string archive_of(const std::vector<std::string>& layers, const std::string& name,
                       const std::string& config) {
  std::string bytes, paths;
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::string path = "layer" + std::to_string(i) + ".tar";
    bytes += test::tar_part({path, '0', layers[i]});
    paths += (paths.empty() ? "\"" : ",\"") + path + "\"";
  }
  bytes += test::tar_part({"config.json", '0', config});
  bytes += test::tar_part(
      {"manifest.json", '0',
       R"([{"Config":"config.json","RepoTags":[")" + name + R"("],"Layers":[)" + paths + "]}]"});
  return bytes + test::tar_end();
}

Result<std::vector<StoredImage>> import(ImageStore& store, const std::string& archive) {
  char name[] = "/tmp/kist-images-archive.XXXXXX";
  const Fd file(::mkstemp(name));
  ::unlink(name);
  REQUIRE(::write(file.get(), archive.data(), archive.size()) ==
          static_cast<ssize_t>(archive.size()));
  ::lseek(file.get(), 0, SEEK_SET);
  return import_archive(store, file.get(), {});
}

std::unique_ptr<ImageStore> open(const TemporaryDirectory& directory) {
  auto store = ImageStore::open(directory.path() + "/images");
  REQUIRE(store.ok());
  return std::move(store).value();
}

const std::string kBase =
    tar_of({{"etc/passwd", '0', "web:x:33:33::/:/bin/sh\n"}, {"base", '0', "b"}});
const std::string kTop = tar_of({{"top", '0', "t"}});

}  // namespace

TEST_CASE("store: images share layers, and layers go with their last image") {
  const TemporaryDirectory directory;
  const auto store = open(directory);
  const auto one = import(*store, archive_of({kBase}, "one:v1", config_of({kBase})));
  REQUIRE(one.ok());
  const auto two = import(*store, archive_of({kBase, kTop}, "two:v1", config_of({kBase, kTop})));
  REQUIRE(two.ok());
  const Image image = store->find("two:v1").value();
  CHECK(image.problem.empty());
  CHECK(image.config.user == "web");
  REQUIRE(image.layers.size() == 2);
  CHECK(store->find("one:v1").value().layers[0].directory == image.layers[0].directory);
  CHECK(store->find(image.id.substr(7, 12)).value().id == image.id);
  CHECK(store->list().value().size() == 2);
  CHECK(store->check().value().empty());

  REQUIRE(store->pin("pod-1", "two:v1").ok());
  CHECK(store->remove("two:v1").error().code == Code::kConflict);
  REQUIRE(store->unpin("pod-1").ok());
  const auto removed = store->remove("two:v1");
  REQUIRE(removed.ok());
  CHECK(removed.value().deleted == std::vector<std::string>{image.id, digest_of(kTop)});
  CHECK(::access(image.layers[0].directory.c_str(), F_OK) == 0);
  CHECK(::access(image.layers[1].directory.c_str(), F_OK) != 0);
  CHECK(store->find("two:v1").error().code == Code::kNotFound);
}

TEST_CASE("store: names move, images without a name are pruned") {
  const TemporaryDirectory directory;
  const auto store = open(directory);
  REQUIRE(import(*store, archive_of({kBase}, "app:v1", config_of({kBase}))).ok());
  const std::string first = store->find("app:v1").value().id;
  REQUIRE(import(*store, archive_of({kTop}, "app:v1", config_of({kTop}))).ok());
  CHECK(store->find("app:v1").value().id != first);
  REQUIRE(store->tag("app:v1", ImageReference::parse("other:v2").value()).ok());
  CHECK(store->remove("app:v1").value().deleted.empty());  // it has another name
  const auto pruned = store->prune({});
  REQUIRE(pruned.ok());
  CHECK(pruned.value().deleted == std::vector<std::string>{first, digest_of(kBase)});
  CHECK(store->find("other:v2").ok());
}

TEST_CASE("store: what does not fit is refused and leaves nothing") {
  struct Case {
    const char* name;
    std::string archive, error;
  };
  const Case cases[] = {
      {"another layer than the config says", archive_of({kTop}, "x:v1", config_of({kBase})),
       "layer 0 unpacks to"},
      {"fewer layers than the config says", archive_of({kBase}, "x:v1", config_of({kBase, kTop})),
       "names 2 layers"},
      {"a config that is none", archive_of({kBase}, "x:v1", "{}"), "rootfs: missing"},
      {"a layer that is none", archive_of({"no tar"}, "x:v1", config_of({"no tar"})), "ends early"},
      {"a name that is none", archive_of({kBase}, "X Y", config_of({kBase})),
       "invalid image reference"},
      {"no image", tar_of({{"file", '0', "x"}}), "not an image archive"},
      {"half an archive", archive_of({kBase}, "x:v1", config_of({kBase})).substr(0, 2000),
       "ends early"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const TemporaryDirectory directory;
    const auto store = open(directory);
    const auto stored = import(*store, c.archive);
    REQUIRE_FALSE(stored.ok());
    CHECK_THAT(stored.error().message, Catch::Contains(c.error));
    CHECK(store->list().value().empty());
    CHECK(std::filesystem::is_empty(directory.path() + "/images/tmp"));
    CHECK(std::filesystem::is_empty(directory.path() + "/images/layers"));
  }
}

TEST_CASE("store: damage is found and healed by importing again") {
  const std::string archive = archive_of({kBase}, "app:v1", config_of({kBase}));
  struct Case {
    const char* name;
    void (*damage)(const std::string& layer);
  };
  const Case cases[] = {
      {"a changed file",
       [](const std::string& layer) { REQUIRE(::truncate((layer + "/base").c_str(), 0) == 0); }},
      {"a lost file", [](const std::string& layer) { ::unlink((layer + "/base").c_str()); }},
      {"a lost directory", [](const std::string& layer) { std::filesystem::remove_all(layer); }},
      {"an empty record",
       [](const std::string& layer) { REQUIRE(::truncate((layer + ".json").c_str(), 0) == 0); }},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const TemporaryDirectory directory;
    const auto store = open(directory);
    REQUIRE(import(*store, archive).ok());
    c.damage(store->find("app:v1").value().layers[0].directory);
    CHECK(store->check().value().size() == 1);
    CHECK_FALSE(store->find("app:v1").value().problem.empty());
    REQUIRE(import(*store, archive).ok());
    CHECK(store->find("app:v1").value().problem.empty());
    CHECK(store->check().value().empty());
  }
}

TEST_CASE("store: what a dead writer left is swept, what a living one holds is not") {
  const TemporaryDirectory directory;
  const std::string images = directory.path() + "/images/";
  const auto store = open(directory);
  std::filesystem::create_directories(images + "tmp/dead/root/a");
  std::filesystem::create_directories(images + "layers/0123/a");
  auto alive = store->impl().make_workspace();
  REQUIRE(alive.ok());
  const auto again = open(directory);
  CHECK(::access((images + "tmp/dead").c_str(), F_OK) != 0);
  CHECK(::access((images + "layers/0123").c_str(), F_OK) != 0);
  CHECK(::access(alive.value()->root().c_str(), F_OK) == 0);
}
