// Any bytes as manifest, config, registries, reference or challenge: refused or understood, and a
// reference that is understood reads back to itself.
#include <cstddef>
#include <cstdint>

#include "kist/runtime/image_config.h"
#include "kist/runtime/image_reference.h"
#include "kist/runtime/registries.h"
#include "runtime/images/manifest.h"

using namespace kist;
using namespace kist::runtime::images;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = parse_manifest(text); manifest.ok()) {
    if (const auto* index = std::get_if<ManifestIndex>(&manifest.value()))
      (void)choose_platform(*index, {"linux", "arm", "v7"}).ok();
  }
  (void)parse_docker_archive(text).ok();
  (void)parse_image_config(text).ok();
  (void)parse_registries(text).ok();
  (void)parse_platform(text).ok();
  if (const auto reference = ImageReference::parse(text); reference.ok()) {
    const auto again = ImageReference::parse(reference.value().text());
    ENSURE(again.ok() && again.value().text() == reference.value().text());
  }
  return 0;
}
