// --help of the program and of one command.
#include "cli/help.h"

namespace kist::cli {
namespace {

constexpr size_t kHelpColumn = 34;

std::string left_side(const BoundFlag& flag) {
  std::string text = "  --" + std::string(flag.name);
  if (!flag.is_bool()) text += " " + std::string(flag.placeholder);
  return text;
}

std::string flag_help(const BoundFlag& flag) {
  std::string line = left_side(flag);
  line += line.size() < kHelpColumn ? std::string(kHelpColumn - line.size(), ' ')
                                    : "\n" + std::string(kHelpColumn, ' ');
  line += flag.help;
  if (flag.is_list()) line += " (repeatable)";
  if (const std::string value = shown_value(flag); !value.empty()) line += " [" + value + "]";
  return line + "\n";
}

}  // namespace

std::string program_help(const Commands& commands) {
  std::string text =
      "kist: a Kubernetes cluster in one binary\n\n"
      "usage: kist COMMAND [FLAGS]\n\n"
      "commands:\n";
  for (const auto& command : commands) {
    std::string line = "  " + std::string(command->name());
    line.resize(std::max<size_t>(line.size() + 2, 20), ' ');
    text += line + std::string(command->summary()) + "\n";
  }
  return text + "\nkist COMMAND --help tells the flags of a command.\n";
}

std::string command_help(Command& command) {
  std::string text = "kist " + std::string(command.name()) + ": " + std::string(command.summary()) +
                     "\n\nusage: kist " + std::string(command.name());
  const std::vector<BoundFlag> flags = command.flags();
  if (!flags.empty()) text += " [FLAGS]";
  if (!command.arguments().empty()) text += " " + std::string(command.arguments());
  text += "\n";
  if (!flags.empty()) text += "\nflags:\n";
  for (const BoundFlag& flag : flags) text += flag_help(flag);
  if (!command.description().empty()) text += "\n" + std::string(command.description());
  return text;
}

}  // namespace kist::cli
