// The one binary. What it does is decided by its first word: see src/cli.
#include <string>
#include <vector>

#include "cli/command.h"
#include "kist/runtime/launcher.h"
#include "kist/runtime/oci.h"

namespace {

// Container engines call their runtime with its own commands: a link named kist-oci is `kist oci`.
bool is_oci_link(const std::string& program) {
  return program.substr(program.rfind('/') + 1) == "kist-oci";
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  const bool link = argc > 0 && is_oci_link(argv[0]);
  if (link || (!words.empty() && words[0] == "oci")) kist::runtime::protect_own_binary(argv);
  if (link) return kist::runtime::oci::run_oci(std::move(words));
  return kist::cli::run_program(words);
}
