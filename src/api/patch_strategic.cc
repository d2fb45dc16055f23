// Kubernetes' strategic merge patch: a merge patch that knows which lists have keys.
//
// Where both sides have an object it is merged member by member; lists whose field says `merge` are
// merged by key (objects) or as sets (scalars); all else is replaced. Directives in the patch:
//   $patch: replace | delete | merge      about the object, or the list, that holds it
//   $retainKeys: [...]                    members of this object that may stay
//   $deleteFromPrimitiveList/NAME: [...]  values to take out of the set NAME
//   $setElementOrder/NAME: [...]          the order that list NAME shall have in the end
//
// The rules, the order of results and the errors are those of apimachinery's strategicpatch.
#include <algorithm>
#include <optional>

#include "kist/api/patch.h"

namespace kist::api {
namespace {

constexpr std::string_view kPatch = "$patch";
constexpr std::string_view kRetainKeys = "$retainKeys";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";
constexpr std::string_view kOrderPrefix = "$setElementOrder/";

std::string_view view(const Value& text) {
  return text.IsString() ? std::string_view(text.GetString(), text.GetStringLength())
                         : std::string_view();
}

Error bad(std::string message) { return {Code::kBadRequest, std::move(message)}; }

Error no_merge_key(const Value& item, std::string_view key) {
  return bad("map: " + to_text(item) + " does not contain declared merge key: " + std::string(key));
}

Error bad_patch_type(const Value& type, const Value& object) {
  return bad("unknown patch type: " + (type.IsString() ? std::string(view(type)) : to_text(type)) +
             " in map: " + to_text(object));
}

// What the tables know of an object: its members' types, or one type for all of them.
struct Level {
  const Type* type = nullptr;   // null: a map, or free-form JSON
  const Type* value = nullptr;  // of a map's values, where those are structs

  const Field* field(std::string_view name) const { return type ? type->find(name) : nullptr; }
  Level inside(std::string_view name) const {
    if (type == nullptr) return {value, nullptr};
    const Field* field = type->find(name);
    if (field == nullptr || field->scalar != Scalar::kStruct) return {};
    return field->shape == Shape::kMap ? Level{nullptr, field->type} : Level{field->type, nullptr};
  }
};

bool merges(const Field* field) { return field != nullptr && field->has(kPatchMerge); }
std::string_view key_of(const Field* field) {
  return field != nullptr ? field->merge_key : std::string_view();
}

bool is_delete(const Value& object) {
  return object.IsObject() && text_of(object, kPatch) == "delete";
}

bool is_directive(std::string_view name) {
  return name == kPatch || name == kRetainKeys || name.starts_with(kDeletePrefix) ||
         name.starts_with(kOrderPrefix);
}

// What a patch says about something new: its directives and nulls taken out. False: nothing is left
// because it is to be deleted.
bool keep_plain(Value& value) {
  if (is_delete(value)) return false;
  if (value.IsArray()) {
    for (auto item = value.Begin(); item != value.End();) {
      item = keep_plain(*item) ? item + 1 : value.Erase(item);
    }
  } else if (value.IsObject()) {
    for (auto member = value.MemberBegin(); member != value.MemberEnd();) {
      bool keep =
          !is_directive(view(member->name)) && !member->value.IsNull() && keep_plain(member->value);
      member = keep ? member + 1 : value.EraseMember(member);
    }
  }
  return true;
}

bool has_order(const Value& patch, std::string_view name) {
  return find(patch, std::string(kOrderPrefix) + std::string(name)) != nullptr;
}

class Merge {
 public:
  explicit Merge(Allocator& allocator) : allocator_(allocator) {}

  Result<> object(const Level& level, Value& original, const Value& patch);

 private:
  Result<> member(const Level& level, Value& original, std::string_view name, const Value& patch);
  Result<> ordered(const Level& level, Value& original, const Value& patch, std::string_view name,
                   const Value& order);
  Result<> list(const Level& items, Value& original, const Value& patch, std::string_view key);
  Result<> objects(const Level& items, Value& original, const Value& patch, std::string_view key);
  Result<> place(const Level& items, Value& original, const Value& item, std::string_view key);
  void scalars(Value& original, const Value& patch);
  void sort(Value& merged, const Value& order, const Value& before, std::string_view key);

  Allocator& allocator_;
};

// Equal by key for objects, by value for scalars.
bool same(const Value& a, const Value& b, std::string_view key) {
  if (key.empty()) return equal(a, b);
  const Value* left = find(a, key);
  const Value* right = find(b, key);
  return left != nullptr && right != nullptr && equal(*left, *right);
}

std::optional<size_t> index_in(const Value& list, const Value& item, std::string_view key) {
  if (!list.IsArray()) return {};
  for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
    if (same(list[i], item, key)) return i;
  }
  return {};
}

Result<> retain_keys(Value& original, const Value& patch) {
  const Value* retained = find(patch, kRetainKeys);
  if (retained == nullptr) return {};
  if (!retained->IsArray()) return bad("invalid patch format of retainKeys");
  auto listed = [&](const Value& name) {
    return std::any_of(retained->Begin(), retained->End(),
                       [&](const Value& each) { return each.IsString() && each == name; });
  };
  for (const auto& member : patch.GetObject()) {
    if (member.value.IsNull() || is_directive(view(member.name))) continue;
    if (!listed(member.name)) return bad("invalid patch format of retainKeys");
  }
  for (auto member = original.MemberBegin(); member != original.MemberEnd();) {
    member = listed(member->name) ? member + 1 : original.EraseMember(member);
  }
  return {};
}

Result<> delete_from_list(Value& original, std::string_view name, const Value& values) {
  if (!values.IsArray()) return bad("invalid patch format of primitive list");
  Value* list = find(original, name);
  if (list == nullptr || !list->IsArray()) return {};
  for (auto item = list->Begin(); item != list->End();) {
    item = index_in(values, *item, {}) ? list->Erase(item) : item + 1;
  }
  return {};
}

Result<> Merge::object(const Level& level, Value& original, const Value& patch) {
  if (const Value* directive = find(patch, kPatch)) {
    if (view(*directive) == "delete") {
      original.SetObject();
      return {};
    }
    if (view(*directive) == "replace") {
      Value plain = copy(patch, allocator_);
      remove(plain, kPatch);
      keep_plain(plain);
      original = std::move(plain);
      return {};
    }
    if (view(*directive) != "merge") return bad_patch_type(*directive, patch);
  }
  TRY(retain_keys(original, patch));
  for (const auto& each : patch.GetObject()) {
    std::string_view name = view(each.name);
    if (name.starts_with(kOrderPrefix)) {
      TRY(ordered(level, original, patch, name.substr(kOrderPrefix.size()), each.value));
    }
  }
  for (const auto& each : patch.GetObject()) {
    std::string_view name = view(each.name);
    if (name.starts_with(kDeletePrefix)) {
      TRY(delete_from_list(original, name.substr(kDeletePrefix.size()), each.value));
    } else if (!is_directive(name) && !has_order(patch, name)) {
      TRY(member(level, original, name, each.value));
    }
  }
  return {};
}

// One member of the patch that is no directive.
Result<> Merge::member(const Level& level, Value& original, std::string_view name,
                       const Value& patch) {
  if (patch.IsNull()) {
    remove(original, name);
    return {};
  }
  Value* old = find(original, name);
  if (old != nullptr && old->IsObject() && patch.IsObject()) {
    return object(level.inside(name), *old, patch);
  }
  const Field* field = level.field(name);
  if (old != nullptr && old->IsArray() && patch.IsArray() && merges(field)) {
    return list(level.inside(name), *old, patch, key_of(field));
  }
  Value fresh = copy(patch, allocator_);
  if (!keep_plain(fresh)) {
    remove(original, name);
  } else {
    set(original, name, std::move(fresh), allocator_);
  }
  return {};
}

// The order of what a patch brings must not contradict the order it asks for.
Result<> check_order(const Value* patch, const Value& order, std::string_view key) {
  if (patch == nullptr || !patch->IsArray()) return {};
  rapidjson::SizeType at = 0;
  for (const Value& item : patch->GetArray()) {
    if (item.IsObject() && item.HasMember("$patch")) continue;
    if (!key.empty() && find(item, key) == nullptr) return no_merge_key(item, key);
    while (at < order.Size() && !same(order[at], item, key)) ++at;
    if (at++ < order.Size()) continue;
    return bad("The order in patch list:\n" + to_text(*patch) +
               "\n doesn't match $setElementOrder list:\n" + to_text(order) + "\n");
  }
  return {};
}

// A list whose final order the patch gives.
Result<> Merge::ordered(const Level& level, Value& original, const Value& patch,
                        std::string_view name, const Value& order) {
  if (!order.IsArray()) return bad("invalid patch format of setElementOrder list");
  const Field* field = level.field(name);
  std::string_view key = key_of(field);
  for (const Value& item : order.GetArray()) {
    if (!key.empty() && find(item, key) == nullptr) return no_merge_key(item, key);
  }
  const Value* changes = find(patch, name);
  TRY(check_order(changes, order, key));
  Value before;
  if (const Value* old = find(original, name)) before = copy(*old, allocator_);
  if (changes != nullptr) TRY(member(level, original, name, *changes));
  Value* merged = find(original, name);
  if (merged != nullptr && merged->IsArray()) sort(*merged, order, before, key);
  return {};
}

Result<> Merge::list(const Level& items, Value& original, const Value& patch,
                     std::string_view key) {
  Value before = copy(original, allocator_);
  if (key.empty()) {
    scalars(original, patch);
  } else {
    TRY(objects(items, original, patch, key));
  }
  sort(original, patch, before, key);
  return {};
}

// Lists with a merge key. What is about the list itself comes first.
Result<> Merge::objects(const Level& items, Value& original, const Value& patch,
                        std::string_view key) {
  bool replace = false;
  for (const Value& item : patch.GetArray()) {
    if (!item.IsObject()) {
      return bad("expected an object in a list merged by " + std::string(key) + ", but found " +
                 to_text(item));
    }
    const Value* directive = find(item, kPatch);
    if (directive == nullptr || view(*directive) == "merge") continue;
    if (view(*directive) == "replace") {
      replace = true;
    } else if (view(*directive) != "delete") {
      return bad_patch_type(*directive, item);
    } else if (find(item, key) == nullptr) {
      return no_merge_key(item, key);
    } else {
      while (auto at = index_in(original, item, key)) original.Erase(original.Begin() + *at);
    }
  }
  if (replace) original.Clear();
  for (const Value& item : patch.GetArray()) {
    std::string_view directive = text_of(item, kPatch);
    if (directive.empty() || (directive == "merge" && find(item, key) != nullptr)) {
      TRY(place(items, original, item, key));
    }
  }
  return {};
}

// One item of the patch, into the one of its key or behind the others.
Result<> Merge::place(const Level& items, Value& original, const Value& item,
                      std::string_view key) {
  if (find(item, key) == nullptr) return no_merge_key(item, key);
  auto at = index_in(original, item, key);
  if (at) return object(items, original[static_cast<rapidjson::SizeType>(*at)], item);
  Value fresh = copy(item, allocator_);
  if (keep_plain(fresh)) original.PushBack(fresh, allocator_);
  return {};
}

void Merge::scalars(Value& original, const Value& patch) {
  for (const Value& item : patch.GetArray()) {
    if (!index_in(original, item, {})) {
      Value fresh = copy(item, allocator_);
      original.PushBack(fresh, allocator_);
    }
  }
}

// Items named in `order` come in that order, the others in the order they had before; an item of
// the others stays in front of a named one if it was in front of it before.
void Merge::sort(Value& merged, const Value& order, const Value& before, std::string_view key) {
  struct Item {
    Value* value;
    std::optional<size_t> wanted, was;
  };
  std::vector<Item> named, others;
  for (Value& item : merged.GetArray()) {
    Item entry{&item, index_in(order, item, key), index_in(before, item, key)};
    (entry.wanted ? named : others).push_back(entry);
  }
  std::stable_sort(named.begin(), named.end(),
                   [](const Item& a, const Item& b) { return *a.wanted < *b.wanted; });
  std::stable_sort(others.begin(), others.end(), [](const Item& a, const Item& b) {
    return a.was.value_or(SIZE_MAX) < b.was.value_or(SIZE_MAX);
  });
  Value sorted(rapidjson::kArrayType);
  sorted.Reserve(merged.Size(), allocator_);
  auto left = named.begin();
  auto right = others.begin();
  while (left != named.end() || right != others.end()) {
    bool take_right = left == named.end() || (right != others.end() && right->was && left->was &&
                                              *right->was < *left->was);
    Value* next = take_right ? (right++)->value : (left++)->value;
    sorted.PushBack(*next, allocator_);
  }
  merged = std::move(sorted);
}

}  // namespace

Result<> apply_strategic_patch(const Type& type, Value& object, const Value& patch,
                               Allocator& allocator) {
  if (!patch.IsObject()) return bad("a strategic merge patch is an object");
  if (!object.IsObject()) object.SetObject();
  return Merge(allocator).object({&type, nullptr}, object, patch);
}

}  // namespace kist::api
