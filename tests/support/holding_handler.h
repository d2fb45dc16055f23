// An API that answers when the test says so.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "kist/net/handler.h"

namespace kist::test {

class HoldingHandler : public net::Handler {
 public:
  void handle(net::Request, std::shared_ptr<net::Exchange> exchange) override {
    std::lock_guard lock(mutex_);
    held_.push_back(std::move(exchange));
  }
  size_t held() {
    std::lock_guard lock(mutex_);
    return held_.size();
  }
  void answer_all(int status) {
    std::vector<std::shared_ptr<net::Exchange>> answered;
    {
      std::lock_guard lock(mutex_);
      answered.swap(held_);
    }
    for (const auto& exchange : answered) {
      exchange->respond({.status = status,
                         .headers = {{"Content-Type", "application/json"}},
                         .body = {Slice::literal("{}")}});
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<net::Exchange>> held_;
};

}  // namespace kist::test
