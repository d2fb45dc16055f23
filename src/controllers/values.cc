// See values.h.
#include "src/controllers/values.h"

#include <charconv>
#include <span>

namespace kist::controllers {

std::string_view as_text(const Value& value) {
  return value.IsString() ? std::string_view(value.GetString(), value.GetStringLength())
                          : std::string_view();
}

const Value& child_of(const Value& object, std::string_view member) {
  static const Value kNothing(rapidjson::kObjectType);
  const Value* found = object.IsObject() ? api::find(object, member) : nullptr;
  return found != nullptr ? *found : kNothing;
}

const Value& path_of(const Value& object, std::initializer_list<std::string_view> members) {
  const Value* at = &object;
  for (std::string_view member : members) at = &child_of(*at, member);
  return *at;
}

std::span<const Value> elements(const Value& object, std::string_view member) {
  const Value& array = child_of(object, member);
  if (!array.IsArray()) return {};
  return {array.Begin(), array.Size()};
}

std::string_view annotation(const Value& object, std::string_view key) {
  return api::text_of(child_of(metadata_of(object), "annotations"), key);
}

Json copy_of(const Value& value) {
  Json json;
  json.root() = api::copy(value, json.allocator());
  return json;
}

void set_int(Value& object, std::string_view member, int64_t number, Allocator& pool) {
  api::set(object, member, Value(number), pool);
}

void set_bool(Value& object, std::string_view member, bool value, Allocator& pool) {
  api::set(object, member, Value(value), pool);
}

void push(Value& object, std::string_view array, Value element, Allocator& pool) {
  Value* found = api::find(object, array);
  if (found == nullptr || !found->IsArray()) {
    api::set(object, array, Value(rapidjson::kArrayType), pool);
    found = api::find(object, array);
  }
  found->PushBack(std::move(element), pool);
}

api::Selector selector_of(const Value& label_selector) {
  Result<api::Selector> parsed = api::Selector::from_label_selector(&label_selector);
  if (!parsed.ok()) parsed = api::Selector::from_label_selector(nullptr);
  return std::move(parsed).value();
}

bool matches(const api::Selector& selector, const Labels& labels) {
  return selector.matches([&labels](std::string_view key, std::string_view* value) {
    for (const auto& [name, content] : labels) {
      if (name != key) continue;
      *value = content;
      return true;
    }
    return false;
  });
}

bool selects_everything(const Value& selector) {
  const Value& map = child_of(selector, "matchLabels");
  return (!map.IsObject() || map.ObjectEmpty()) && elements(selector, "matchExpressions").empty();
}

Value owner_reference(const Value& owner, Allocator& pool) {
  Value reference(rapidjson::kObjectType);
  api::set(reference, "apiVersion", api::text_of(owner, "apiVersion"), pool);
  api::set(reference, "kind", api::text_of(owner, "kind"), pool);
  api::set(reference, "name", api::text_of(metadata_of(owner), "name"), pool);
  api::set(reference, "uid", api::text_of(metadata_of(owner), "uid"), pool);
  set_bool(reference, "controller", true, pool);
  set_bool(reference, "blockOwnerDeletion", true, pool);
  return reference;
}

const Value& condition_of(const Value& status, std::string_view type) {
  for (const Value& condition : elements(status, "conditions"))
    if (api::text_of(condition, "type") == type) return condition;
  return child_of(status, "");  // nothing has the empty name
}

int64_t scaled(const Value* value, int64_t total, Rounding rounding) {
  if (value == nullptr) return 0;
  if (value->IsInt64()) return value->GetInt64();
  const std::string_view percent = as_text(*value);
  int64_t number = 0;
  const auto [end, error] =
      std::from_chars(percent.data(), percent.data() + percent.size(), number);
  if (error != std::errc() || end != percent.data() + percent.size() - 1 || *end != '%') return 0;
  return (number * total + (rounding == Rounding::kUp ? 99 : 0)) / 100;
}

int64_t unix_now(const Clock& clock) {
  return std::chrono::duration_cast<std::chrono::seconds>(clock.now().time_since_epoch()).count();
}

}  // namespace kist::controllers
