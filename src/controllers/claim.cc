// See claim.h. As Kubernetes' controller reference managers.
#include "src/controllers/claim.h"

namespace kist::controllers {
namespace {

using client::Object;
using client::ObjectPtr;

enum class Step : uint8_t { kIgnore, kKeep, kAdopt, kRelease };

Step decide(const Claim& claim, const api::Selector& selector, std::string_view uid, bool deleting,
            const Object& object) {
  const client::OwnerReference* controller = object.controller();
  const bool wanted = matches(selector, object.labels);
  if (controller != nullptr) {
    if (controller->uid != uid) return Step::kIgnore;
    if (wanted) return Step::kKeep;
    return deleting ? Step::kIgnore : Step::kRelease;
  }
  if (!wanted || deleting || object.deleting) return Step::kIgnore;
  return !claim.adoptable || claim.adoptable(object) ? Step::kAdopt : Step::kIgnore;
}

// The owner references of `object` with ours added or taken away. It holds for this object at this
// revision only: otherwise the server answers with a conflict and the next pass looks again.
std::string owners_patch(const Claim& claim, std::string_view uid, const Object& object,
                         bool adopt) {
  Json patch;
  Allocator& pool = patch.allocator();
  patch.root().SetObject();
  Value& metadata = api::child(patch.root(), "metadata", pool);
  api::set(metadata, "uid", object.uid, pool);
  api::set(metadata, "resourceVersion", std::to_string(object.revision), pool);
  api::set(metadata, "ownerReferences", Value(rapidjson::kArrayType), pool);
  const Json full = object.parse();
  for (const Value& reference : elements(metadata_of(full.root()), "ownerReferences"))
    if (api::text_of(reference, "uid") != uid)
      push(metadata, "ownerReferences", api::copy(reference, pool), pool);
  if (adopt) push(metadata, "ownerReferences", owner_reference(claim.owner, pool), pool);
  return api::to_text(patch.root());
}

// Adopting what the owner no longer wants would outlive it: ask the server itself, once.
Result<> owner_still_there(const Context& context, const Claim& claim, std::string_view uid) {
  const Value& metadata = metadata_of(claim.owner);
  Json fresh = TRY(context.client.get(claim.owner_resource, api::text_of(metadata, "namespace"),
                                      api::text_of(metadata, "name")));
  const Value& now = metadata_of(fresh.root());
  if (api::text_of(now, "uid") != uid)
    return Error{Code::kConflict, "the owner is another object of the same name"};
  if (!api::text_of(now, "deletionTimestamp").empty())
    return Error{Code::kConflict, "the owner is being deleted"};
  return {};
}

}  // namespace

Result<client::ObjectList> claim(const Context& context, const Claim& claim) {
  const Value& metadata = metadata_of(claim.owner);
  const std::string uid(api::text_of(metadata, "uid"));
  const bool deleting = !api::text_of(metadata, "deletionTimestamp").empty();
  const api::Selector selector = selector_of(child_of(spec_of(claim.owner), "selector"));
  client::ObjectList owned;
  bool asked = false;
  int64_t written = 0;
  for (const ObjectPtr& object : claim.cache.list(api::text_of(metadata, "namespace"))) {
    const Step step = decide(claim, selector, uid, deleting, *object);
    if (step == Step::kKeep) owned.push_back(object);
    if (step == Step::kIgnore || step == Step::kKeep) continue;
    const bool adopt = step == Step::kAdopt;
    if (adopt && !std::exchange(asked, true)) TRY(owner_still_there(context, claim, uid));
    Result<Json> patched =
        context.client.merge_patch(claim.cache.resource(), object->space, object->name,
                                   owners_patch(claim, uid, *object, adopt));
    if (!patched.ok() && patched.error().code == Code::kNotFound) continue;  // gone meanwhile
    Json json = TRY(std::move(patched));
    written = std::max(written, client::revision_of(json.root()));
    if (adopt) owned.push_back(object);
  }
  TRY(claim.cache.wait_for(written));
  return owned;
}

}  // namespace kist::controllers
