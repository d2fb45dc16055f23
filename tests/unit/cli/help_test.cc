// What is made from the flag tables: completion, and the man page that packages carry.
#include "cli/help.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

using namespace kist;
using namespace kist::cli;

TEST_CASE("help: packaging/kist.8 is current") {
  std::ifstream file(KIST_PACKAGING_DIR "/kist.8");
  std::stringstream text;
  text << file.rdbuf();
  INFO("make it again: kist man-page >packaging/kist.8");
  CHECK(text.str() == man_page(all_commands()));
}

TEST_CASE("help: every command and flag is in help, completion and the man page") {
  const Commands commands = all_commands();
  const std::string bash = bash_completion(commands), zsh = zsh_completion(commands);
  const std::string page = man_page(commands);
  for (const auto& command : commands) {
    INFO(command->name());
    CHECK(program_help(commands).find("  " + std::string(command->name()) + " ") !=
          std::string::npos);
    CHECK(page.find(".SS kist ") != std::string::npos);
    const std::string help = command_help(*command);
    for (const BoundFlag& flag : command->flags()) {
      const std::string dashed = "--" + std::string(flag.name);
      INFO(dashed);
      CHECK(help.find(dashed) != std::string::npos);
      CHECK(bash.find(dashed) != std::string::npos);
      CHECK(zsh.find(dashed) != std::string::npos);
      CHECK(page.find(std::string(flag.help).substr(0, 8)) != std::string::npos);
    }
  }
}
