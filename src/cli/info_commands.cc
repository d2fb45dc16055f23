// Commands that only tell: version, completion, man-page, help.
#include <cstdio>

#include "cli/command.h"
#include "cli/help.h"
#include "roles/version.h"

namespace kist::cli {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

class VersionCommand : public Command {
 public:
  std::string_view name() const override { return "version"; }
  std::string_view summary() const override { return "print the version and end"; }
  Result<> run(const std::vector<std::string>&) override {
    const apiserver::Version version = roles::build_version();
    print("kist " KIST_VERSION " (" + version.git_commit.substr(0, 12) + ")\nkubernetes " +
          version.git_version + "\n");
    return {};
  }
};

class CompletionCommand : public Command {
 public:
  std::string_view name() const override { return "completion"; }
  std::string_view arguments() const override { return "bash|zsh"; }
  size_t arguments_max() const override { return 1; }
  std::string_view summary() const override { return "print a completion script for a shell"; }
  std::string_view description() const override { return "  source <(kist completion bash)\n"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    const std::string shell = arguments.empty() ? "" : arguments[0];
    if (shell != "bash" && shell != "zsh") {
      return Error{Code::kInvalid, "completion wants the name of a shell: bash or zsh"};
    }
    print(shell == "bash" ? bash_completion(all_commands()) : zsh_completion(all_commands()));
    return {};
  }
};

class ManPageCommand : public Command {
 public:
  std::string_view name() const override { return "man-page"; }
  std::string_view summary() const override { return "print the man page (roff)"; }
  Result<> run(const std::vector<std::string>&) override {
    print(man_page(all_commands()));
    return {};
  }
};

class HelpCommand : public Command {
 public:
  std::string_view name() const override { return "help"; }
  std::string_view arguments() const override { return "[COMMAND]"; }
  size_t arguments_max() const override { return 2; }
  std::string_view summary() const override { return "print this, or the flags of a command"; }
  Result<> run(const std::vector<std::string>& arguments) override {
    std::string wanted;
    for (const std::string& word : arguments) wanted += (wanted.empty() ? "" : " ") + word;
    const Commands commands = all_commands();
    for (const auto& command : commands) {
      if (command->name() == wanted) return print(command_help(*command)), Result<>();
    }
    if (!wanted.empty()) return Error{Code::kNotFound, "no command \"" + wanted + "\""};
    print(program_help(commands));
    return {};
  }
};

}  // namespace

void add_info_commands(Commands& commands) {
  commands.push_back(std::make_unique<VersionCommand>());
  commands.push_back(std::make_unique<CompletionCommand>());
  commands.push_back(std::make_unique<ManPageCommand>());
  commands.push_back(std::make_unique<HelpCommand>());
}

}  // namespace kist::cli
