// All of it goes through the pipeline, as a client's request does.
#include "src/apiserver/bootstrap.h"

#include <arpa/inet.h>

#include <future>

#include "kist/base/log.h"
#include "src/apiserver/local_request.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kNamespaces[] = {"default", "kube-system", "kube-public",
                                            "kube-node-lease"};
constexpr std::string_view kRootCa = "kube-root-ca.crt";

struct Wanted {
  std::string path, body;  // of a POST
  std::string what;        // for the log
};

std::string in_namespace(std::string_view name, std::string_view resource) {
  return "/api/v1/namespaces/" + std::string(name) + "/" + std::string(resource);
}

Wanted wanted_namespace(std::string_view name) {
  return {"/api/v1/namespaces",
          R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":)" + json_string(name) + "}}",
          "namespace " + std::string(name)};
}

Wanted wanted_account(std::string_view name) {
  return {in_namespace(name, "serviceaccounts"),
          R"({"kind":"ServiceAccount","apiVersion":"v1","metadata":{"name":"default"}})",
          "serviceaccount " + std::string(name) + "/default"};
}

Wanted wanted_root_ca(const Core& core, std::string_view name) {
  std::string body = R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":)" +
                     json_string(kRootCa) + R"(,"annotations":{"kubernetes.io/description":)" +
                     json_string(
                         "Contains a CA bundle that can be used to verify the "
                         "kube-apiserver when using internal endpoints such as the "
                         "internal service IP or kubernetes.default.svc. No other usage is "
                         "guaranteed across distributions of Kubernetes clusters.") +
                     R"(}},"data":{"ca.crt":)" + json_string(core.options.ca_certificate_pem) +
                     "}}";
  return {in_namespace(name, "configmaps"), std::move(body),
          "configmap " + std::string(name) + "/" + std::string(kRootCa)};
}

// The first address of the service network.
std::string service_address(const std::string& cidr) {
  in_addr address{};
  std::string network = cidr.substr(0, cidr.find('/'));
  if (inet_pton(AF_INET, network.c_str(), &address) != 1) return {};
  address.s_addr = htonl(ntohl(address.s_addr) + 1);
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

Wanted wanted_service(const Core& core) {
  std::string address = json_string(service_address(core.options.service_cidr));
  std::string port = std::to_string(core.options.advertise_port);
  return {in_namespace("default", "services"),
          R"({"kind":"Service","apiVersion":"v1","metadata":{"name":"kubernetes","labels":)"
          R"({"component":"apiserver","provider":"kubernetes"}},"spec":{"type":"ClusterIP",)"
          R"("clusterIP":)" +
              address + ",\"clusterIPs\":[" + address +
              R"(],"ports":[{"name":"https","protocol":"TCP","port":443,"targetPort":)" + port +
              R"(}],"sessionAffinity":"None"}})",
          "service default/kubernetes"};
}

Wanted wanted_endpoints(const Core& core) {
  return {in_namespace("default", "endpoints"),
          R"({"kind":"Endpoints","apiVersion":"v1","metadata":{"name":"kubernetes","labels":)"
          R"({"endpointslice.kubernetes.io/skip-mirror":"true"}},"subsets":[{"addresses":[{"ip":)" +
              json_string(core.options.advertise_address) +
              R"(}],"ports":[{"name":"https","port":)" +
              std::to_string(core.options.advertise_port) + R"(,"protocol":"TCP"}]}]})",
          "endpoints default/kubernetes"};
}

Wanted wanted_slice(const Core& core) {
  bool v6 = core.options.advertise_address.find(':') != std::string::npos;
  return {"/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
          R"({"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":)"
          R"("kubernetes","labels":{"kubernetes.io/service-name":"kubernetes"}},"addressType":)" +
              std::string(v6 ? "\"IPv6\"" : "\"IPv4\"") + R"(,"endpoints":[{"addresses":[)" +
              json_string(core.options.advertise_address) +
              R"(],"conditions":{"ready":true}}],"ports":[{"name":"https","port":)" +
              std::to_string(core.options.advertise_port) + R"(,"protocol":"TCP"}]})",
          "endpointslice default/kubernetes"};
}

// `replace`: what exists is made what is wanted; else it is left as it is.
void make(Core& core, Wanted wanted, bool replace, std::function<void(Result<>)> done) {
  net::Request request = local_request("POST", wanted.path, wanted.body);
  run_local(core, std::move(request), [&core, wanted, replace, done](int status, std::string body) {
    if (status < 300) return done({});
    if (status != 409) return done(Error{Code::kInternal, wanted.what + ": " + body});
    if (!replace) return done({});
    // Endpoints of the kubernetes Service carry its name; an unconditional PUT replaces them.
    net::Request put = local_request("PUT", wanted.path + "/kubernetes", wanted.body);
    run_local(core, std::move(put), [wanted, done](int put_status, std::string put_body) {
      if (put_status < 300) return done({});
      done(Error{Code::kInternal, wanted.what + ": " + put_body});
    });
  });
}

Result<> make_and_wait(Core& core, Wanted wanted, bool replace) {
  auto result = std::make_shared<std::promise<Result<>>>();
  std::future<Result<>> future = result->get_future();
  make(core, std::move(wanted), replace,
       [result](Result<> made) { result->set_value(std::move(made)); });
  return future.get();
}

void make_and_log(Core& core, Wanted wanted) {
  std::string what = wanted.what;
  make(core, std::move(wanted), false, [what](Result<> made) {
    if (!made.ok())
      log_warn("bring back what every cluster has", {{"error", made.error().message}});
  });
}

// Kubernetes allows no endpoint there: pods of other network namespaces would reach themselves.
bool loopback(const Core& core) {
  const std::string& address = core.options.advertise_address;
  return address.empty() || address.starts_with("127.") || address == "::1";
}

bool terminating(const Core& core, std::string_view namespace_name) {
  ResourceCache* namespaces = const_cast<Core&>(core).cache.find("", "namespaces");
  ObjectPtr object = namespaces->get({}, namespace_name);
  return object == nullptr || object->deleting();
}

}  // namespace

Result<> make_bootstrap_objects(Core& core) {
  for (std::string_view name : kNamespaces) {
    TRY(make_and_wait(core, wanted_namespace(name), false));
    TRY(make_and_wait(core, wanted_account(name), false));
    TRY(make_and_wait(core, wanted_root_ca(core, name), false));
  }
  // Not by trying: its address is taken, by itself, before its name is.
  if (core.cache.find("", "services")->get("default", "kubernetes") == nullptr) {
    TRY(make_and_wait(core, wanted_service(core), false));
  }
  if (loopback(core)) return {};
  TRY(make_and_wait(core, wanted_endpoints(core), true));
  TRY(make_and_wait(core, wanted_slice(core), true));
  return {};
}

void ensure_namespace_contents(Core& core, const std::string& namespace_name,
                               std::function<void()> done) {
  auto left = std::make_shared<std::atomic<int>>(2);
  auto one = [left, namespace_name, done = std::move(done)](Result<> made) {
    if (!made.ok()) {
      log_warn("fill a new namespace",
               {{"namespace", namespace_name}, {"error", made.error().message}});
    }
    if (--*left == 0) done();
  };
  make(core, wanted_account(namespace_name), false, one);
  make(core, wanted_root_ca(core, namespace_name), false, one);
}

void repair_after(Core& core, const ResourceCache& cache, const CacheEvent& event) {
  if (event.type != datastore::EventType::kDeleted || !core.ready || core.stopping) return;
  std::string_view plural = cache.row().plural;
  std::string name(event.object->name()), namespace_name(event.object->namespace_name());
  Wanted wanted;
  if (plural == "namespaces") {
    bool ours =
        std::find(std::begin(kNamespaces), std::end(kNamespaces), name) != std::end(kNamespaces);
    if (ours) wanted = wanted_namespace(name);
  } else if (namespace_name == "default" && name == "kubernetes") {
    if (plural == "services") wanted = wanted_service(core);
    if (plural == "endpoints" && !loopback(core)) wanted = wanted_endpoints(core);
    if (plural == "endpointslices" && !loopback(core)) wanted = wanted_slice(core);
  } else if (plural == "serviceaccounts" && name == "default") {
    wanted = wanted_account(namespace_name);
  } else if (plural == "configmaps" && name == kRootCa) {
    wanted = wanted_root_ca(core, namespace_name);
  }
  if (wanted.path.empty()) return;
  auto open = std::make_shared<OpenCalls::Token>(core.open_calls);
  core.workers->post([&core, open, wanted = std::move(wanted), namespace_name] {
    if (core.stopping) return;
    if (!namespace_name.empty() && terminating(core, namespace_name)) return;
    make_and_log(core, wanted);
  });
}

}  // namespace kist::apiserver
