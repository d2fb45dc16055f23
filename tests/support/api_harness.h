// An API server on a memory store, spoken to through exchanges of its own: no socket, no TLS.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kist/api/json.h"
#include "kist/apiserver/server.h"
#include "kist/base/clock.h"
#include "kist/datastore/store.h"

namespace kist::test {

// Records an answer. wait() and wait_chunks() give up after ten seconds: then something hangs.
class RecordingExchange : public net::Exchange {
 public:
  void respond(net::Response response) override {
    std::lock_guard lock(mutex_);
    status_ = response.status;
    headers_ = std::move(response.headers);
    for (const Slice& slice : response.body) body_ += slice.view();
    done_ = true;
    wake_.notify_all();
  }
  void begin(int status, std::vector<net::Header> headers) override {
    std::lock_guard lock(mutex_);
    status_ = status;
    headers_ = std::move(headers);
    begun_ = true;
    wake_.notify_all();
  }
  bool write(std::vector<Slice> chunk) override {
    std::lock_guard lock(mutex_);
    if (gone_) return false;
    std::string text;
    for (const Slice& slice : chunk) text += slice.view();
    chunks_.push_back(std::move(text));
    wake_.notify_all();
    return true;
  }
  void finish() override {
    std::lock_guard lock(mutex_);
    done_ = true;
    wake_.notify_all();
  }
  void on_close(std::function<void()> closed) override {
    std::lock_guard lock(mutex_);
    closed_ = std::move(closed);
  }

  // The peer goes away.
  void hang_up() {
    std::function<void()> closed;
    {
      std::lock_guard lock(mutex_);
      gone_ = true;
      closed = std::move(closed_);
    }
    if (closed) closed();
  }

  bool wait() {
    return wait_until([this] { return done_; });
  }
  bool wait_begun() {
    return wait_until([this] { return begun_ || done_; });
  }
  bool wait_chunks(size_t count) {
    return wait_until([&] { return chunks_.size() >= count; });
  }

  int status() {
    std::lock_guard lock(mutex_);
    return status_;
  }
  std::string body() {
    std::lock_guard lock(mutex_);
    return body_;
  }
  std::vector<std::string> chunks() {
    std::lock_guard lock(mutex_);
    return chunks_;
  }
  std::vector<net::Header> headers() {
    std::lock_guard lock(mutex_);
    return headers_;
  }

 private:
  template <typename Predicate>
  bool wait_until(Predicate predicate) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, std::chrono::seconds(10), predicate);
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  int status_ = 0;
  std::vector<net::Header> headers_;
  std::string body_;
  std::vector<std::string> chunks_;
  std::function<void()> closed_;
  bool begun_ = false, done_ = false, gone_ = false;
};

struct Answer {
  int status = 0;
  std::vector<net::Header> headers;
  std::string body;

  std::string header(std::string_view name) const {
    for (const net::Header& header : headers) {
      if (header.name == name) return header.value;
    }
    return {};
  }
  // The text at a dotted path of the JSON body ("metadata.name"); other scalars as JSON.
  std::string at(std::string_view path) const {
    Result<api::Json> parsed = api::parse_json(body);
    if (!parsed.ok()) return "<no JSON>";
    const api::Value* value = &parsed.value().root();
    while (!path.empty()) {
      size_t dot = path.find('.');
      std::string_view name = path.substr(0, dot);
      if (value->IsArray()) {
        size_t index = static_cast<size_t>(std::stoul(std::string(name)));
        if (index >= value->Size()) return "<absent>";
        value = &(*value)[static_cast<rapidjson::SizeType>(index)];
      } else {
        value = value->IsObject() ? api::find(*value, name) : nullptr;
      }
      if (value == nullptr) return "<absent>";
      path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    }
    return value->IsString() ? value->GetString() : api::to_text(*value);
  }
};

struct Ask {
  std::string method = "GET";
  std::string path;  // with the query
  std::string body = {};
  std::vector<net::Header> headers = {};
  bool admin = true;  // system:masters; else whatever the headers say
};

class ApiHarness {
 public:
  static apiserver::Options default_options() {
    apiserver::Options options;
    options.advertise_address = "192.0.2.1";
    options.ca_certificate_pem = "a certificate";
    return options;
  }

  explicit ApiHarness(apiserver::Options options = default_options(),
                      std::unique_ptr<datastore::Store> store = datastore::open_memory_store(),
                      apiserver::ApiServer::FindNode find_node = {})
      : store_(std::move(store)),
        server_(apiserver::ApiServer::create(*store_, system_clock(), std::move(options))) {
    server_->set_nodes(std::move(find_node));
    started_ = server_->start();
  }
  ~ApiHarness() {
    if (started_.ok()) server_->stop();
  }

  const Result<>& started() const { return started_; }
  net::Handler& handler() { return *server_; }
  datastore::Store& store() { return *store_; }

  std::shared_ptr<RecordingExchange> start(const Ask& ask) {
    auto exchange = std::make_shared<RecordingExchange>();
    server_->handle(request_of(ask), exchange);
    return exchange;
  }

  Answer ask(const Ask& ask) {
    auto exchange = start(ask);
    if (!exchange->wait()) return {};
    return {exchange->status(), exchange->headers(), exchange->body()};
  }

  Answer get(std::string path) { return ask({"GET", std::move(path)}); }
  Answer post(std::string path, std::string body) {
    return ask({"POST", std::move(path), std::move(body), {{"Content-Type", "application/json"}}});
  }
  Answer put(std::string path, std::string body) {
    return ask({"PUT", std::move(path), std::move(body), {{"Content-Type", "application/json"}}});
  }
  Answer patch(std::string path, std::string body, std::string kind = "merge-patch") {
    return ask({"PATCH",
                std::move(path),
                std::move(body),
                {{"Content-Type", "application/" + kind + "+json"}}});
  }
  Answer remove(std::string path, std::string body = {}) {
    return ask({"DELETE", std::move(path), std::move(body)});
  }

  static net::Request request_of(const Ask& ask) {
    net::Request request;
    request.method = ask.method;
    size_t mark = ask.path.find('?');
    request.path = ask.path.substr(0, mark);
    if (mark != std::string::npos) request.query = ask.path.substr(mark + 1);
    request.headers = ask.headers;
    request.body = ask.body;
    if (ask.admin) request.peer = net::PeerIdentity{"admin", {"system:masters"}};
    request.remote_address = "test";
    return request;
  }

 private:
  std::unique_ptr<datastore::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  Result<> started_;
};

}  // namespace kist::test
