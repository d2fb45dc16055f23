// One table of paths.
#include "src/apiserver/routes.h"

#include <algorithm>

#include "src/apiserver/discovery/discovery.h"
#include "src/apiserver/health.h"
#include "src/apiserver/openapi/openapi.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kPaths[] = {"/api",    "/api/v1",  "/apis",       "/healthz",
                                       "/livez",  "/metrics", "/openapi/v2", "/openapi/v3",
                                       "/readyz", "/version"};

void version(const CallPtr& call) {
  const Version& v = call->core.options.version;
  std::string out = "{\n";
  auto line = [&](std::string_view name, std::string_view value, bool last = false) {
    out += "  " + json_string(name) + ": " + json_string(value) + (last ? "\n" : ",\n");
  };
  line("major", v.major);
  line("minor", v.minor);
  line("gitVersion", v.git_version);
  line("gitCommit", v.git_commit);
  line("gitTreeState", "clean");
  line("buildDate", v.build_date);
  line("goVersion", "none");
  line("compiler", "g++");
  line("platform", "linux/amd64", true);
  call->respond(200, {Slice::of(out + "}")}, kJsonType);
}

void metrics(const CallPtr& call) {
  call->respond(200, {Slice::of(call->core.metrics.text(call->core.cache))},
                "text/plain; version=0.0.4; charset=utf-8");
}

void paths(const CallPtr& call) {
  std::vector<std::string> all(std::begin(kPaths), std::end(kPaths));
  std::string last;
  for (const Served& served : call->core.served) {
    if (served.row->group.empty() || served.row->group == last) continue;
    last = served.row->group;
    all.push_back("/apis/" + last);
    all.push_back("/apis/" + served.api_version());
  }
  std::sort(all.begin(), all.end());
  std::string out = "{\n  \"paths\": [\n";
  for (size_t i = 0; i < all.size(); ++i) {
    out += "    " + json_string(all[i]) + (i + 1 < all.size() ? ",\n" : "\n");
  }
  call->respond(200, {Slice::of(out + "  ]\n}")}, kJsonType);
}

struct Route {
  std::string_view path;
  void (*serve)(const CallPtr& call);
};

constexpr Route kRoutes[] = {
    {"/version", version},
    {"/version/", version},
    {"/metrics", metrics},
    {"/", paths},
};

bool serve_discovery(const CallPtr& call) {
  const std::string& path = call->info.path;
  const bool below = path.starts_with("/api/") || path.starts_with("/apis/");
  if (path != "/api" && path != "/apis" && !below) return false;
  const Options& options = call->core.options;
  Result<DiscoveryDocument> document =
      discovery_document(path, call->request.header("Accept"),
                         options.advertise_address + ":" + std::to_string(options.advertise_port));
  if (!document.ok()) {
    call->fail(document.error());
    return true;
  }
  DiscoveryDocument& found = document.value();
  call->respond_document(std::move(found.body), found.content_type, found.etag);
  return true;
}

bool serve_openapi(const CallPtr& call) {
  if (!call->info.path.starts_with("/openapi/")) return false;
  // A worker makes it: the document of all kinds takes milliseconds.
  post(call, [call] {
    Result<OpenApiDocument> document = openapi_document(
        call->info.path, call->request.header("Accept"), call->core.options.version.git_version);
    if (!document.ok()) return call->fail(document.error());
    OpenApiDocument& found = document.value();
    call->respond_document(std::move(found.body), found.content_type, found.etag);
  });
  return true;
}

void not_found_page(const CallPtr& call) {
  call->respond(404, {Slice::literal("404 page not found\n")}, "text/plain; charset=utf-8");
}

}  // namespace

void serve_path(const CallPtr& call) {
  if (call->request.method != "GET" && call->request.method != "HEAD") {
    return call->fail(method_not_allowed());
  }
  for (const Route& route : kRoutes) {
    if (call->info.path == route.path) return route.serve(call);
  }
  if (serve_health(call) || serve_discovery(call) || serve_openapi(call)) return;
  not_found_page(call);
}

}  // namespace kist::apiserver
