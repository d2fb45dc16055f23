// A kernel that gives prepared answers or fails.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "cni/netlink/socket.h"

namespace kist::cni {

// Answers each exchange with the next of `answers`, and with nothing when they are used up.
class FakeNetlink : public Netlink {
 public:
  Result<std::vector<Reply>> exchange(const MessageWriter& request) override {
    requests.emplace_back(request.bytes());
    if (answers.empty()) return std::vector<Reply>();
    Result<std::vector<Reply>> answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }

  std::deque<Result<std::vector<Reply>>> answers;
  std::vector<std::string> requests;
};

}  // namespace kist::cni
