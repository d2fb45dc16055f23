// A small blocking HTTP/1.1 client for tests: one connection, keep-alive, TLS if asked for.
//
//   HttpClient client({.port = server.port()});
//   HttpReply reply = client.request("GET", "/healthz");
//   client.open_stream("/api/v1/pods?watch=1");  while (auto line = client.next_line()) ...
//
// Whatever fails shows as status 0 with the reason in `error`: a test's CHECK prints it. Connects
// at the first request and again when the server closed in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kist::testing {

struct HttpClientOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string ca_pem = {};           // not empty: TLS, and the server's certificate is verified
  std::string certificate_pem = {};  // client certificate and key
  std::string key_pem = {};
  std::string bearer_token = {};
  std::chrono::milliseconds timeout{10'000};  // of each read and write
  int tls_version_max = 0;                    // 0x0303 pretends to be a TLS 1.2 client
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
  int status = 0;  // 0: no reply, see error
  HttpHeaders headers = {};
  std::string body = {};
  std::string error = {};

  std::string_view header(std::string_view name) const;  // any case; empty if missing
};

class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  HttpReply request(std::string_view method, std::string_view target, std::string_view body = {},
                    const HttpHeaders& headers = {});
  HttpReply get(std::string_view target) { return request("GET", target); }

  // Sends a request and reads its headers; the body comes by next_line(). Without `body` a GET.
  HttpReply open_stream(std::string_view target, const HttpHeaders& headers = {});
  // The next line of the stream without its '\n'. Empty: the stream ended, failed or timed out.
  std::optional<std::string> next_line();
  std::optional<std::string> next_line(std::chrono::milliseconds timeout);

  // Below HTTP: bytes as they are, for malformed requests.
  bool send_raw(std::string_view bytes);
  std::string read_until_close();  // what comes until the server closes or the time-out
  HttpReply read_reply(bool head_only = false);
  void shutdown_write();  // half-close
  bool update_keys();     // TLS KeyUpdate, and the server is asked for one as well
  void close();
  const std::string& last_error() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace kist::testing
