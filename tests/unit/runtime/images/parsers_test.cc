// Manifests, configs, users and compressed streams: what is understood, what is refused.
#include <sys/stat.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "kist/runtime/image_config.h"
#include "runtime/images/inflate.h"
#include "runtime/images/manifest.h"
#include "temporary.h"

using namespace kist;
using namespace kist::runtime::images;

namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("inflate: formats, damage and bombs") {
  struct Case {
    const char* name;
    std::string bytes, text, error;
    InflateLimits limits = {};
  };
  const std::string zeros(80 << 20, '\0');
  const Case cases[] = {
      {"plain bytes pass", "hello", "hello", ""},
      {"nothing", "", "", ""},
      {"one byte", "x", "x", ""},
      {"gzip", gzip("hello"), "hello", ""},
      {"two members", gzip("hel") + gzip("lo"), "hello", ""},
      {"cut short", gzip("hello").substr(0, 12), "", "it ends early"},
      {"rubbish behind", gzip("hello") + "rubbish", "", "damaged gzip data"},
      {"a wrong checksum", gzip("hello").replace(20, 1, "\x01"), "", "damaged gzip data"},
      {"too many bytes", gzip("hello"), "", "more than 4 bytes", {4, 0}},
      {"a bomb", gzip(zeros), "", "decompression bomb", {UINT64_MAX, 100}},
      {"damaged zstd", std::string("\x28\xb5\x2f\xfd\xff\xff\xff\xff", 8), "", "damaged zstd data"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    MemorySource source(c.bytes);
    const auto inflated = make_inflater(source, c.limits);
    const auto text = read_all(*inflated, 1 << 30);
    if (c.error.empty()) {
      REQUIRE(text.ok());
      CHECK(text.value() == c.text);
    } else {
      REQUIRE_FALSE(text.ok());
      CHECK_THAT(text.error().message, Catch::Contains(c.error));
    }
  }
}

TEST_CASE("manifest: what is refused") {
  const std::string blob = R"({"digest":")" + kDigest + R"(","size":2})";
  struct Case {
    const char* name;
    std::string json, error;
  };
  const Case cases[] = {
      {"an image", R"({"schemaVersion":2,"config":)" + blob + R"(,"layers":[)" + blob + "]}", ""},
      {"an index", R"({"schemaVersion":2,"manifests":[)" + blob + "]}", ""},
      {"schema 1", R"({"schemaVersion":1})", "schema version 1"},
      {"no config", R"({"layers":[]})", "config: missing"},
      {"a bad digest", R"({"config":{"digest":"sha256:..","size":1},"layers":[]})",
       "config: digest"},
      {"a negative size", R"({"config":{"digest":")" + kDigest + R"(","size":-1},"layers":[]})",
       "config: size"},
      {"a layer that is no object", R"({"config":)" + blob + R"(,"layers":[7]})", "layers[0]"},
      {"an artifact",
       R"({"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":")" + kDigest +
           R"(","size":1},"layers":[]})",
       "not a container image"},
      {"no JSON", "<html>", "invalid JSON"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto parsed = parse_manifest(c.json);
    CHECK(parsed.ok() == c.error.empty());
    if (!parsed.ok()) CHECK_THAT(parsed.error().message, Catch::Contains(c.error));
  }
}

TEST_CASE("manifest: the platform that suits") {
  ManifestIndex index;
  for (const char* text :
       {"linux/amd64", "linux/arm/v6", "linux/arm/v7", "linux/arm64/v8", "windows/amd64"}) {
    index.manifests.push_back({"", text, 0, parse_platform(text).value(), {}});
  }
  struct Case {
    const char *wanted, *chosen;  // empty: none
  };
  const Case cases[] = {{"linux/amd64", "linux/amd64"},    {"linux/arm/v7", "linux/arm/v7"},
                        {"linux/arm/v8", "linux/arm/v7"},  {"linux/arm/v5", ""},
                        {"linux/arm64", "linux/arm64/v8"}, {"linux/s390x", ""}};
  for (const Case& c : cases) {
    INFO(c.wanted);
    const auto chosen = choose_platform(index, parse_platform(c.wanted).value());
    CHECK((chosen.ok() ? chosen.value().digest : "") == c.chosen);
  }
}

TEST_CASE("config: users are looked up inside the image") {
  const test::TemporaryDirectory directory;
  std::filesystem::create_directories(directory.path() + "/etc");
  std::ofstream(directory.path() + "/etc/passwd")
      << "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/var/www:/bin/sh\nbroken\nneg:x:-1:0:::\n";
  std::ofstream(directory.path() + "/etc/group")
      << "root:x:0:\nweb:x:34:\nextra:x:99:web,root\nmore:x:100:web\n";
  struct Case {
    const char* user;
    const char* expected;  // uid:gid groups home, or a part of the error
  };
  const Case cases[] = {
      {"", "0:0 99 /root"},
      {"web", "33:34 99,100 /var/www"},
      {"33", "33:34 99,100 /var/www"},
      {"web:extra", "33:99 /var/www"},
      {"1234", "1234:0 /"},
      {"1234:4321", "1234:4321 /"},
      {"nobody", "no matching entries in passwd file"},
      {"web:nobody", "no matching entries in group file"},
      {"neg", "no matching entries in passwd file"},
      {"4294967295", "beyond 32 bits"},
      {"99999999999", "beyond 32 bits"},
      {":web", "an empty part"},
      {"web:", "an empty part"},
  };
  const Fd root = directory.open();
  for (const Case& c : cases) {
    INFO(c.user);
    const auto user = resolve_user(c.user, root.get());
    if (!user.ok()) {
      CHECK_THAT(user.error().message, Catch::Contains(c.expected));
      continue;
    }
    std::string groups;
    for (const uint32_t gid : user.value().additional_gids)
      groups += (groups.empty() ? "" : ",") + std::to_string(gid);
    CHECK(std::to_string(user.value().uid) + ":" + std::to_string(user.value().gid) + " " + groups +
              (groups.empty() ? "" : " ") + user.value().home ==
          c.expected);
  }
}

TEST_CASE("config: fields are checked") {
  const std::string rootfs = R"("rootfs":{"type":"layers","diff_ids":[]})";
  struct Case {
    const char* name;
    std::string json, error;
  };
  const Case cases[] = {
      {"nulls are absent", R"({"config":{"Env":null,"Volumes":null},)" + rootfs + "}", ""},
      {"an entrypoint that is a text", R"({"config":{"Entrypoint":"sh"},)" + rootfs + "}",
       "config.Entrypoint: not a list"},
      {"a variable without a name", R"({"config":{"Env":["=x"]},)" + rootfs + "}", "config.Env"},
      {"a NUL byte", R"({"config":{"Cmd":["a\u0000b"]},)" + rootfs + "}", "config.Cmd: a NUL byte"},
      {"no rootfs", "{}", "rootfs: missing"},
      {"a bad diff id", R"({"rootfs":{"type":"layers","diff_ids":["x"]}})", "rootfs.diff_ids"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto config = parse_image_config(c.json);
    CHECK((config.ok() ? "" : config.error().message).find(c.error) != std::string::npos);
    CHECK(config.ok() == c.error.empty());
  }
}
