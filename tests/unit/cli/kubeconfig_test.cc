// The admin's kubeconfig.
#include "roles/kubeconfig.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "roles/files.h"

using namespace kist;

TEST_CASE("kubeconfig: the file has its mode whatever the umask, and its directory is made") {
  char name[] = "/tmp/kist-kubeconfig-XXXXXX";
  const std::string directory = ::mkdtemp(name);
  const std::string path = directory + "/etc/kist.yaml";
  const mode_t before = ::umask(077);
  REQUIRE(roles::write_file(path, "text", 0644).ok());
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  CHECK(roles::read_file(path, 4).value() == "text");
  CHECK(roles::read_file(path, 3).error().code == Code::kTooLarge);
  std::filesystem::remove_all(directory);
}
