#include "runtime/images/registry.h"

#include <algorithm>

#include "kist/base/base64.h"
#include "kist/base/json.h"
#include "runtime/images/digest.h"

namespace kist::runtime::images {
namespace {

constexpr uint64_t kErrorBytesMax = 64 * 1024;
constexpr uint64_t kTokenBytesMax = 256 * 1024;
constexpr const char* kManifestTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

Error invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }

// The registry's own words: {"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}.
std::string words_of(HttpTransfer& body) {
  const Result<std::string> text = read_all(body, kErrorBytesMax);
  if (!text.ok()) return "";
  const Result<json::Json> parsed = json::parse_json(text.value());
  if (!parsed.ok()) return "";
  const json::Value* errors = json::find(parsed.value().root(), "errors");
  if (errors == nullptr || !errors->IsArray() || errors->Empty()) return "";
  const json::Value& first = (*errors)[0];
  return ": " + std::string(json::text_of(first, "code")) + " " +
         std::string(json::text_of(first, "message"));
}

Error refusal(const std::string& url, long status, HttpTransfer& body) {
  const Code code = status == 404   ? Code::kNotFound
                    : status == 401 ? Code::kUnauthorized
                    : status == 403 ? Code::kForbidden
                    : status == 429 ? Code::kTooManyRequests
                    : status >= 500 ? Code::kUnavailable
                                    : Code::kInvalid;
  return {code, url + ": HTTP " + std::to_string(status) + words_of(body)};
}

std::string escaped(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~:/,").find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

// "bytes 100-199/200": where it begins.
Result<uint64_t> range_begin(const std::string& range) {
  constexpr std::string_view kUnit = "bytes ";
  uint64_t begin = 0;
  size_t at = kUnit.size();
  if (!range.starts_with(kUnit)) return invalid("Content-Range \"" + range + "\"");
  for (; at < range.size() && range[at] >= '0' && range[at] <= '9' && begin < (uint64_t{1} << 58);
       ++at)
    begin = begin * 10 + static_cast<uint64_t>(range[at] - '0');
  if (at == kUnit.size() || at >= range.size() || range[at] != '-')
    return invalid("Content-Range \"" + range + "\"");
  return begin;
}

}  // namespace

std::string Repository::authorization() {
  MutexLock lock(mutex_);
  return authorization_;
}

Result<Repository::Answer> Repository::get(const std::string& path, const std::string& accept,
                                           uint64_t offset) {
  HttpRequest request;
  request.url = endpoint_.url + "/" + endpoint_.repository + path;
  if (!endpoint_.ns.empty()) request.url += "?ns=" + escaped(endpoint_.ns);
  request.offset = offset;
  request.access = access_;
  for (bool again = false;; again = true) {
    request.headers = {"Accept: " + accept};
    const std::string secret = authorization();
    if (!secret.empty()) request.headers.push_back("Authorization: " + secret);
    Answer answer;
    answer.transfer = client_.get(request);
    answer.head = TRY(answer.transfer->head());
    const long status = answer.head.status;
    if (status == 200 || (status == 206 && offset > 0)) return answer;
    if (status != 401 || again) return refusal(request.url, status, *answer.transfer);
    TRY(authorize(answer.head).context(request.url));
  }
}

Result<> Repository::authorize(const HttpHead& refused) {
  const AuthChallenge challenge = parse_challenge(refused.authenticate);
  std::string value;
  if (challenge.scheme == "basic") {
    if (access_.username.empty())
      return Error{Code::kUnauthorized,
                   "the registry wants credentials, and there are none for " + endpoint_.host};
    value = "Basic " + encode_base64(access_.username + ":" + access_.password);
  } else if (challenge.scheme == "bearer") {
    value = "Bearer " + TRY(fetch_token(challenge));
  } else {
    return Error{Code::kUnauthorized, "authorization \"" + challenge.scheme + "\" is not known"};
  }
  MutexLock lock(mutex_);
  authorization_ = std::move(value);
  return {};
}

Result<std::string> Repository::fetch_token(const AuthChallenge& challenge) {
  const bool secure = challenge.realm.starts_with("https://");
  // A secure registry must not make us send credentials in the clear.
  if (!secure && (!challenge.realm.starts_with("http://") || endpoint_.url.starts_with("https://")))
    return Error{Code::kUnauthorized, "token service \"" + challenge.realm + "\" is not secure"};
  const std::string scope =
      challenge.scope.empty() ? "repository:" + endpoint_.repository + ":pull" : challenge.scope;
  HttpRequest request;
  request.url = challenge.realm + (challenge.realm.find('?') == std::string::npos ? "?" : "&") +
                "service=" + escaped(challenge.service) + "&scope=" + escaped(scope);
  request.access = access_;
  if (!access_.username.empty())
    request.headers.push_back("Authorization: Basic " +
                              encode_base64(access_.username + ":" + access_.password));
  if (!access_.identity_token.empty() && access_.username.empty())
    request.headers.push_back("Authorization: Bearer " + access_.identity_token);
  const std::unique_ptr<HttpTransfer> transfer = client_.get(request);
  const HttpHead head = TRY(transfer->head().context("token service"));
  if (head.status != 200) return refusal(challenge.realm, head.status, *transfer);
  const std::string text = TRY(read_all(*transfer, kTokenBytesMax).context(challenge.realm));
  const json::Json answer = TRY(json::parse_json(text).context(challenge.realm));
  std::string token(json::text_of(answer.root(), "token"));
  if (token.empty()) token = json::text_of(answer.root(), "access_token");
  const bool clean = std::ranges::all_of(token, [](char c) { return c > ' ' && c < 127; });
  if (token.empty() || !clean)
    return Error{Code::kUnauthorized, challenge.realm + ": an answer without a token"};
  return token;
}

Result<std::string> Repository::manifest(const std::string& version, uint64_t bytes_max) {
  const Answer answer = TRY(get("/manifests/" + version, kManifestTypes, 0));
  std::string text = TRY(read_all(*answer.transfer, bytes_max).context("manifest " + version));
  const bool by_digest = version.find(':') != version.npos;
  if (by_digest && digest_of(text, algorithm_of(version)) != version)
    return invalid("manifest " + version + " does not fit its digest: got " +
                   digest_of(text, algorithm_of(version)));
  return text;
}

Result<std::string> Repository::small_blob(const std::string& digest, uint64_t size) {
  const Answer answer = TRY(get("/blobs/" + digest, "*/*", 0));
  std::string text = TRY(read_all(*answer.transfer, size).context("blob " + digest));
  if (text.size() != size || digest_of(text, algorithm_of(digest)) != digest)
    return invalid("blob " + digest + " does not fit its digest and size");
  return text;
}

Result<Repository::Blob> Repository::open_blob(const std::string& digest, uint64_t offset) {
  Answer answer = TRY(get("/blobs/" + digest, "*/*", offset));
  const bool partial = answer.head.status == 206;
  const uint64_t begin = partial ? TRY(range_begin(answer.head.content_range)) : 0;
  if (begin > offset)
    return invalid("blob " + digest + ": the registry sent another range than was asked for");
  return Blob{std::move(answer.transfer), begin, answer.head.content_length};
}

Result<> BlobSource::open() {
  Repository::Blob blob = TRY(repository_.open_blob(digest_, done_));
  if (blob.content_length >= 0 &&
      blob.begins_at + static_cast<uint64_t>(blob.content_length) != size_)
    return invalid("blob " + digest_ + ": the registry announces " +
                   std::to_string(blob.begins_at + static_cast<uint64_t>(blob.content_length)) +
                   " bytes, the manifest " + std::to_string(size_));
  char skipped[4096];
  for (uint64_t at = blob.begins_at; at < done_;) {
    const size_t got =
        TRY(blob.transfer->read(skipped, std::min<uint64_t>(sizeof skipped, done_ - at)));
    if (got == 0) return Error{Code::kUnavailable, "blob " + digest_ + " ends early"};
    at += got;
  }
  transfer_ = std::move(blob.transfer);
  return {};
}

Result<size_t> BlobSource::read_once(char* to, size_t size) {
  if (transfer_ == nullptr) TRY(open());
  const size_t got = TRY(transfer_->read(to, size));
  if (got == 0 && done_ < size_)
    return Error{Code::kUnavailable, "blob " + digest_ + " ends after " + std::to_string(done_) +
                                         " of " + std::to_string(size_) + " bytes"};
  return got;
}

Result<size_t> BlobSource::read(char* to, size_t size) {
  while (true) {
    if (stop_.stop_requested()) return Error{Code::kCanceled, "stopped"};
    if (done_ == size_) return size_t{0};
    // Not a byte more than announced: what is behind is not read.
    Result<size_t> got = read_once(to, std::min<uint64_t>(size, size_ - done_));
    if (got.ok()) {
      done_ += got.value();
      return got;
    }
    const Code code = got.error().code;
    const bool passing =
        code == Code::kUnavailable || code == Code::kTimeout || code == Code::kTooManyRequests;
    transfer_.reset();
    if (!passing || ++attempts_ >= options_.attempts_max) return got;
  }
}

}  // namespace kist::runtime::images
