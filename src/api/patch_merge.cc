// RFC 7386: members replace members, null removes them, anything else replaces the whole.
#include "kist/api/patch.h"

namespace kist::api {
namespace {

std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

}  // namespace

// Recursion is as deep as the patch, which parse_json bounds.
void apply_merge_patch(Value& object, const Value& patch, Allocator& allocator) {
  if (!patch.IsObject()) {
    object = copy(patch, allocator);
    return;
  }
  if (!object.IsObject()) object.SetObject();
  for (const auto& member : patch.GetObject()) {
    std::string_view name = view(member.name);
    if (member.value.IsNull()) {
      remove(object, name);
      continue;
    }
    if (find(object, name) == nullptr) set(object, name, Value(), allocator);
    apply_merge_patch(*find(object, name), member.value, allocator);
  }
}

}  // namespace kist::api
