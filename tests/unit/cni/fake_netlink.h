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

// Fails the nth exchange, counted from 0, without sending it; the others reach the kernel.
class FailNth : public Netlink {
 public:
  FailNth(Netlink& real, int nth) : real_(real), left_(nth) {}
  Result<std::vector<Reply>> exchange(const MessageWriter& request) override {
    if (left_-- == 0) return Error{Code::kUnavailable, "injected"};
    return real_.exchange(request);
  }
  bool fired() const { return left_ < 0; }

 private:
  Netlink& real_;
  int left_;
};

}  // namespace kist::cni
