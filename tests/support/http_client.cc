#include "http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdlib>

#include "kist/base/fd.h"

namespace kist::testing {
namespace {

constexpr size_t kReplyBytesMax = 512u * 1024 * 1024;

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

X509* read_certificate(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

EVP_PKEY* read_key(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

std::string_view HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_name(key, name)) return value;
  }
  return {};
}

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions options) : options_(std::move(options)) {
    signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  }

  HttpReply request(std::string_view method, std::string_view target, std::string_view body,
                    const HttpHeaders& headers, bool stream);
  std::optional<std::string> next_line(std::chrono::milliseconds timeout);
  bool send_raw(std::string_view bytes);
  std::string read_until_close();
  HttpReply read_reply(bool head_only, bool stream);
  void shutdown_write();
  bool update_keys();
  void close();

  HttpClientOptions options_;
  std::string error_;

 private:
  bool connect();
  bool start_tls();
  bool wait(short events, std::chrono::milliseconds timeout);
  bool fill(std::chrono::milliseconds timeout);
  std::optional<std::string> buffered_line(std::chrono::milliseconds timeout);
  bool read_exactly(size_t count, std::string& into);
  bool read_chunk(std::string& into, std::chrono::milliseconds timeout);
  bool read_body(HttpReply& reply);
  bool fail(std::string text) {
    error_ = std::move(text);
    return false;
  }

  Fd socket_;
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
  std::string buffer_;  // received, not yet consumed
  std::string stream_;  // decoded bytes of a stream, not yet a line
  bool chunked_ = false;
  bool stream_ended_ = true;
};

bool HttpClient::Impl::connect() {
  if (socket_) return true;
  buffer_.clear();
  stream_.clear();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return fail("connect failed");
  }
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto ms = options_.timeout.count();
  const timeval limit{.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  socket_ = std::move(socket);
  if (options_.ca_pem.empty() || start_tls()) return true;
  socket_.reset();
  return false;
}

bool HttpClient::Impl::start_tls() {
  if (!context_) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    X509* ca = read_certificate(options_.ca_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), ca);
    X509_free(ca);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    if (options_.tls_version_max != 0) {
      SSL_CTX_set_max_proto_version(context_.get(), options_.tls_version_max);
    }
    if (!options_.certificate_pem.empty()) {
      X509* certificate = read_certificate(options_.certificate_pem);
      EVP_PKEY* key = read_key(options_.key_pem);
      SSL_CTX_use_certificate(context_.get(), certificate);
      SSL_CTX_use_PrivateKey(context_.get(), key);
      X509_free(certificate);
      EVP_PKEY_free(key);
    }
  }
  ssl_.reset(SSL_new(context_.get()));
  X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), options_.host.c_str());
  SSL_set_fd(ssl_.get(), socket_.get());
  ERR_clear_error();
  if (SSL_connect(ssl_.get()) == 1) return true;
  char text[256] = "TLS handshake failed";
  if (ERR_peek_last_error() != 0) ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
  ssl_.reset();
  return fail(text);
}

bool HttpClient::Impl::wait(short events, std::chrono::milliseconds timeout) {
  pollfd entry{socket_.get(), events, 0};
  return ::poll(&entry, 1, static_cast<int>(timeout.count())) > 0;
}

// Reads what is there into buffer_; false at the end, on errors and when nothing comes in time.
bool HttpClient::Impl::fill(std::chrono::milliseconds timeout) {
  if (!socket_) return fail("not connected");
  if ((!ssl_ || SSL_pending(ssl_.get()) == 0) && !wait(POLLIN, timeout)) {
    return fail("time-out while reading");
  }
  char bytes[16 * 1024];
  ssize_t count = 0;
  if (ssl_) {
    ERR_clear_error();
    count = SSL_read(ssl_.get(), bytes, sizeof bytes);
    if (count <= 0 && ERR_peek_last_error() != 0) {
      char text[256];
      ERR_error_string_n(ERR_peek_last_error(), text, sizeof text);
      return fail(text);
    }
  } else {
    count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
  }
  if (count <= 0) return fail(count == 0 ? "the server closed the connection" : "read failed");
  buffer_.append(bytes, static_cast<size_t>(count));
  return true;
}

bool HttpClient::Impl::send_raw(std::string_view bytes) {
  if (!connect()) return false;
  while (!bytes.empty()) {
    const ssize_t count = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                               : ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return fail("write failed");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

std::string HttpClient::Impl::read_until_close() {
  while (buffer_.size() < kReplyBytesMax && fill(options_.timeout)) {
  }
  return std::exchange(buffer_, std::string());
}

std::optional<std::string> HttpClient::Impl::buffered_line(std::chrono::milliseconds timeout) {
  size_t end = buffer_.find("\r\n");
  while (end == buffer_.npos) {
    if (!fill(timeout)) return std::nullopt;
    end = buffer_.find("\r\n");
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

bool HttpClient::Impl::read_exactly(size_t count, std::string& into) {
  while (buffer_.size() < count) {
    if (!fill(options_.timeout)) return false;
  }
  into.append(buffer_, 0, count);
  buffer_.erase(0, count);
  return true;
}

// Appends the next chunk; an empty one sets stream_ended_.
bool HttpClient::Impl::read_chunk(std::string& into, std::chrono::milliseconds timeout) {
  const std::optional<std::string> line = buffered_line(timeout);
  if (!line) return false;
  size_t size = 0;
  const auto parsed = std::from_chars(line->data(), line->data() + line->size(), size, 16);
  if (parsed.ec != std::errc() || size > kReplyBytesMax) return fail("bad chunk size " + *line);
  if (!read_exactly(size, into)) return false;
  const std::optional<std::string> end = buffered_line(options_.timeout);
  if (!end || !end->empty()) return fail("chunk without end");
  stream_ended_ = size == 0;
  return true;
}

bool HttpClient::Impl::read_body(HttpReply& reply) {
  if (chunked_) {
    while (!stream_ended_) {
      if (!read_chunk(reply.body, options_.timeout)) return false;
    }
    return true;
  }
  const std::string_view length = reply.header("content-length");
  if (!length.empty()) return read_exactly(std::strtoull(length.data(), nullptr, 10), reply.body);
  reply.body = read_until_close();
  return true;
}

HttpReply HttpClient::Impl::read_reply(bool head_only, bool stream) {
  HttpReply reply;
  error_.clear();
  do {
    reply = HttpReply{};
    std::optional<std::string> line = buffered_line(options_.timeout);
    if (!line || !line->starts_with("HTTP/1.") || line->size() < 12) {
      reply.error = line ? "not HTTP: " + *line : error_;
      return reply;
    }
    reply.status = std::atoi(line->c_str() + 9);
    while ((line = buffered_line(options_.timeout)) && !line->empty()) {
      const size_t colon = line->find(": ");
      if (colon == line->npos) continue;
      reply.headers.emplace_back(line->substr(0, colon), line->substr(colon + 2));
    }
  } while (reply.status == 100);
  chunked_ = same_name(reply.header("transfer-encoding"), "chunked");
  stream_ended_ = false;
  if (stream) return reply;
  const bool bodiless = head_only || reply.status == 204 || reply.status == 304;
  if (!bodiless && !read_body(reply)) {
    reply.status = 0;
    reply.error = error_;
    close();
  } else if (same_name(reply.header("connection"), "close")) {
    close();
  }
  return reply;
}

HttpReply HttpClient::Impl::request(std::string_view method, std::string_view target,
                                    std::string_view body, const HttpHeaders& headers,
                                    bool stream) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
  text.append(options_.host).append("\r\n");
  if (!options_.bearer_token.empty()) {
    text.append("Authorization: Bearer ").append(options_.bearer_token).append("\r\n");
  }
  for (const auto& [name, value] : headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  const bool sized = !body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (sized) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  text.append("\r\n").append(body);

  const bool reused = static_cast<bool>(socket_);
  // The server may refuse early and close: what it said is worth more than the failed write.
  const bool written = send_raw(text);
  HttpReply reply;
  if (socket_) reply = read_reply(method == "HEAD", stream);
  if (reply.status == 0 && reused && buffer_.empty()) {  // it closed the idle connection: once more
    close();
    if (send_raw(text)) reply = read_reply(method == "HEAD", stream);
  }
  if (reply.status == 0 && reply.error.empty()) reply.error = written ? "no reply" : error_;
  return reply;
}

std::optional<std::string> HttpClient::Impl::next_line(std::chrono::milliseconds timeout) {
  for (;;) {
    const size_t end = stream_.find('\n');
    if (end != stream_.npos) {
      std::string line = stream_.substr(0, end);
      stream_.erase(0, end + 1);
      return line;
    }
    if (stream_ended_) return std::nullopt;
    if (chunked_) {
      if (!read_chunk(stream_, timeout)) return std::nullopt;
    } else {
      if (buffer_.empty() && !fill(timeout)) return std::nullopt;
      stream_ += std::exchange(buffer_, std::string());
    }
  }
}

void HttpClient::Impl::shutdown_write() {
  if (ssl_) SSL_shutdown(ssl_.get());
  ::shutdown(socket_.get(), SHUT_WR);
}

bool HttpClient::Impl::update_keys() {
  if (!connect() || !ssl_) return false;
  if (SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED) == 1 &&
      SSL_do_handshake(ssl_.get()) == 1) {
    return true;
  }
  return fail("key update failed");
}

void HttpClient::Impl::close() {
  if (ssl_) SSL_shutdown(ssl_.get());
  ssl_.reset();
  socket_.reset();
}

HttpClient::HttpClient(HttpClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

HttpReply HttpClient::request(std::string_view method, std::string_view target,
                              std::string_view body, const HttpHeaders& headers) {
  return impl_->request(method, target, body, headers, false);
}
HttpReply HttpClient::open_stream(std::string_view target, const HttpHeaders& headers) {
  return impl_->request("GET", target, {}, headers, true);
}
std::optional<std::string> HttpClient::next_line() {
  return impl_->next_line(impl_->options_.timeout);
}
std::optional<std::string> HttpClient::next_line(std::chrono::milliseconds timeout) {
  return impl_->next_line(timeout);
}
bool HttpClient::send_raw(std::string_view bytes) { return impl_->send_raw(bytes); }
std::string HttpClient::read_until_close() { return impl_->read_until_close(); }
HttpReply HttpClient::read_reply(bool head_only) { return impl_->read_reply(head_only, false); }
void HttpClient::shutdown_write() { impl_->shutdown_write(); }
bool HttpClient::update_keys() { return impl_->update_keys(); }
void HttpClient::close() { impl_->close(); }
const std::string& HttpClient::last_error() const { return impl_->error_; }

}  // namespace kist::testing
