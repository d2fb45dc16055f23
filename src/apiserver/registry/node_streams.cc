// Checks, words and the kubelet's paths: kubernetes pkg/registry/core/pod/strategy.go
// (LogLocation, streamLocation) and pkg/registry/core/pod/rest.
#include "src/apiserver/registry/node_streams.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "kist/api/field_errors.h"
#include "kist/base/text.h"
#include "src/apiserver/registry/prepare.h"
#include "src/apiserver/status.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// How a subresource is asked of a kubelet.
struct NodeStream {
  std::string_view subresource;
  std::string_view path;  // its first segment
  bool of_container;      // else of the Pod
  bool upgrades;          // the client must switch protocols
  Result<Parameters> (*parameters)(const Call& call);
};

std::vector<std::string> names_of(const api::Value& pod, std::string_view list) {
  std::vector<std::string> names;
  const api::Value* containers = api::find_path(pod, {"spec", list});
  if (!is_list(containers)) return names;
  for (const api::Value& container : containers->GetArray()) {
    if (container.IsObject()) names.emplace_back(api::text_of(container, "name"));
  }
  return names;
}

std::string bracketed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return "[" + text + "]";
}

// The container asked for, or the only one.
Result<std::string> container_of(const api::Value& pod, std::string_view name,
                                 std::string_view wanted) {
  const std::vector<std::string> containers = names_of(pod, "containers");
  const std::vector<std::string> init = names_of(pod, "initContainers");
  if (wanted.empty()) {
    if (containers.size() == 1) return containers[0];
    std::string message = "a container name must be specified for pod " + std::string(name);
    if (!containers.empty()) message += ", choose one of: " + bracketed(containers);
    if (!init.empty()) message += " or one of the init containers: " + bracketed(init);
    return bad_request(std::move(message));
  }
  for (const std::vector<std::string>& names :
       {containers, init, names_of(pod, "ephemeralContainers")}) {
    if (std::ranges::find(names, wanted) != names.end()) return std::string(wanted);
  }
  return bad_request("container " + std::string(wanted) + " is not valid for pod " +
                     std::string(name));
}

Result<Parameters> command_parameters(const Call& call) {
  Parameters parameters;
  for (const std::string_view word : call.query.all("command")) {
    parameters.emplace_back("command", word);
  }
  constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
      {"stderr", "error"}, {"stdin", "input"}, {"stdout", "output"}, {"tty", "tty"}};
  for (const auto& [ours, kubelets] : kFlags) {
    if (call.query.flag(ours)) parameters.emplace_back(kubelets, "1");
  }
  return parameters;
}

Result<Parameters> attach_parameters(const Call& call) {
  Parameters parameters = TRY(command_parameters(call));
  std::erase_if(parameters, [](const auto& entry) { return entry.first == "command"; });
  return parameters;
}

Result<Parameters> port_parameters(const Call& call) {
  Parameters parameters;
  for (const std::string_view ports : call.query.all("ports")) {
    parameters.emplace_back("port", ports);
  }
  return parameters;
}

Result<std::optional<int64_t>> number_of(const Call& call, std::string_view name) {
  if (!call.query.has(name)) return std::optional<int64_t>();
  const std::string_view text = call.query.get(name);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return std::optional(number);
  return bad_request(
      "strconv.ParseInt: parsing " + quoted(text) + ": " +
      (error == std::errc::result_out_of_range ? "value out of range" : "invalid syntax"));
}

struct LogNumber {
  std::string_view name;
  int64_t least;
  std::string_view too_small;
};
constexpr LogNumber kLogNumbers[] = {
    {"tailLines", 0, "must be greater than or equal to 0"},
    {"limitBytes", 1, "must be greater than 0"},
    {"sinceSeconds", 1, "must be greater than 0"},
};

Result<Parameters> log_parameters(const Call& call) {
  Parameters parameters;
  api::FieldErrors errors;
  for (const std::string_view flag : {"follow", "previous", "timestamps"}) {
    if (call.query.flag(flag)) parameters.emplace_back(flag, "true");
  }
  const std::string_view since_time = call.query.get("sinceTime");
  if (!since_time.empty() && call.query.has("sinceSeconds")) {
    errors.forbidden(api::FieldPath(),
                     "at most one of `sinceTime` or `sinceSeconds` may be specified");
  }
  if (!since_time.empty()) parameters.emplace_back("sinceTime", since_time);
  for (const LogNumber& known : kLogNumbers) {
    const std::optional<int64_t> number = TRY(number_of(call, known.name));
    if (!number) continue;
    if (*number < known.least) {
      errors.invalid(api::FieldPath(known.name), *number, known.too_small);
    }
    parameters.emplace_back(known.name, std::to_string(*number));
  }
  if (errors.empty()) return parameters;
  std::string message = errors.message();
  return invalid("PodLogOptions", "", call.info.name, message, errors.take());
}

constexpr NodeStream kNodeStreams[] = {
    {"attach", "attach", true, true, attach_parameters},
    {"exec", "exec", true, true, command_parameters},
    {"log", "containerLogs", true, false, log_parameters},
    {"portforward", "portForward", false, true, port_parameters},
};

const NodeStream* kind_of(const RequestInfo& info) {
  if (info.resource != "pods" || !info.group.empty()) return nullptr;
  const auto found = std::ranges::find(kNodeStreams, info.subresource, &NodeStream::subresource);
  return found == std::end(kNodeStreams) ? nullptr : found;
}

bool asks_to_upgrade(const net::Request& request) {
  const std::string connection = ascii_lower(request.header("Connection"));
  return connection.find("upgrade") != connection.npos && !request.header("Upgrade").empty();
}

Result<net::Handler*> find_node(Core& core, const std::string& name) {
  net::Handler* node = core.find_node ? core.find_node(name) : nullptr;
  if (node != nullptr) return node;
  if (core.cache.find("", "nodes")->get("", name) == nullptr) return not_found("nodes", "", name);
  return Error{Code::kUnavailable, "node " + quoted(name) + " is not connected"};
}

// The kubelet's request, in place of the client's.
struct NodeRequest {
  net::Handler* node = nullptr;  // null: the Pod has none yet
  std::string path;
  Parameters parameters;
};

Result<NodeRequest> target_of(Call& call, const NodeStream& kind) {
  const RequestInfo& info = call.info;
  NodeRequest target;
  target.parameters = TRY(kind.parameters(call));
  const ObjectPtr object = call.served->cache->get(info.namespace_name, info.name);
  if (object == nullptr) return not_found("pods", "", info.name);
  const api::Json pod = parse_stored(object->bytes());
  target.path = "/" + std::string(kind.path) + "/" + net::percent_encode(info.namespace_name) +
                "/" + net::percent_encode(info.name);
  if (kind.of_container) {
    const std::string container =
        TRY(container_of(pod.root(), info.name, call.query.get("container")));
    target.path += "/" + net::percent_encode(container);
  }
  const api::Value* spec = api::find(pod.root(), "spec");
  const std::string node(spec == nullptr ? "" : api::text_of(*spec, "nodeName"));
  if (!node.empty()) {
    target.node = TRY(find_node(call.core, node));
  } else if (kind.upgrades) {
    return bad_request("pod " + info.name + " does not have a host assigned");
  }
  return target;
}

void hand_over(const CallPtr& call, NodeRequest target) {
  net::Request request = std::move(call->request);
  request.path = std::move(target.path);
  request.query.clear();
  for (const auto& [name, value] : target.parameters) {
    if (!request.query.empty()) request.query += '&';
    request.query += name + "=" + net::percent_encode(value);
  }
  // The node trusts us, and must not see what its users sign in with.
  std::erase_if(request.headers, [](const net::Header& header) {
    return strcasecmp(header.name.c_str(), "Authorization") == 0;
  });
  request.peer = net::PeerIdentity{"kube-apiserver", {"system:masters"}};
  target.node->handle(std::move(request), call->exchange);
}

}  // namespace

bool is_node_stream(const RequestInfo& info) { return kind_of(info) != nullptr; }

void serve_node_stream(const CallPtr& call) {
  const NodeStream& kind = *kind_of(call->info);
  Result<NodeRequest> target = target_of(*call, kind);
  if (!target.ok()) return call->fail(target.error());
  if (kind.upgrades && !asks_to_upgrade(call->request)) {
    return call->fail(bad_request("Upgrade request required"));
  }
  if (target.value().node == nullptr) return call->respond(200, {}, "text/plain");
  call->count(kind.upgrades ? 101 : 200, true);
  hand_over(call, std::move(target).value());
}

}  // namespace kist::apiserver
