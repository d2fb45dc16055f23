// Images looked at as a file system: all layers stacked, read-only.
#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "runtime/images/digest.h"
#include "runtime/images/files.h"
#include "runtime/images/store.h"

namespace kist::runtime::images {
namespace {

// The pin that keeps a mounted image from removal; made of the target's path.
std::string pin_of(const std::string& target) {
  return "mount-" + std::string(hex_of(digest_of(target)).substr(0, 32));
}

Result<std::string> absolute_path(const std::string& path) {
  char* const real = ::realpath(path.c_str(), nullptr);
  if (real == nullptr) return errno_error(path);
  std::string text = real;
  std::free(real);
  return text;
}

// Layers by descriptor: their paths would be too long for the one page of a mount's options.
Result<> mount_layers(const Image& image, const std::string& empty, const std::string& target) {
  std::vector<Fd> open;
  std::string options = "lowerdir=";
  auto add = [&](const std::string& directory) -> Result<> {
    Fd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return errno_error("open " + directory);
    options += (open.empty() ? "" : ":") + std::string("/proc/self/fd/") + std::to_string(fd.get());
    open.push_back(std::move(fd));
    return {};
  };
  for (auto layer = image.layers.rbegin(); layer != image.layers.rend(); ++layer)
    TRY(add(layer->directory));
  while (open.size() < 2) TRY(add(empty));  // overlayfs wants two
  constexpr unsigned long kFlags = MS_RDONLY | MS_NODEV | MS_NOSUID;
  if (::mount("kist-image", target.c_str(), "overlay", kFlags, options.c_str()) != 0)
    return errno_error("mount on " + target);
  return {};
}

}  // namespace

Result<> mount_image(ImageStore& store, std::string_view name_or_id, const std::string& target) {
  const std::string absolute = TRY(absolute_path(target));
  const std::string pin = pin_of(absolute);
  // Pinned first, so that nobody removes the layers in between.
  TRY(store.pin(pin, name_or_id));
  const std::string empty = store.impl().directory() + "/empty";
  auto mount = [&]() -> Result<> {
    const Image image = TRY(store.find(name_or_id));
    if (!image.problem.empty()) return Error{Code::kUnavailable, image.id + ": " + image.problem};
    TRY(make_directory(empty));
    return mount_layers(image, empty, absolute);
  };
  Result<> mounted = mount();
  if (!mounted.ok()) (void)store.unpin(pin).ok();  // the first error is the one to tell
  return mounted;
}

Result<> unmount_image(ImageStore& store, const std::string& target) {
  const std::string absolute = TRY(absolute_path(target));
  if (::umount2(absolute.c_str(), UMOUNT_NOFOLLOW) != 0) return errno_error("unmount " + absolute);
  return store.unpin(pin_of(absolute));
}

}  // namespace kist::runtime::images
