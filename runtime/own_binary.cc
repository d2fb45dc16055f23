// The binary protects itself: a container that gets hold of /proc/PID/exe of one of our processes
// must not be able to write to it.
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>

#include "kist/runtime/launcher.h"
#include "runtime/sys.h"

namespace kist::runtime {

void protect_own_binary(char** arguments) {
  constexpr const char* kMark = "KIST_PROTECTED";  // ends a loop if the kernel shows us no flag
  const Fd own(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  struct statvfs status {};
  if (!own || ::fstatvfs(own.get(), &status) != 0) return;
  const bool protected_already = (status.f_flag & ST_RDONLY) != 0 || ::getenv(kMark) != nullptr;
  ::unsetenv(kMark);
  if (protected_already) return;
  // A mount of the one file, read-only and attached nowhere: gone with the last process that uses it.
  const Fd tree(sys::open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (!tree || sys::mount_setattr(tree.get(), "", AT_EMPTY_PATH, attributes) != 0) return;
  ::setenv(kMark, "1", 1);
  ::fexecve(tree.get(), arguments, environ);
  ::unsetenv(kMark);
}

}  // namespace kist::runtime
