// Words made from the flag tables: --help, completion scripts, the man page.
#pragma once

#include <string>

#include "cli/command.h"

namespace kist::cli {

std::string program_help(const Commands& commands);
std::string command_help(Command& command);
std::string bash_completion(const Commands& commands);
std::string zsh_completion(const Commands& commands);
std::string man_page(const Commands& commands);  // roff, section 8

}  // namespace kist::cli
