// Seccomp profiles compiled to BPF by libseccomp, and kept: compiling costs 20 ms, loading 0.7.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kist/base/result.h"
#include "kist/runtime/container_spec.h"

namespace kist::runtime {

struct SeccompProgram {
  std::vector<uint64_t> instructions;  // struct sock_filter
  uint32_t flags = 0;                  // SECCOMP_FILTER_FLAG_*
};

// With a `cache_dir`, a file of it answers for a profile that was compiled before; the file holds
// the whole profile, so that no collision of hashes can bring a foreign program. A cache that cannot
// be read or written is no error. kInvalid names the field of the profile.
Result<SeccompProgram> compile_seccomp(const SeccompSpec& spec, const std::string& cache_dir);

}  // namespace kist::runtime
