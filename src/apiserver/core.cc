// Look-ups of the shared parts, and how a call is answered.
#include "src/apiserver/core.h"

#include "kist/api/codec.h"
#include "src/apiserver/encode.h"
#include "src/apiserver/gzip.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr size_t kWarningsMax = 64;
constexpr size_t kWarningBytesMax = 2048;

// RFC 7234's warn-text: quotes escaped, control characters gone.
std::string warning_header(std::string_view text) {
  std::string out = "299 - \"";
  for (char c : text.substr(0, kWarningBytesMax)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) continue;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

const Strategy& Served::strategy() const {
  static const Strategy kNone;
  return storage->strategy == nullptr ? kNone : *storage->strategy;
}

std::string api_version(std::string_view group, std::string_view version) {
  std::string out(group);
  if (!out.empty()) out += '/';
  return out.append(version);
}

std::string Served::api_version() const { return apiserver::api_version(row->group, row->version); }

Result<Slice> CacheReader::get(std::string_view group, std::string_view resource,
                               std::string_view namespace_name, std::string_view name) {
  ResourceCache* cache = cache_.find(group, resource);
  ObjectPtr object = cache == nullptr ? nullptr : cache->get(namespace_name, name);
  if (object == nullptr) return not_found(resource, group, name);
  return object->bytes();
}

std::vector<Slice> CacheReader::list(std::string_view group, std::string_view resource) {
  std::vector<Slice> slices;
  ResourceCache* cache = cache_.find(group, resource);
  if (cache == nullptr) return slices;
  for (const ObjectPtr& object : cache->list({}).objects) slices.push_back(object->bytes());
  return slices;
}

Core::Core(datastore::Store& store_, const Clock& clock_, Options options_)
    : store(store_), clock(clock_), options(std::move(options_)), cache(store_), reader(cache) {}

const Served* Core::find(std::string_view group, std::string_view version,
                         std::string_view plural) const {
  for (const Served& entry : served) {
    if (entry.row->plural == plural && entry.row->group == group && entry.row->version == version) {
      return &entry;
    }
  }
  return nullptr;
}

int64_t Core::now_seconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
}

std::string Core::now_text() const { return format_rfc3339(clock.now()); }

Call::Call(Core& core_, net::Request request_, std::shared_ptr<net::Exchange> exchange_)
    : open(core_.open_calls),
      core(core_),
      request(std::move(request_)),
      exchange(std::move(exchange_)),
      started(std::chrono::steady_clock::now()) {}

Call::~Call() {
  if (inflight != nullptr) --*inflight;
}

void Call::warn(std::string text) {
  if (warnings.size() < kWarningsMax) warnings.push_back(std::move(text));
}

std::vector<net::Header> Call::answer_headers(std::string_view content_type) const {
  std::vector<net::Header> headers;
  headers.reserve(3 + warnings.size());
  headers.push_back({"Content-Type", std::string(content_type)});
  headers.push_back({"Cache-Control", "no-cache, private"});
  for (const std::string& warning : warnings) {
    headers.push_back({"Warning", warning_header(warning)});
  }
  return headers;
}

void Call::count(int status, bool long_running) {
  Metrics::Request counted;
  counted.verb = info.verb;
  counted.group = info.group;
  counted.version = info.version;
  if (served != nullptr) {  // names that clients made up are no label
    counted.resource = info.resource;
    counted.subresource = info.subresource;
  }
  counted.scope = !info.is_resource             ? ""
                  : !info.name.empty()          ? "resource"
                  : info.namespace_name.empty() ? "cluster"
                                                : "namespace";
  counted.code = status;
  counted.dry_run = dry_run();
  counted.took = std::chrono::steady_clock::now() - started;
  counted.long_running = long_running;
  core.metrics.count(counted);
}

void Call::respond(int status, std::vector<Slice> body, std::string_view content_type) {
  net::Response response;
  response.status = status;
  response.headers = answer_headers(content_type);
  compress_if_worthwhile(request, response.headers, body);
  response.body = std::move(body);
  count(status, false);
  if (inflight != nullptr) --*std::exchange(inflight, nullptr);
  exchange->respond(std::move(response));
}

void Call::respond_document(std::string body, std::string_view content_type,
                            const std::string& etag) {
  net::Response response;
  response.headers = answer_headers(content_type);
  response.headers.push_back({"Vary", "Accept"});
  if (!etag.empty()) response.headers.push_back({"ETag", etag});
  if (!etag.empty() && request.header("If-None-Match") == etag) {
    response.status = 304;
  } else {
    std::vector<Slice> whole = {Slice::of(std::move(body))};
    compress_if_worthwhile(request, response.headers, whole);
    response.body = std::move(whole);
  }
  count(response.status, false);
  if (inflight != nullptr) --*std::exchange(inflight, nullptr);
  exchange->respond(std::move(response));
}

void Call::fail(const Error& error) {
  StatusDetails details;
  details.name = info.name;
  details.group = info.group;
  details.kind = info.resource;
  if (error.code == Code::kTooManyRequests) details.retry_after_seconds = 1;
  fail(error, std::move(details));
}

void Call::fail(const Error& error, StatusDetails details) {
  if (format.media == Media::kJson) {
    std::vector<Slice> body = {Slice::of(failure_text(error, details) + "\n")};
    return respond(http_status(error.code), std::move(body), kJsonType);
  }
  respond_status(failure_text(error, details), http_status(error.code));
}

void Call::respond_status(std::string status_json, int status) {
  respond_text(status, std::move(status_json),
               api::find_type("io.k8s.apimachinery.pkg.apis.meta.v1.Status"));
}

void Call::respond_text(int status, std::string json, const api::Type* type) {
  if (format.media == Media::kJson || type == nullptr) {
    return respond(status, {Slice::of(std::move(json))}, kJsonType);
  }
  respond(status, {encode_text(json, *type, format.media)}, format.content_type());
}

void post(const CallPtr& call, std::function<void()> task) {
  call->core.workers->post(std::move(task));
}

}  // namespace kist::apiserver
