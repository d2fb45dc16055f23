// From argv to an exit code: which command, which options, and the words of a failure.
#include <algorithm>
#include <cstdio>

#include "cli/command.h"
#include "cli/config_file.h"
#include "cli/help.h"
#include "cli/paths.h"
#include "cli/suggest.h"

namespace kist::cli {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

void print(std::FILE* to, const std::string& text) { std::fwrite(text.data(), 1, text.size(), to); }

int refuse(const std::string& message, std::string_view command = "") {
  print(stderr, "kist: " + message + "\ntry: kist " + std::string(command) +
                    (command.empty() ? "" : " ") + "--help\n");
  return kUsage;
}

// The command that the first word or the first two words name, and how many words that took.
struct Found {
  Command* command = nullptr;
  size_t words = 0;
};

Found find_command(const Commands& commands, const std::vector<std::string>& arguments) {
  for (const auto& command : commands) {
    if (arguments.size() > 1 && command->name() == arguments[0] + " " + arguments[1]) {
      return {command.get(), 2};
    }
    if (command->name() == arguments[0]) return {command.get(), 1};
  }
  return {};
}

// "kist db", "kist db chekc", "kist sever".
int explain_unknown(const Commands& commands, const std::vector<std::string>& arguments) {
  const std::string prefix = arguments[0] + " ";
  Commands none;
  std::string group;
  std::vector<std::string_view> names;
  for (const auto& command : commands) {
    names.push_back(command->name().substr(0, command->name().find(' ')));
    if (!command->name().starts_with(prefix)) continue;
    group +=
        "  kist " + std::string(command->name()) + "  " + std::string(command->summary()) + "\n";
  }
  if (!group.empty()) {
    const bool asked = arguments.size() > 1 && (arguments[1] == "--help" || arguments[1] == "-h");
    print(asked ? stdout : stderr, "kist " + arguments[0] + " has these commands:\n" + group);
    return asked ? 0 : kUsage;
  }
  std::string message = "unknown command \"" + arguments[0] + "\"";
  if (const std::string_view near = nearest(arguments[0], names); !near.empty()) {
    message += ", did you mean \"" + std::string(near) + "\"?";
  }
  return refuse(message);
}

// Keys of the config file may be flags of any command: it is one file for all of them.
Result<std::vector<Assignment>> config_of(const Commands& commands, const Arguments& arguments) {
  ConfigSource source{default_paths().config, false};
  for (const Assignment& flag : arguments.flags) {
    if (flag.name == "config") source = {flag.values.front(), true};
  }
  std::vector<BoundFlag> known;
  for (const auto& command : commands) {
    for (const BoundFlag& flag : command->flags()) {
      if (flag.name != "config" && find_flag(known, flag.name) == nullptr) known.push_back(flag);
    }
  }
  return read_config(source, known);
}

Result<> fill_options(const Commands& commands, Command& command, const Arguments& arguments) {
  const std::vector<BoundFlag> flags = command.flags();
  if (command.reads_config()) {
    const std::vector<Assignment> config = TRY(config_of(commands, arguments));
    TRY(apply(flags, config));
  }
  TRY(apply(flags, arguments.flags));
  if (arguments.positional.size() > command.arguments_max()) {
    return Error{Code::kInvalid,
                 "unexpected argument \"" + arguments.positional[command.arguments_max()] + "\""};
  }
  return {};
}

}  // namespace

Commands all_commands() {
  Commands commands;
  commands.push_back(make_server_command());
  commands.push_back(make_monitor_command());
  add_db_commands(commands);
  add_image_commands(commands);
  add_oci_command(commands);
  add_info_commands(commands);
  return commands;
}

int run_program(const std::vector<std::string>& arguments) {
  const Commands commands = all_commands();
  if (arguments.empty()) {
    print(stderr, program_help(commands));
    return kUsage;
  }
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    print(stdout, program_help(commands));
    return 0;
  }
  if (arguments[0] == "--version") return run_program({"version"});
  const Found found = find_command(commands, arguments);
  if (found.command == nullptr) return explain_unknown(commands, arguments);

  Command& command = *found.command;
  const std::vector<std::string> rest(arguments.begin() + static_cast<ptrdiff_t>(found.words),
                                      arguments.end());
  if (command.takes_words()) return command.run_words(rest);
  Result<Arguments> parsed = parse_arguments(command.flags(), rest);
  if (!parsed.ok()) return refuse(parsed.error().message, command.name());
  if (parsed.value().help) {
    print(stdout, command_help(command));
    return 0;
  }
  if (Result<> filled = fill_options(commands, command, parsed.value()); !filled.ok()) {
    return refuse(filled.error().message, command.name());
  }
  const Result<> done = command.run(parsed.value().positional);
  if (done.ok()) return 0;
  print(stderr, "kist: " + done.error().message + "\n");
  return kFailed;
}

}  // namespace kist::cli
