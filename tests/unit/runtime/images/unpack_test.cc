// Archives become directories, and hostile archives become errors that leave no trace outside.
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/images/unpack.h"
#include "tar_builder.h"
#include "temporary.h"

using namespace kist;
using namespace kist::runtime::images;
using kist::test::tar_end;
using kist::test::tar_of;
using kist::test::tar_part;
using kist::test::TarPart;
using kist::test::TemporaryDirectory;

namespace {

// Unpacks below PATH/root, without root's rights.
Result<UnpackReport> unpack(const TemporaryDirectory& directory, const std::string& archive,
                            uint64_t entries_max = 1000) {
  ::mkdir((directory.path() + "/root").c_str(), 0755);
  const Fd root = directory.open("/root");
  MemorySource source(archive);
  TarReader tar(source);
  UnpackOptions options;
  options.privileged = false;
  options.entries_max = entries_max;
  Unpacker unpacker(root.get(), options);
  Result<UnpackReport> report = unpacker.run(tar);
  if (report.ok()) {
    const Result<> finished = tar.finish();
    if (!finished.ok()) return finished.error();
  }
  return report;
}

std::string read_file(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return "<none>";
  FdSource source(file.get());
  return read_all(source, 1 << 20).value();
}

std::string error_of(const Result<UnpackReport>& report) {
  return report.ok() ? "" : report.error().message;
}

bool is_whiteout(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == 0;
}

bool is_opaque(const std::string& path) {
  char value[2] = {};
  return ::lgetxattr(path.c_str(), "user.overlay.opaque", value, 2) == 1 && value[0] == 'y';
}

}  // namespace

TEST_CASE("unpack: what archives hold") {
  const std::string long_name = std::string(120, 'n') + "/" + std::string(120, 'm');
  const TemporaryDirectory directory;
  const std::string root = directory.path() + "/root/";
  const std::string archive =
      tar_part({"./"
                "dir/",
                '5', "", "", 0755}) +
      tar_part({"dir/file", '0', "hello", "", 0640}) + tar_part({"dir/hard", '1', "", "dir/file"}) +
      tar_part({"soft", '2', "", "/etc/passwd"}) + tar_part({"implied/parents/file", '0', "x"}) +
      tar_part({"././@LongLink", 'L', long_name + std::string(1, '\0')}) +
      tar_part({"cut", '0', "gnu"}) +
      tar_part({"pax", 'x',
                test::pax_record("path", "pax-name") +
                    test::pax_record("SCHILY.xattr.user.k", "v") +
                    test::pax_record("SCHILY.xattr.trusted.overlay.redirect", "/x") +
                    test::pax_record("mtime", "5.25")}) +
      tar_part({"short", '0', "pax"}) + tar_part({"pipe", '6', ""}) + tar_part({"null", '3', ""}) +
      tar_end();
  const auto report = unpack(directory, archive);
  INFO(error_of(report));
  REQUIRE(report.ok());
  CHECK(report.value().entries == 9);
  CHECK(report.value().bytes == 5 + 1 + 3 + 3);
  CHECK(report.value().devices_skipped == 1);
  CHECK(read_file(root + "dir/hard") == "hello");
  CHECK(read_file(root + "implied/parents/file") == "x");
  CHECK(read_file(root + long_name) == "gnu");
  CHECK(read_file(root + "pax-name") == "pax");
  char value[8] = {};
  CHECK(::lgetxattr((root + "pax-name").c_str(), "user.k", value, sizeof value) == 1);
  struct stat status {};
  REQUIRE(::lstat((root + "pax-name").c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_sec == 5);
  CHECK(status.st_mtim.tv_nsec == 250'000'000);
  REQUIRE(::lstat((root + "dir").c_str(), &status) == 0);
  CHECK(status.st_mtim.tv_sec == 1'000'000'000);  // writing into it did not change it
  REQUIRE(::lstat((root + "dir/file").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(status.st_nlink == 2);
}

TEST_CASE("unpack: whiteouts") {
  const TemporaryDirectory directory;
  const std::string root = directory.path() + "/root/";
  const std::string archive = tar_of({{"a/.wh.gone", '0'},
                                      {"b/.wh..wh..opq", '0'},
                                      {"b/new", '0', "x"},
                                      {"c/.wh.twice", '0'},
                                      {"c/twice/", '5', "", "", 0755},
                                      {"d/twice/", '5', "", "", 0755},
                                      {"d/.wh.twice", '0'},
                                      {".wh..wh.plnk", '0'}});
  const auto report = unpack(directory, archive);
  INFO(error_of(report));
  REQUIRE(report.ok());
  CHECK(is_whiteout(root + "a/gone"));
  CHECK(is_opaque(root + "b"));
  CHECK(read_file(root + "b/new") == "x");
  // Deleted and made again in one layer, in either order: what is below stays hidden.
  CHECK(is_opaque(root + "c/twice"));
  CHECK(is_opaque(root + "d/twice"));
  CHECK(::access((root + ".wh..wh.plnk").c_str(), F_OK) != 0);
}

TEST_CASE("unpack: later entries replace earlier ones") {
  const TemporaryDirectory directory;
  const std::string root = directory.path() + "/root/";
  const auto report = unpack(directory, tar_of({{"a", '0', "one"},
                                                {"a", '0', "two"},
                                                {"tree/x/y", '0', "deep"},
                                                {"tree", '0', "file"},
                                                {"link", '2', "", "/nowhere"},
                                                {"link", '0', "plain"}}));
  INFO(error_of(report));
  REQUIRE(report.ok());
  CHECK(report.value().replaced);
  CHECK(read_file(root + "a") == "two");
  CHECK(read_file(root + "tree") == "file");
  CHECK(read_file(root + "link") == "plain");
}

TEST_CASE("unpack: sparse files") {
  struct Case {
    const char* name;
    std::string archive;
  };
  const std::string map = "1\n4096\n4\n";
  const std::string records =
      test::pax_record("GNU.sparse.major", "1") + test::pax_record("GNU.sparse.minor", "0") +
      test::pax_record("GNU.sparse.name", "s") + test::pax_record("GNU.sparse.realsize", "8192");
  const std::string records01 = test::pax_record("GNU.sparse.map", "4096,4") +
                                test::pax_record("GNU.sparse.name", "s") +
                                test::pax_record("GNU.sparse.size", "8192");
  const Case cases[] = {
      {"pax 1.0", tar_part({"x", 'x', records}) +
                      tar_part({"s", '0', map + std::string(512 - map.size(), '\0') + "data"}) +
                      tar_end()},
      {"pax 0.1", tar_part({"x", 'x', records01}) + tar_part({"s", '0', "data"}) + tar_end()},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const TemporaryDirectory directory;
    const auto report = unpack(directory, c.archive);
    INFO(error_of(report));
    REQUIRE(report.ok());
    const std::string content = read_file(directory.path() + "/root/s");
    CHECK(content == std::string(4096, '\0') + "data" + std::string(8192 - 4100, '\0'));
  }
}

TEST_CASE("unpack: nothing leaves the directory") {
  struct Case {
    const char* name;
    std::string archive;
    const char* error;  // a part of it; empty: it unpacks, inside
  };
  const Case cases[] = {
      {"a path that climbs", tar_of({{"../outside", '0', "x"}}), "a path with \"..\""},
      {"a path that climbs later", tar_of({{"a/../../outside", '0', "x"}}), "a path with \"..\""},
      {"an absolute path", tar_of({{"/outside", '0', "x"}}), ""},
      {"through an absolute link", tar_of({{"l", '2', "", "/"}, {"l/outside", '0', "x"}}), ""},
      {"through a climbing link", tar_of({{"l", '2', "", "../.."}, {"l/outside", '0', "x"}}), ""},
      {"through a loop of links",
       tar_of({{"l", '2', "", "m"}, {"m", '2', "", "l"}, {"l/x", '0', "x"}}), "Too many levels"},
      {"a hard link out", tar_of({{"l", '2', "", "../.."}, {"h", '1', "", "l/secret"}}),
       "no file of this layer"},
      {"a climbing hard link", tar_of({{"h", '1', "", "../secret"}}), "a path with \"..\""},
      {"a hard link to a directory", tar_of({{"d/", '5'}, {"h", '1', "", "d"}}),
       "no file of this layer"},
      {"a whiteout of the parent", tar_of({{".wh...", '0'}}), "a whiteout of nothing"},
      {"the root as a file", tar_of({{"./", '2', "", "/etc"}}), "the root is not a directory"},
      {"an unknown type", tar_of({{"x", 'Z'}}), "unknown type 'Z'"},
      {"no checksum", std::string(512, 'x'), "its checksum is wrong"},
      {"an end in a header", tar_part({"x", '0', ""}).substr(0, 300), "ends early"},
      {"an end in a payload", tar_part({"x", '0', "abc", "", 0644, 5000}), "ends early"},
      {"a name without end in pax", tar_part({"p", 'x', "99 path=x\n"}) + tar_end(),
       "wrong length"},
      {"a sparse map beyond the file",
       tar_part({"p", 'x',
                 test::pax_record("GNU.sparse.map", "9000,4") +
                     test::pax_record("GNU.sparse.size", "8192")}) +
           tar_part({"s", '0', "data"}) + tar_end(),
       "contradicts the file's size"},
      {"a pax header of gigabytes", tar_part({"p", 'x', "", "", 0644, uint64_t{1} << 31}),
       "longer than"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const TemporaryDirectory directory;
    const Fd secret(
        ::open((directory.path() + "/secret").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const auto report = unpack(directory, c.archive);
    if (c.error[0] == '\0') {
      CHECK(error_of(report) == "");
    } else {
      CHECK_THAT(error_of(report), Catch::Contains(c.error));
    }
    CHECK(::access((directory.path() + "/outside").c_str(), F_OK) != 0);
    CHECK(::access("/outside", F_OK) != 0);
    struct stat status {};
    REQUIRE(::fstat(secret.get(), &status) == 0);
    CHECK(status.st_nlink == 1);
  }
}

TEST_CASE("unpack: entries are bounded") {
  const TemporaryDirectory directory;
  const auto report = unpack(directory, tar_of({{"a", '0'}, {"b", '0'}, {"c", '0'}}), 2);
  REQUIRE_FALSE(report.ok());
  CHECK(report.error().code == Code::kTooLarge);
}
