// HTTP for pulls: libcurl's multi interface on one thread, bodies handed over through bounded
// buffers. A reader that is slow pauses its own transfer and no other.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "kist/runtime/registries.h"
#include "runtime/images/byte_source.h"

namespace kist::runtime::images {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  uint64_t offset = 0;               // ask for the bytes from here on
  RegistryAccess access;             // its TLS part; credentials are the caller's matter
};

// Of the last answer, after redirects.
struct HttpHead {
  long status = 0;
  int64_t content_length = -1;  // -1: not told
  std::string content_type, content_range, authenticate, retry_after;
};

// One answer. Threads: one reader. Destroying it ends the transfer.
class HttpTransfer : public ByteSource {
 public:
  struct State;
  explicit HttpTransfer(std::shared_ptr<State> state);
  ~HttpTransfer() override;

  // Waits for the headers. kUnavailable, kTimeout, with curl's words.
  Result<HttpHead> head();
  // The body. An end before Content-Length is kUnavailable.
  Result<size_t> read(char* to, size_t size) override;

 private:
  std::shared_ptr<State> state_;
};

class HttpClient {
 public:
  struct Options {
    std::chrono::seconds connect_timeout{15};
    std::chrono::seconds stall_timeout{30};
  };
  explicit HttpClient(const Options& options);
  ~HttpClient();  // ends what still runs

  std::unique_ptr<HttpTransfer> get(const HttpRequest& request);
  void cancel();  // every transfer fails with kCanceled, also those to come. Any thread

  class Loop;

 private:
  std::shared_ptr<Loop> loop_;
};

// "Bearer realm=\"https://..\",service=\"..\"" taken apart: the scheme in lower case, then pairs.
struct AuthChallenge {
  std::string scheme;
  std::string realm, service, scope;
};
AuthChallenge parse_challenge(std::string_view header);

}  // namespace kist::runtime::images
