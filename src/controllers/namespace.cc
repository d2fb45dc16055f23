// See namespace.h. As Kubernetes' namespaced resources deleter: all there is, by discovery.
#include "src/controllers/namespace.h"

#include <algorithm>
#include <chrono>

namespace kist::controllers {
namespace {

using client::ObjectPtr;

constexpr std::chrono::milliseconds kLookAgain{500};  // while finalizers or grace periods last

struct ConditionText {
  std::string_view type, reason_good, message_good, reason_bad;
  std::string message_bad;  // empty: all is well
};

void set_condition(Value& status, const ConditionText& text, int64_t now, Allocator& pool) {
  const bool bad = !text.message_bad.empty();
  const std::string_view state = bad ? "True" : "False";
  const std::string_view reason = bad ? text.reason_bad : text.reason_good;
  const std::string message = bad ? text.message_bad : std::string(text.message_good);
  const Value& before = condition_of(status, text.type);
  if (api::text_of(before, "status") == state && api::text_of(before, "reason") == reason &&
      api::text_of(before, "message") == message)
    return;
  const std::string since =
      api::text_of(before, "status") == state
          ? std::string(api::text_of(before, "lastTransitionTime"))
          : format_rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(now)));
  Value condition(rapidjson::kObjectType);
  api::set(condition, "type", text.type, pool);
  api::set(condition, "status", state, pool);
  api::set(condition, "lastTransitionTime", since, pool);
  api::set(condition, "reason", reason, pool);
  api::set(condition, "message", message, pool);
  Value* conditions = api::find(status, "conditions");
  if (conditions != nullptr && conditions->IsArray())
    for (Value& one : conditions->GetArray())
      if (api::text_of(one, "type") == text.type) {
        one = std::move(condition);
        return;
      }
  push(status, "conditions", std::move(condition), pool);
}

// "Some resources are remaining: pods. has 2 resource instances, secrets. has 1 ..."
std::string counted(std::string_view intro, std::string_view verb,
                    const std::map<std::string, int64_t>& counts) {
  std::string text;
  for (const auto& [what, count] : counts)
    text += (text.empty() ? std::string(intro) : ", ") + what + " " + std::string(verb) + " " +
            std::to_string(count) + " resource instances";
  return text;
}

std::string failures(std::vector<std::string> errors) {
  if (errors.empty()) return {};
  std::sort(errors.begin(), errors.end());  // the same pass tells the same text
  std::string text =
      "Failed to delete all resource types, " + std::to_string(errors.size()) + " remaining: ";
  for (size_t i = 0; i < errors.size(); ++i) text += (i > 0 ? ", " : "") + errors[i];
  return text;
}

}  // namespace

Json namespace_status(const Value& space, const NamespaceContent& content, int64_t now) {
  Json json = copy_of(status_of(space));
  Value& status = json.root();
  Allocator& pool = json.allocator();
  api::set(status, "phase", "Terminating", pool);
  const ConditionText texts[] = {
      {"NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered",
       "All resources successfully discovered", "DiscoveryFailed", content.discovery_error},
      {"NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
       "All legacy kube types successfully parsed", "GroupVersionParsingFailed", ""},
      {"NamespaceDeletionContentFailure", "ContentDeleted",
       "All content successfully deleted, may be waiting on finalization", "ContentDeletionFailed",
       failures(content.deletion_errors)},
      {"NamespaceContentRemaining", "ContentRemoved", "All content successfully removed",
       "SomeResourcesRemain", counted("Some resources are remaining: ", "has", content.remaining)},
      {"NamespaceFinalizersRemaining", "ContentHasNoFinalizers",
       "All content-preserving finalizers finished", "SomeFinalizersRemain",
       counted("Some content in the namespace has finalizers remaining: ", "in",
               content.finalizers)},
  };
  for (const ConditionText& text : texts) set_condition(status, text, now, pool);
  return json;
}

NamespaceController::NamespaceController(Context context)
    : context_(context),
      namespaces_(context.caches.of(client::kNamespaces)),
      queue_(context.runner.add(*this)) {
  namespaces_.on_change([this](const ObjectPtr&, const ObjectPtr& next) {
    if (next && next->deleting) queue_.add(next->name);
  });
}

// How many objects are left.
Result<int64_t> NamespaceController::delete_all(const ServedResource& resource,
                                                const std::string& space,
                                                NamespaceContent& content) {
  const client::ResourceId& id = resource.id;
  Json list = TRY(context_.client.list(id, space));
  if (elements(list.root(), "items").empty()) return int64_t{0};
  if (resource.deletes_collections) {
    TRY(context_.client.call(
        {.method = "DELETE",
         .path = id.path(space),
         .body = client::delete_options_body({.propagation_policy = "Background"})}));
  } else {
    for (const Value& item : elements(list.root(), "items")) {
      const Result<> removed = context_.client.remove(
          id, space, api::text_of(metadata_of(item), "name"), {.propagation_policy = "Background"});
      if (!removed.ok() && removed.error().code != Code::kNotFound) return removed.error();
    }
  }
  list = TRY(context_.client.list(id, space));
  const auto left = elements(list.root(), "items");
  bool held = id.plural == "pods" && id.group.empty();  // by their grace period
  for (const Value& item : left)
    for (const Value& finalizer : elements(metadata_of(item), "finalizers")) {
      ++content.finalizers[std::string(as_text(finalizer))];
      held = true;
    }
  const auto count = static_cast<int64_t>(left.size());
  if (count > 0) content.remaining[id.plural + "." + id.group] = count;
  if (count > 0 && !held)
    return Error{Code::kInternal, "unexpected items still remain in namespace: " + space +
                                      " for gvr: " + id.group + "/" + id.version +
                                      ", Resource=" + id.plural};
  return count;
}

int64_t NamespaceController::empty_resource(const ServedResource& resource,
                                            const std::string& space, NamespaceContent& content) {
  Result<int64_t> left = delete_all(resource, space, content);
  if (left.ok()) return std::move(left).value();
  content.deletion_errors.push_back(left.error().message);
  return 0;
}

// Pods first, since what they still use (Secrets, NetworkPolicies) must outlive them: Kubernetes'
// ordered deletion of namespaces.
NamespaceContent NamespaceController::empty_out(const std::string& space) {
  NamespaceContent content;
  Result<Discovery> found = discover(context_.client);
  if (!found.ok()) {
    content.discovery_error = found.error().message;
    return content;
  }
  const Discovery served = std::move(found).value();
  if (!served.failed.empty())
    content.discovery_error = "Discovery failed for some groups, " +
                              std::to_string(served.failed.size()) +
                              " failing: " + served.failure();
  const auto is_pods = [](const ServedResource& resource) {
    return resource.id.plural == "pods" && resource.id.group.empty();
  };
  for (const ServedResource& resource : served.resources)
    if (is_pods(resource) && empty_resource(resource, space, content) > 0) return content;
  for (const ServedResource& resource : served.resources)
    if (resource.id.namespaced && !is_pods(resource)) empty_resource(resource, space, content);
  return content;
}

Result<> NamespaceController::write_status(Json& space, const NamespaceContent& content) {
  const Json status = namespace_status(space.root(), content, unix_now(context_.clock));
  if (api::equal(status.root(), status_of(space.root()))) return {};
  api::set(space.root(), "status", api::copy(status.root(), space.allocator()), space.allocator());
  space = TRY(context_.client.update_status(client::kNamespaces, space.root()));
  return {};
}

Result<> NamespaceController::finalize(const Value& space) {
  Json next = copy_of(space);
  Allocator& pool = next.allocator();
  Value kept(rapidjson::kArrayType);
  for (const Value& finalizer : elements(spec_of(space), "finalizers"))
    if (as_text(finalizer) != "kubernetes") kept.PushBack(api::copy(finalizer, pool), pool);
  api::set(api::child(next.root(), "spec", pool), "finalizers", std::move(kept), pool);
  Result<Json> done = context_.client.update(client::kNamespaces, next.root(), "finalize");
  if (!done.ok() && done.error().code != Code::kNotFound) return done.error();
  return {};
}

Result<client::Next> NamespaceController::reconcile(const std::string& key) {
  Result<Json> found = context_.client.get(client::kNamespaces, {}, key);
  if (!found.ok() && found.error().code == Code::kNotFound) return client::Next{};
  Json space = TRY(std::move(found));
  if (api::text_of(metadata_of(space.root()), "deletionTimestamp").empty()) return client::Next{};
  const auto finalizers = elements(spec_of(space.root()), "finalizers");
  const bool ours = std::any_of(finalizers.begin(), finalizers.end(), [](const Value& finalizer) {
    return as_text(finalizer) == "kubernetes";
  });
  if (!ours) return client::Next{};

  const NamespaceContent content = empty_out(key);
  TRY(write_status(space, content));
  if (content.empty()) {
    TRY(finalize(space.root()));
    return client::Next{};
  }
  return client::Next{kLookAgain};
}

}  // namespace kist::controllers
