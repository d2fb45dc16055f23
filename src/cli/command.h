// What a subcommand is: its words, its flags, what it does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/flags.h"

namespace kist::cli {

class Command {
 public:
  virtual ~Command() = default;
  virtual std::string_view name() const = 0;                 // "server", "db check"
  virtual std::string_view arguments() const { return ""; }  // "[FILE]", as the usage line shows
  virtual size_t arguments_max() const { return 0; }
  virtual std::string_view summary() const = 0;                // one line
  virtual std::string_view description() const { return ""; }  // paragraphs below the flags
  virtual std::vector<BoundFlag> flags() { return {}; }        // bound to the command's options
  virtual bool reads_config() const { return false; }          // has --config
  virtual Result<> run(const std::vector<std::string>& arguments) = 0;
  // A command whose words are another program's (`kist oci`): all of them go to run_words(), which
  // returns the exit code, and neither flags() nor run() is asked.
  virtual bool takes_words() const { return false; }
  virtual int run_words(const std::vector<std::string>&) { return 0; }
};

using Commands = std::vector<std::unique_ptr<Command>>;

// Every subcommand, in the order of --help.
Commands all_commands();
std::unique_ptr<Command> make_server_command();
std::unique_ptr<Command> make_monitor_command();
void add_db_commands(Commands& commands);
void add_image_commands(Commands& commands);
void add_info_commands(Commands& commands);
void add_oci_command(Commands& commands);

// Finds the command, fills its options from config file and command line, runs it. Returns the exit
// code: 0, 1 (it failed), 2 (the command line or the config file is wrong).
int run_program(const std::vector<std::string>& arguments);

}  // namespace kist::cli
