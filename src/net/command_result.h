// The words of a command's two side channels: how it ended, and how large its terminal is.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kist/net/streams.h"

namespace kist::net {

// How protocols tell the end of a command.
enum class ResultForm : uint8_t {
  kText,    // before v4: a message, and nothing at all after success
  kStatus,  // since v4: a meta/v1 Status as JSON, always
};

// What the error channel says, in the kubelet's words. May be empty.
std::string command_result_text(const CommandResult& result, ResultForm form);

// Reads the client's terminal sizes: JSON objects {"Width":80,"Height":24}, one behind the other.
class TerminalSizeReader {
 public:
  // The last whole size of what came, if there is one. What is no size is skipped.
  std::optional<TerminalSize> feed(std::string_view bytes);

 private:
  static constexpr size_t kObjectBytesMax = 256;
  std::string held_;
};

}  // namespace kist::net
