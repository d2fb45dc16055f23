#include "runtime/images/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "kist/base/mutex.h"

namespace kist::runtime::images {
namespace {

constexpr size_t kBufferedMax = 1024 * 1024;  // of one transfer, then it pauses
constexpr long kReceiveBytes = 256 * 1024;
constexpr long kRedirectsMax = 10;
constexpr size_t kHeaderBytesMax = 64 * 1024;

bool starts_with_ignoring_case(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && ::strncasecmp(text.data(), start.data(), start.size()) == 0;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Code code_of(CURLcode result) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT: return Code::kTimeout;
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION: return Code::kInvalid;
    default: return Code::kUnavailable;
  }
}

}  // namespace

// Shared by the reader and the loop's thread.
struct HttpTransfer::State {
  Mutex mutex;
  CondVar changed;
  HttpHead head GUARDED_BY(mutex);
  bool head_done GUARDED_BY(mutex) = false;
  bool finished GUARDED_BY(mutex) = false;
  bool abandoned GUARDED_BY(mutex) = false;
  bool paused GUARDED_BY(mutex) = false;
  std::deque<std::string> chunks GUARDED_BY(mutex);
  size_t buffered GUARDED_BY(mutex) = 0;
  size_t chunk_offset GUARDED_BY(mutex) = 0;  // read of the first chunk
  Result<> result GUARDED_BY(mutex);

  std::weak_ptr<HttpClient::Loop> loop;  // set before the transfer starts
  // The loop's thread only.
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  size_t header_bytes = 0;
  std::string url;
  char error[CURL_ERROR_SIZE] = {};

  ~State() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
  }

  size_t take_header(std::string_view line);
  size_t take_body(std::string_view bytes);
  void finish(Result<> how);
};

size_t HttpTransfer::State::take_header(std::string_view line) {
  header_bytes += line.size();
  if (header_bytes > kHeaderBytesMax) return 0;
  MutexLock lock(mutex);
  if (line.starts_with("HTTP/")) {  // of this answer, or of the one a redirect led to
    head = HttpHead();
    const size_t space = line.find(' ');
    if (space != line.npos) head.status = std::atol(std::string(line.substr(space)).c_str());
    return line.size();
  }
  struct Wanted {
    std::string_view name;
    std::string HttpHead::*field;
  };
  constexpr Wanted kWanted[] = {{"content-type:", &HttpHead::content_type},
                                {"content-range:", &HttpHead::content_range},
                                {"www-authenticate:", &HttpHead::authenticate},
                                {"retry-after:", &HttpHead::retry_after}};
  for (const Wanted& wanted : kWanted)
    if (starts_with_ignoring_case(line, wanted.name))
      head.*wanted.field = trim(line.substr(wanted.name.size()));
  constexpr std::string_view kLength = "content-length:";
  if (starts_with_ignoring_case(line, kLength))
    head.content_length = std::atoll(std::string(trim(line.substr(kLength.size()))).c_str());
  return line.size();
}

size_t HttpTransfer::State::take_body(std::string_view bytes) {
  MutexLock lock(mutex);
  if (abandoned) return 0;
  head_done = true;
  if (buffered >= kBufferedMax) {
    paused = true;
    changed.notify_all();
    return CURL_WRITEFUNC_PAUSE;
  }
  chunks.emplace_back(bytes);
  buffered += bytes.size();
  changed.notify_all();
  return bytes.size();
}

void HttpTransfer::State::finish(Result<> how) {
  MutexLock lock(mutex);
  if (finished) return;
  head_done = finished = true;
  result = std::move(how);
  changed.notify_all();
}

// The thread that curl's multi handle lives on.
class HttpClient::Loop {
 public:
  explicit Loop(const Options& options) : options_(options) {
    static std::once_flag once;
    std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
    multi_ = curl_multi_init();
    if (multi_ == nullptr) std::abort();  // out of memory
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
    ::pthread_setname_np(thread_.native_handle(), "image-http");
  }

  ~Loop() {
    thread_.request_stop();
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  void start(std::shared_ptr<HttpTransfer::State> state, const HttpRequest& request) {
    prepare(*state, request);
    {
      MutexLock lock(mutex_);
      fresh_.push_back(std::move(state));
    }
    curl_multi_wakeup(multi_);
  }

  void wake() { curl_multi_wakeup(multi_); }

  void cancel() {
    {
      MutexLock lock(mutex_);
      canceled_ = true;
    }
    curl_multi_wakeup(multi_);
  }

 private:
  using States = std::vector<std::shared_ptr<HttpTransfer::State>>;

  static size_t on_header(char* bytes, size_t, size_t size, void* state) {
    return static_cast<HttpTransfer::State*>(state)->take_header({bytes, size});
  }
  static size_t on_body(char* bytes, size_t, size_t size, void* state) {
    return static_cast<HttpTransfer::State*>(state)->take_body({bytes, size});
  }

  void prepare(HttpTransfer::State& state, const HttpRequest& request) {
    CURL* const easy = state.easy = curl_easy_init();
    if (easy == nullptr) std::abort();  // out of memory
    state.url = request.url;
    for (const std::string& header : request.headers)
      state.headers = curl_slist_append(state.headers, header.c_str());
    // A secure address never leads to an insecure one.
    const char* protocols = request.url.starts_with("https:") ? "https" : "http,https";
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, protocols);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, kRedirectsMax);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Layers side by side want a connection each, not one that they share.
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBytes);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT,
                     static_cast<long>(options_.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME,
                     static_cast<long>(options_.stall_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "kist/" KIST_VERSION);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, state.error);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, state.headers);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &state);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &state);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &state);
    // Not RESUME_FROM: that makes an answer without a range an error, and we can read past it.
    const std::string range = std::to_string(request.offset) + "-";
    if (request.offset > 0) curl_easy_setopt(easy, CURLOPT_RANGE, range.c_str());
    const RegistryAccess& tls = request.access;
    if (!tls.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca_file.c_str());
    if (!tls.cert_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.cert_file.c_str());
    if (!tls.key_file.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key_file.c_str());
    if (tls.insecure_skip_verify) {
      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
      curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
  }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const bool canceled = adopt_fresh();
      if (canceled) {
        for (const auto& state : running_) drop(*state, Error{Code::kCanceled, "stopped"});
        running_.clear();
      }
      tend_paused();
      int still_running = 0;
      curl_multi_perform(multi_, &still_running);
      collect_finished();
      curl_multi_poll(multi_, nullptr, 0, 60'000, nullptr);
    }
    adopt_fresh();
    for (const auto& state : running_) drop(*state, Error{Code::kCanceled, "stopped"});
  }

  bool adopt_fresh() {
    States fresh;
    bool canceled;
    {
      MutexLock lock(mutex_);
      fresh.swap(fresh_);
      canceled = canceled_;
    }
    for (auto& state : fresh) {
      curl_multi_add_handle(multi_, state->easy);
      running_.push_back(std::move(state));
    }
    return canceled;
  }

  // Readers that caught up, and readers that are gone.
  void tend_paused() {
    std::erase_if(running_, [this](const auto& state) {
      bool resume = false, abandoned;
      {
        MutexLock lock(state->mutex);
        abandoned = state->abandoned;
        if (state->paused && state->buffered < kBufferedMax / 2) {
          state->paused = false;
          resume = true;
        }
      }
      if (abandoned) drop(*state, Error{Code::kCanceled, "stopped"});
      if (resume && !abandoned) curl_easy_pause(state->easy, CURLPAUSE_CONT);
      return abandoned;
    });
  }

  void collect_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode result = message->data.result;
      HttpTransfer::State* state = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &state);
      const char* words = state->error[0] != '\0' ? state->error : curl_easy_strerror(result);
      drop(*state, result == CURLE_OK
                       ? Result<>()
                       : Result<>(Error{code_of(result), state->url + ": " + words}));
      std::erase_if(running_, [&](const auto& each) { return each.get() == state; });
    }
  }

  void drop(HttpTransfer::State& state, Result<> how) {
    curl_multi_remove_handle(multi_, state.easy);
    state.finish(std::move(how));
  }

  const Options options_;
  CURLM* multi_;
  States running_;  // the thread's own
  Mutex mutex_;
  States fresh_ GUARDED_BY(mutex_);
  bool canceled_ GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

HttpTransfer::HttpTransfer(std::shared_ptr<State> state) : state_(std::move(state)) {}

HttpTransfer::~HttpTransfer() {
  {
    MutexLock lock(state_->mutex);
    state_->abandoned = true;
    if (state_->finished) return;
  }
  if (const auto loop = state_->loop.lock()) loop->wake();
}

Result<HttpHead> HttpTransfer::head() {
  MutexLock lock(state_->mutex);
  while (!state_->head_done) state_->changed.wait(state_->mutex);
  if (state_->finished && !state_->result.ok() && state_->buffered == 0)
    return state_->result.error();
  return state_->head;
}

Result<size_t> HttpTransfer::read(char* to, size_t size) {
  bool wake = false;
  size_t got = 0;
  {
    MutexLock lock(state_->mutex);
    while (state_->chunks.empty() && !state_->finished) state_->changed.wait(state_->mutex);
    if (state_->chunks.empty()) {
      if (!state_->result.ok()) return state_->result.error();
      return size_t{0};
    }
    const std::string& chunk = state_->chunks.front();
    got = std::min(size, chunk.size() - state_->chunk_offset);
    std::memcpy(to, chunk.data() + state_->chunk_offset, got);
    state_->chunk_offset += got;
    state_->buffered -= got;
    if (state_->chunk_offset == chunk.size()) {
      state_->chunks.pop_front();
      state_->chunk_offset = 0;
    }
    wake = state_->paused && state_->buffered < kBufferedMax / 2;
  }
  if (wake)
    if (const auto loop = state_->loop.lock()) loop->wake();
  return got;
}

HttpClient::HttpClient(const Options& options) : loop_(std::make_shared<Loop>(options)) {}
HttpClient::~HttpClient() = default;

std::unique_ptr<HttpTransfer> HttpClient::get(const HttpRequest& request) {
  auto state = std::make_shared<HttpTransfer::State>();
  state->loop = loop_;
  loop_->start(state, request);
  return std::make_unique<HttpTransfer>(std::move(state));
}

void HttpClient::cancel() { loop_->cancel(); }

AuthChallenge parse_challenge(std::string_view header) {
  AuthChallenge challenge;
  header = trim(header);
  const size_t space = std::min(header.find(' '), header.size());
  for (const char c : header.substr(0, space))
    challenge.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  header.remove_prefix(space);
  while (!header.empty()) {
    const size_t equals = header.find('=');
    if (equals == header.npos) break;
    const std::string_view key = trim(header.substr(0, equals));
    header.remove_prefix(equals + 1);
    const bool quoted = header.starts_with('"');
    if (quoted) header.remove_prefix(1);
    const size_t end = std::min(header.find(quoted ? '"' : ','), header.size());
    const std::string value(header.substr(0, end));
    if (key == "realm") challenge.realm = value;
    if (key == "service") challenge.service = value;
    if (key == "scope") challenge.scope = value;
    header.remove_prefix(end);
    const size_t comma = header.find(',');
    header.remove_prefix(comma == header.npos ? header.size() : comma + 1);
  }
  return challenge;
}

}  // namespace kist::runtime::images
