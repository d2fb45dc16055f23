// A flag is a row of a table; parser, --help, config file, completion and man page read the same
// table, so they cannot disagree.
//
//   constexpr Flag<ServerOptions> kServerFlags[] = {
//       {"data-dir", &ServerOptions::data_dir, "DIR", "where state is kept"},
//   };
//
// `T` is a plain struct; the initial value of a field is the flag's default. Flags have a long form
// only: --name VALUE or --name=VALUE. A bool may stand alone (--name). A list may be given several
// times and splits at commas.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kist/base/result.h"

namespace kist::cli {

template <typename T>
struct Flag {
  const char* name;  // as in --data-dir, without the dashes
  std::variant<std::string T::*, int T::*, bool T::*, std::vector<std::string> T::*> field;
  const char* placeholder;  // "DIR"; empty for a bool
  const char* help;         // one line
};

// A row that knows the struct it fills, which must outlive it.
struct BoundFlag {
  std::string_view name;
  std::variant<std::string*, int*, bool*, std::vector<std::string>*> target;
  std::string_view placeholder;
  std::string_view help;

  bool is_bool() const { return std::holds_alternative<bool*>(target); }
  bool is_list() const { return std::holds_alternative<std::vector<std::string>*>(target); }
};

template <typename T, size_t N>
std::vector<BoundFlag> bind(const Flag<T> (&table)[N], T& options) {
  std::vector<BoundFlag> bound;
  for (const Flag<T>& flag : table) {
    bound.push_back({flag.name, {}, flag.placeholder, flag.help});
    std::visit([&](auto member) { bound.back().target = &(options.*member); }, flag.field);
  }
  return bound;
}

// What one place (the command line, a key of a config file) says about one flag.
struct Assignment {
  std::string name;
  std::vector<std::string> values;  // exactly one, unless the flag is a list
  bool append = false;              // adds to the list that is there
  std::string origin;               // "--tls-san", "/etc/kist/config.yaml: tls-san"
};

struct Arguments {
  std::vector<Assignment> flags;
  std::vector<std::string> positional;
  bool help = false;  // --help or -h was among them
};

// Splits a command line. kInvalid, with a suggestion: a flag that is not in the table, or one
// without its value. "--" ends the flags.
Result<Arguments> parse_arguments(const std::vector<BoundFlag>& flags,
                                  const std::vector<std::string>& arguments);

// Fills the struct. kInvalid: a number or bool that is none; names are taken as checked.
Result<> apply(const std::vector<BoundFlag>& flags, const std::vector<Assignment>& assignments);

const BoundFlag* find_flag(const std::vector<BoundFlag>& flags, std::string_view name);

// The present value as --help shows it; empty for "nothing worth showing".
std::string shown_value(const BoundFlag& flag);

}  // namespace kist::cli
