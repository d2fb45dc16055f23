// kist oci: the container runtime's own command line, see runtime/README.md.
#include "cli/command.h"
#include "kist/runtime/oci.h"

namespace kist::cli {
namespace {

class OciCommand : public Command {
 public:
  std::string_view name() const override { return "oci"; }
  std::string_view arguments() const override { return "COMMAND ..."; }
  std::string_view summary() const override { return "run containers as an OCI runtime does"; }
  Result<> run(const std::vector<std::string>&) override { return {}; }
  bool takes_words() const override { return true; }
  int run_words(const std::vector<std::string>& words) override {
    return runtime::oci::run_oci(words);
  }
};

}  // namespace

void add_oci_command(Commands& commands) { commands.push_back(std::make_unique<OciCommand>()); }

}  // namespace kist::cli
