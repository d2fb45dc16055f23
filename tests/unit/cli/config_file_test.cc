// The configuration file, its drop-ins, and what is refused.
#include "cli/config_file.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace kist;
using namespace kist::cli;

namespace {

struct Options {
  std::string dir;
  int port = 1;
  bool quiet = false;
  std::vector<std::string> names;
};

constexpr Flag<Options> kFlags[] = {
    {"data-dir", &Options::dir, "DIR", "a directory"},
    {"port", &Options::port, "PORT", "a number"},
    {"quiet", &Options::quiet, "", "a switch"},
    {"tls-san", &Options::names, "NAME", "a list"},
};

struct Directory {
  Directory() {
    char name[] = "/tmp/kist-config-XXXXXX";
    path = ::mkdtemp(name);
    std::filesystem::create_directory(path + "/config.yaml.d");
  }
  ~Directory() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(path + "/" + name) << text;
  }
  Result<Options> read(bool required = false) {
    Options options;
    const std::vector<BoundFlag> flags = bind(kFlags, options);
    const std::vector<Assignment> found =
        TRY(read_config({path + "/config.yaml", required}, flags));
    TRY(apply(flags, found));
    return options;
  }
  std::string path;
};

}  // namespace

TEST_CASE("config: scalars, lists, drop-ins in order") {
  Directory directory;
  directory.write("config.yaml", "data-dir: /one\nport: 7\nquiet: true\ntls-san: [a, 192.0.2.1]\n");
  directory.write("config.yaml.d/20.yaml", "tls-san+: [c]\n");
  directory.write("config.yaml.d/10.yaml", "data-dir: /two\ntls-san+: b\n");
  directory.write("config.yaml.d/ignored.txt", "nonsense: 1\n");
  const Options options = directory.read().value();
  CHECK(options.dir == "/two");
  CHECK(options.port == 7);
  CHECK(options.quiet);
  CHECK(options.names == std::vector<std::string>{"a", "192.0.2.1", "b", "c"});
}

TEST_CASE("config: a later list replaces, a missing file is fine unless named") {
  Directory directory;
  CHECK(directory.read().ok());
  CHECK(directory.read(true).error().code == Code::kNotFound);
  directory.write("config.yaml", "tls-san: [a]\n");
  directory.write("config.yaml.d/10.yaml", "tls-san: [b]\n");
  CHECK(directory.read().value().names == std::vector<std::string>{"b"});
  directory.write("config.yaml", "# comments only\n");
  CHECK(directory.read().ok());
}

TEST_CASE("config: what is refused") {
  struct Case {
    const char* text;
    const char* fragment;
  };
  const Case cases[] = {
      {"tls-sam: [a]", "unknown key \"tls-sam\", did you mean \"tls-san\"?"},
      {"port: [1]", "\"port\" takes one value"},
      {"port+: 1", "\"port\" is no list"},
      {"port: many", "\"many\" is not a number"},
      {"- port", "wants a mapping"},
      {"data-dir: {a: b}", "data-dir: wants a text"},
      {"port: 1\nport: 2", "appears twice"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    Directory directory;
    directory.write("config.yaml", c.text);
    const Result<Options> result = directory.read();
    REQUIRE_FALSE(result.ok());
    CHECK_THAT(result.error().message, Catch::Contains(c.fragment));
    CHECK_THAT(result.error().message, Catch::Contains("config.yaml"));
  }
}
