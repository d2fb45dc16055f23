// OpenSSL behind the few things a connection needs: a context made of PEM, a stream over a socket.
//
// TLS 1.3 only. RELEASE_BUFFERS and no tickets keep an idle stream small; every client of ours
// speaks 1.3 (kubectl since 1.13 with Go 1.12, python 3.7, node 12).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kist/base/result.h"
#include "kist/net/handler.h"
#include "kist/net/server.h"
#include "openssl_types.h"

namespace kist::net {

Result<SslContextPtr> make_server_context(const TlsMaterial& material);

enum class IoStatus : uint8_t { kDone, kWantRead, kWantWrite, kEnd, kFailed };
struct IoResult {
  IoStatus status = IoStatus::kDone;
  size_t bytes = 0;
};

// The server's side of one TLS connection over a non-blocking socket it does not own.
class TlsStream {
 public:
  TlsStream(SSL_CTX* context, int fd);

  IoStatus handshake();
  IoResult read(char* buffer, size_t size);
  // After kWantWrite the next call must offer the same bytes again, or more.
  IoResult write(std::string_view bytes);
  void close_notify();

  // After the handshake: the verified client, or why the certificate it showed is not believed.
  std::optional<PeerIdentity> peer() const;
  std::string peer_error() const;
  // Frees what the connection does not need any more of its client's certificate.
  void forget_handshake();
  // The handshake failed because the client speaks plain HTTP.
  bool is_plain_http() const { return plain_http_; }

 private:
  IoStatus failure(int result);

  SslPtr ssl_;
  bool plain_http_ = false;
};

PeerIdentity certificate_subject(const X509* certificate);

}  // namespace kist::net
