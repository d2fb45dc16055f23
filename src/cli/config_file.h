// The configuration file in k3s' form: a YAML mapping whose keys are flags without dashes.
//
//   data-dir: /srv/kist
//   tls-san: [kist.example.org, 192.0.2.7]
//
// Drop-ins, <file>.d/*.yaml in alphabetical order, are read behind it; a later value replaces an
// earlier one, `key+` adds to a list instead. Flags on the command line beat all files.
#pragma once

#include <string>
#include <vector>

#include "cli/flags.h"

namespace kist::cli {

struct ConfigSource {
  std::string path;
  bool required = false;  // a missing file is an error: it was named on the command line
};

// Every assignment of the file and its drop-ins, in their order. kInvalid, with file and key: not a
// mapping of scalars and lists, or a key that is no flag of `known` (with a suggestion). kNotFound:
// a required file is missing. kForbidden: may not be read.
Result<std::vector<Assignment>> read_config(const ConfigSource& source,
                                            const std::vector<BoundFlag>& known);

}  // namespace kist::cli
