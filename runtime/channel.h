// Messages between a launching process and its child: one packet each, no partial reads.
#pragma once

#include <string>

#include "kist/base/fd.h"
#include "kist/base/result.h"

namespace kist::runtime {

enum class Word : uint8_t {
  kGo,       // to the child: namespaces and cgroups are as planned
  kConsole,  // from the child: carries the terminal's other end
  kReady,    // from the child: all is built
  kStart,    // through the gate: run the program
  kError,    // from the child: the text says what failed; it is gone
};

struct Message {
  Word word = Word::kError;
  Code code = Code::kInternal;  // of an error
  std::string text;
  Fd fd;
};

// A pair of connected ends, both closed by exec.
Result<std::pair<Fd, Fd>> make_channel();

Result<> send_message(int channel, Word word, std::string_view text = {}, int fd = -1,
                      Code code = Code::kInternal);
// kGone: the other end is closed.
Result<Message> receive_message(int channel);

}  // namespace kist::runtime
