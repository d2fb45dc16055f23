// From a commit to its event at a client: how far a watch over TLS is behind the disk.
//
// Run: build/tests/bench/watch_bench [rounds]. A subscriber of the store notes when a commit is
// published, before the API server is told of it; a client on a TLS connection notes when it has
// the event's line. Creates come one at a time, so nothing waits behind anything else.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "kist/apiserver/server.h"
#include "kist/datastore/store.h"
#include "kist/net/pki.h"
#include "kist/net/server.h"
#include "tests/support/http_client.h"

namespace kist {
namespace {

using testing::HttpClient;
using testing::HttpClientOptions;
using testing::HttpReply;

constexpr int kWarmUpRounds = 20;
constexpr size_t kValueBytes = 1024;
const std::string kConfigMaps = "/api/v1/namespaces/default/configmaps";

int64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

bool create(HttpClient& client, int number) {
  const std::string body = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"object-)" +
                           std::to_string(number) + R"("},"data":{"key":")" +
                           std::string(kValueBytes, 'v') + "\"}}";
  const HttpReply made =
      client.request("POST", kConfigMaps, body, {{"Content-Type", "application/json"}});
  if (made.status != 201)
    std::fprintf(stderr, "create: %s%s\n", made.error.c_str(), made.body.c_str());
  return made.status == 201;
}

// Microseconds from commit to event, sorted; empty: something failed and was said.
std::vector<double> measure(const HttpClientOptions& options, const std::atomic<int64_t>& committed,
                            int rounds) {
  HttpClient writer(options), watcher(options);
  const HttpReply opened = watcher.open_stream(kConfigMaps + "?watch=1&resourceVersion=0");
  // What is there already comes first.
  if (opened.status != 200 || !create(writer, -1)) return {};
  for (bool last = false; !last;) {
    const auto line = watcher.next_line();
    if (!line) return {};
    last = line->find("object--1") != std::string::npos;
  }
  std::vector<double> spans;
  for (int i = 0; i < kWarmUpRounds + rounds; ++i) {
    std::atomic<int64_t> arrived = 0;
    std::jthread reader([&] { arrived = watcher.next_line() ? now_ns() : -1; });
    const bool made = create(writer, i);
    reader.join();
    if (!made || arrived < 0) return {};
    if (i >= kWarmUpRounds) spans.push_back(static_cast<double>(arrived - committed) / 1000);
  }
  std::sort(spans.begin(), spans.end());
  return spans;
}

int run(const std::string& directory, int rounds) {
  const auto store = datastore::open_sqlite_store({.path = directory + "/kist.db"}).value();
  std::atomic<int64_t> committed = 0;
  const auto first =
      store->watch("/registry/core/configmaps/", {},
                   [&](std::span<const datastore::Event> events, datastore::Revision) {
                     if (!events.empty()) committed = now_ns();
                   });
  const auto api = apiserver::ApiServer::create(*store, system_clock(), {});
  const auto ca = net::make_ca("bench", system_clock()).value();
  const auto leaf = net::issue_server_certificate(ca, {"b", {"127.0.0.1"}}, system_clock()).value();
  const auto admin =
      net::issue_client_certificate(ca, {"c", {"system:masters"}}, system_clock()).value();
  net::Server server(
      {.tls = net::TlsMaterial{leaf.certificate_pem, leaf.key_pem, ca.certificate_pem}}, *api);
  if (!api->start().ok() || !server.start().ok()) return 1;
  const std::vector<double> spans = measure({.port = server.port(),
                                             .ca_pem = ca.certificate_pem,
                                             .certificate_pem = admin.certificate_pem,
                                             .key_pem = admin.key_pem},
                                            committed, rounds);
  server.stop();
  api->stop();
  if (spans.empty()) return 1;
  std::printf("commit to watch event: p50 %.1f us, p99 %.1f us of %d\n", spans[spans.size() / 2],
              spans[spans.size() * 99 / 100], rounds);
  return 0;
}

}  // namespace
}  // namespace kist

int main(int argc, char** argv) {
  char name[] = "/var/tmp/kist-watch-bench-XXXXXX";
  if (::mkdtemp(name) == nullptr) return 1;
  const int code = kist::run(name, argc > 1 ? std::max(1, std::atoi(argv[1])) : 500);
  std::filesystem::remove_all(name);
  return code;
}
