// Image references: docker's defaults, what is refused.
#include <catch2/catch.hpp>

#include "kist/runtime/image_reference.h"

using namespace kist::runtime::images;

TEST_CASE("reference: what it means") {
  const std::string digest = "sha256:" + std::string(64, 'a');
  struct Case {
    const char* name;
    std::string text, meaning;  // empty: refused
  };
  const Case cases[] = {
      {"a bare name", "nginx", "docker.io/library/nginx:latest"},
      {"a tag", "nginx:1.25", "docker.io/library/nginx:1.25"},
      {"a user's repository", "grafana/grafana", "docker.io/grafana/grafana:latest"},
      {"a registry with a dot", "quay.io/a/b/c:v1", "quay.io/a/b/c:v1"},
      {"a registry with a port", "localhost:5000/x", "localhost:5000/x:latest"},
      {"localhost is a registry", "localhost/x", "localhost/x:latest"},
      {"a capital makes a registry", "Host/x", "Host/x:latest"},
      {"docker's old name", "index.docker.io/nginx", "docker.io/library/nginx:latest"},
      {"an IPv6 registry", "[::1]:5000/x:v1", "[::1]:5000/x:v1"},
      {"a digest needs no tag", "nginx@" + digest, "docker.io/library/nginx@" + digest},
      {"tag and digest", "nginx:1@" + digest, "docker.io/library/nginx:1@" + digest},
      {"separators inside a component", "a__b/c.d-e--f", "docker.io/a__b/c.d-e--f:latest"},
      {"nothing", "", ""},
      {"a capital in the repository", "library/Nginx", ""},
      {"three underscores", "a___b", ""},
      {"a component that ends in a dot", "a./b.c./d", ""},
      {"an empty component", "a//b", ""},
      {"a tag with a slash is a port", "host:50a0/x", ""},
      {"an empty tag", "nginx:", ""},
      {"a tag that begins with a dash", "nginx:-x", ""},
      {"a tag of 129 letters", "nginx:" + std::string(129, 'x'), ""},
      {"a short digest", "nginx@sha256:abc", ""},
      {"an unknown digest", "nginx@md5:" + std::string(32, 'a'), ""},
      {"a name like an image id", std::string(64, 'a'), ""},
      {"a repository of 256 letters", "h.io/" + std::string(256, 'x'), ""},
      {"white space", "nginx ", ""},
      {"a NUL byte", std::string("ngi\0nx", 6), ""},
      {"a path that climbs", "../etc/passwd", ""},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto reference = ImageReference::parse(c.text);
    CHECK((reference.ok() ? reference.value().text() : "") == c.meaning);
    if (!reference.ok()) continue;
    const auto again = ImageReference::parse(reference.value().text());
    REQUIRE(again.ok());
    CHECK(again.value().text() == c.meaning);
  }
}
