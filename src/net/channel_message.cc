#include "channel_message.h"

#include <algorithm>
#include <iterator>

#include "kist/base/base64.h"

namespace kist::net {

bool ChannelMessageReader::feed(const WebSocketReader::Part& part, Piece* piece) {
  std::string_view bytes = part.bytes;
  if (part.first) {
    channel_ = kNone;
    undecoded_.clear();
    padded_ = false;
  }
  if (channel_ == kNone && !bytes.empty()) {
    channel_ = static_cast<unsigned char>(bytes.front()) - (base64_ ? '0' : 0);
    bytes.remove_prefix(1);
  }
  *piece = {.channel = channel_, .bytes = bytes};
  return !base64_ || decode(bytes, part.last, &piece->bytes);
}

bool ChannelMessageReader::decode(std::string_view bytes, bool last, std::string_view* decoded) {
  // Line ends mean nothing, but must not shift the groups of four.
  std::ranges::copy_if(bytes, std::back_inserter(undecoded_),
                       [](char c) { return c != '\r' && c != '\n'; });
  if (padded_ && !undecoded_.empty()) return false;
  const size_t whole = undecoded_.size() / 4 * 4;
  if (last && whole != undecoded_.size()) return false;
  Result<std::string> result = decode_base64(std::string_view(undecoded_).substr(0, whole));
  if (!result.ok()) return false;
  if (whole > 0) padded_ = undecoded_[whole - 1] == '=';
  undecoded_.erase(0, whole);
  if (padded_ && !undecoded_.empty()) return false;
  decoded_ = std::move(result).value();
  *decoded = decoded_;
  return true;
}

}  // namespace kist::net
