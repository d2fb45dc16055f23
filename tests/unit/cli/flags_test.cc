// Command lines into structs.
#include "cli/flags.h"

#include <catch2/catch.hpp>

#include "cli/suggest.h"

using namespace kist;
using namespace kist::cli;

namespace {

struct Options {
  std::string dir = "/default";
  int port = 1;
  bool quiet = false;
  std::vector<std::string> names = {"preset"};
};

constexpr Flag<Options> kFlags[] = {
    {"data-dir", &Options::dir, "DIR", "a directory"},
    {"port", &Options::port, "PORT", "a number"},
    {"quiet", &Options::quiet, "", "a switch"},
    {"name", &Options::names, "NAME", "a list"},
};

Result<Options> parsed(const std::vector<std::string>& arguments) {
  Options options;
  const std::vector<BoundFlag> flags = bind(kFlags, options);
  const Arguments found = TRY(parse_arguments(flags, arguments));
  TRY(apply(flags, found.flags));
  return options;
}

}  // namespace

TEST_CASE("flags: values") {
  const Options defaults = parsed({}).value();
  CHECK(defaults.dir == "/default");
  CHECK(defaults.names == std::vector<std::string>{"preset"});

  const Options given =
      parsed({"--data-dir", "/x", "--port=7", "--quiet", "--name", "a,b", "--name=c"}).value();
  CHECK(given.dir == "/x");
  CHECK(given.port == 7);
  CHECK(given.quiet);
  CHECK(given.names == std::vector<std::string>{"a", "b", "c"});

  CHECK_FALSE(parsed({"--quiet=false"}).value().quiet);
  CHECK(parsed({"--data-dir="}).value().dir.empty());
}

TEST_CASE("flags: what is refused") {
  struct Case {
    const char* name;
    std::vector<std::string> arguments;
    const char* message;
  };
  const Case cases[] = {
      {"a slip", {"--date-dir", "x"}, "unknown flag --date-dir, did you mean --data-dir?"},
      {"nothing near", {"--xyzzyplugh"}, "unknown flag --xyzzyplugh"},
      {"no value", {"--port"}, "--port needs a value: PORT"},
      {"no number", {"--port", "12x"}, "--port: \"12x\" is not a number"},
      {"beyond int", {"--port", "99999999999"}, "--port: \"99999999999\" is not a number"},
      {"no bool", {"--quiet=yes"}, "--quiet: \"yes\" is neither true nor false"},
      {"short form", {"-q"}, "unknown flag -q: flags have long names, see --help"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Result<Options> result = parsed(c.arguments);
    REQUIRE_FALSE(result.ok());
    CHECK(result.error().message == c.message);
  }
}

TEST_CASE("flags: positional arguments and --") {
  Options options;
  const Arguments found =
      parse_arguments(bind(kFlags, options), {"a", "--quiet", "--", "--port"}).value();
  CHECK(found.positional == std::vector<std::string>{"a", "--port"});
}

TEST_CASE("suggest: the nearest word, if it is near") {
  const std::vector<std::string_view> words = {"server", "version", "completion"};
  CHECK(nearest("sevrer", words) == "server");
  CHECK(nearest("verson", words) == "version");
  CHECK(nearest("kubelet-root", words).empty());
  CHECK(nearest(std::string(1000, 'x'), words).empty());
}
