// A check is a name and a reason why not.
#include "src/apiserver/health.h"

#include <algorithm>

namespace kist::apiserver {
namespace {

struct Named {
  std::string name;
  Result<> result;
};

// The condition, or why it does not hold.
Result<> hold(bool condition, const char* why) {
  if (condition) return {};
  return Error{Code::kUnavailable, why};
}

std::vector<Named> checks_of(Core& core, bool readiness) {
  std::vector<Named> checks;
  checks.push_back({"ping", {}});
  checks.push_back({"log", {}});
  bool store_answers = core.store.stat().ok();
  checks.push_back({"etcd", hold(store_answers, "the store does not answer")});
  if (readiness) {
    checks.push_back({"etcd-readiness", hold(store_answers, "the store does not answer")});
    checks.push_back({"informer-sync", hold(core.ready, "the cache is being loaded")});
  }
  checks.push_back({"poststarthook/bootstrap-controller", hold(core.ready, "not finished")});
  for (const ReadyCheck& check : core.checks) checks.push_back({check.name, check.check()});
  if (readiness) checks.push_back({"shutdown", hold(!core.stopping, "process is shutting down")});
  return checks;
}

void answer_all(const CallPtr& call, std::string_view endpoint) {
  std::vector<Named> checks = checks_of(call->core, endpoint == "readyz");
  std::vector<std::string_view> excluded = call->query.all("exclude");
  std::string lines;
  bool good = true;
  for (const Named& check : checks) {
    if (std::find(excluded.begin(), excluded.end(), check.name) != excluded.end()) {
      lines += "[+]" + check.name + " excluded: ok\n";
    } else if (check.result.ok()) {
      lines += "[+]" + check.name + " ok\n";
    } else {
      lines += "[-]" + check.name + " failed: reason withheld\n";
      good = false;
    }
  }
  constexpr std::string_view kType = "text/plain; charset=utf-8";
  std::string name(endpoint);
  if (!good) return call->respond(500, {Slice::of(lines + name + " check failed\n")}, kType);
  bool verbose = call->query.has("verbose");
  call->respond(200, {Slice::of(verbose ? lines + name + " check passed\n" : "ok")}, kType);
}

void answer_one(const CallPtr& call, std::string_view endpoint, std::string_view name) {
  constexpr std::string_view kType = "text/plain; charset=utf-8";
  for (const Named& check : checks_of(call->core, endpoint == "readyz")) {
    if (check.name != name) continue;
    if (check.result.ok()) return call->respond(200, {Slice::literal("ok")}, kType);
    return call->respond(
        500, {Slice::of("internal server error: " + check.result.error().message + "\n")}, kType);
  }
  call->respond(404, {Slice::literal("404 page not found\n")}, kType);
}

}  // namespace

bool serve_health(const CallPtr& call) {
  std::string_view path = call->info.path;
  for (std::string_view endpoint : {"healthz", "livez", "readyz"}) {
    if (path.size() <= endpoint.size() || path.substr(1, endpoint.size()) != endpoint) continue;
    std::string_view rest = path.substr(1 + endpoint.size());
    if (rest.empty()) {
      // The store may be asked: not on the transport's thread.
      post(call, [call, endpoint] { answer_all(call, endpoint); });
      return true;
    }
    if (rest.front() != '/') continue;
    post(call, [call, endpoint, name = std::string(rest.substr(1))] {
      answer_one(call, endpoint, name);
    });
    return true;
  }
  return false;
}

}  // namespace kist::apiserver
