#include "kist/base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kist {

static Code code_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case ENODEV:
    case ESRCH: return Code::kNotFound;
    case EEXIST: return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::kForbidden;
    case EINVAL:
    case ENAMETOOLONG: return Code::kInvalid;
    case ETIMEDOUT: return Code::kTimeout;
    case ECANCELED: return Code::kCanceled;
    default: return Code::kUnavailable;
  }
}

Error errno_error(std::string_view context) { return errno_error(context, errno); }

Error errno_error(std::string_view context, int error_number) {
  std::string message(context);
  message += ": ";
  message += std::strerror(error_number);
  return Error{code_of_errno(error_number), std::move(message)};
}

void ensure_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: ensure failed: %s\n", file, line, condition);
  std::abort();
}

}  // namespace kist
