// One repository of one registry, after the OCI distribution specification: authorization, answers,
// blobs that go on where a broken connection left them.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "kist/base/mutex.h"
#include "kist/runtime/images.h"
#include "runtime/images/http.h"

namespace kist::runtime::images {

// Threads: any. `client` must outlive it.
class Repository {
 public:
  Repository(HttpClient& client, RegistryEndpoint endpoint, RegistryAccess access)
      : client_(client), endpoint_(std::move(endpoint)), access_(std::move(access)) {}

  // A manifest or index by tag or digest; a digest is compared. kNotFound and the like as answered.
  Result<std::string> manifest(const std::string& version, uint64_t bytes_max);
  // A small blob, compared with size and digest.
  Result<std::string> small_blob(const std::string& digest, uint64_t size);
  // A transfer of a blob from `offset` on, its head accepted: status 200 or 206.
  struct Blob {
    std::unique_ptr<HttpTransfer> transfer;
    uint64_t begins_at = 0;       // 0 where the registry ignores ranges
    int64_t content_length = -1;  // from there on
  };
  Result<Blob> open_blob(const std::string& digest, uint64_t offset);

  const std::string& host() const { return endpoint_.host; }

 private:
  struct Answer {
    std::unique_ptr<HttpTransfer> transfer;
    HttpHead head;
  };
  Result<Answer> get(const std::string& path, const std::string& accept, uint64_t offset);
  std::string authorization();
  Result<> authorize(const HttpHead& refused);
  Result<std::string> fetch_token(const AuthChallenge& challenge);

  HttpClient& client_;
  const RegistryEndpoint endpoint_;
  const RegistryAccess access_;
  Mutex mutex_;
  std::string authorization_ GUARDED_BY(mutex_);  // value of the header; empty before a challenge
};

// A layer's bytes. A transfer that breaks is taken up again where it ended, `attempts_max` times in
// all; more or fewer bytes than `size` are an error, and so is a Content-Length that says so.
class BlobSource : public ByteSource {
 public:
  BlobSource(Repository& repository, std::string digest, uint64_t size, const PullOptions& options,
             std::stop_token stop)
      : repository_(repository),
        digest_(std::move(digest)),
        size_(size),
        options_(options),
        stop_(std::move(stop)) {}

  Result<size_t> read(char* to, size_t size) override;

 private:
  Result<> open();
  Result<size_t> read_once(char* to, size_t size);

  Repository& repository_;
  const std::string digest_;
  const uint64_t size_;
  const PullOptions& options_;
  const std::stop_token stop_;
  std::unique_ptr<HttpTransfer> transfer_;
  uint64_t done_ = 0;
  int attempts_ = 0;
};

}  // namespace kist::runtime::images
