// A client's messages in Kubernetes' channel subprotocols: the channel, then its bytes; and both in
// base64.
#pragma once

#include <string>
#include <string_view>

#include "websocket_reader.h"

namespace kist::net {

// Takes messages apart as they come.
class ChannelMessageReader {
 public:
  explicit ChannelMessageReader(bool base64) : base64_(base64) {}

  struct Piece {
    int channel = kNone;          // kNone: nothing yet
    std::string_view bytes = {};  // valid until the next call
  };
  static constexpr int kNone = -256;  // below what any byte may mean

  // False: the message is not base64.
  bool feed(const WebSocketReader::Part& part, Piece* piece);

 private:
  bool decode(std::string_view bytes, bool last, std::string_view* decoded);

  const bool base64_;
  int channel_ = kNone;
  std::string undecoded_;  // less than four letters
  bool padded_ = false;    // nothing may follow
  std::string decoded_;
};

}  // namespace kist::net
