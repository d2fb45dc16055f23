// apply_declared_defaults(): what the schema declares, filled in everywhere below an object.
#include "api/member_order.h"
#include "kist/api/codec.h"

namespace kist::api {
namespace {

std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

// Declared defaults are scalars or {}; they come from our own build, so there is no error here.
Value default_value(std::string_view json) {
  Value value;
  if (json == "{}") {
    value.SetObject();
  } else if (json.starts_with('"')) {
    std::string_view text = json.substr(1, json.size() - 2);
    value.SetString(rapidjson::StringRef(text.data(), text.size()));
  } else if (json == "true" || json == "false") {
    value.SetBool(json == "true");
  } else {
    int64_t number = 0;
    for (char digit : json) number = number * 10 + (digit - '0');
    value.SetInt64(number);
  }
  return value;
}

bool unset(const Field& field, const Value& value) {
  if (value.IsNull()) return true;
  if (field.has(kPointer)) return false;
  if (value.IsString()) return value.GetStringLength() == 0;
  if (value.IsBool()) return value.IsFalse();
  return value.IsNumber() && value.GetDouble() == 0;
}

// The members that a strategy or we added stand at the end: back into the table's order.
void restore_order(const Type& type, Value& object) {
  std::vector<uint32_t> by_rank(type.members.size(), 0), target(object.MemberCount());
  for (const auto& member : object.GetObject()) {
    int index = type.find_index(view(member.name));
    if (index < 0) return;  // not canonical: not ours to order
    by_rank[static_cast<size_t>(index)] = 1;
  }
  uint32_t next = 0;
  for (uint32_t& rank : by_rank) rank = rank ? next++ : 0;
  if (next != target.size()) return;
  for (uint32_t i = 0; i < target.size(); ++i) {
    int index = type.find_index(view((object.MemberBegin() + i)->name));
    target[i] = by_rank[static_cast<size_t>(index)];
  }
  reorder_members(object, std::span(target));
}

void apply(const Type& type, Value& object, Allocator& allocator);

void apply_below(const Field& field, Value& value, Allocator& allocator) {
  if (field.shape == Shape::kSingle) {
    apply(*field.type, value, allocator);
  } else if (field.shape == Shape::kList && value.IsArray()) {
    for (Value& item : value.GetArray()) apply(*field.type, item, allocator);
  } else if (field.shape == Shape::kMap && value.IsObject()) {
    for (auto& member : value.GetObject()) apply(*field.type, member.value, allocator);
  }
}

void apply(const Type& type, Value& object, Allocator& allocator) {
  if (!object.IsObject()) return;
  bool added = false;
  for (const Field* field : type.members) {
    if (field->default_json.empty()) continue;
    Value* present = find(object, field->name);
    if (present != nullptr && !unset(*field, *present)) continue;
    Value made = default_value(field->default_json);
    if (present != nullptr) {
      *present = std::move(made);
      continue;
    }
    // 0, false and "" of a field that is no pointer are what absence means anyway
    if (!field->has(kPointer) && unset(*field, made)) continue;
    Value name(rapidjson::StringRef(field->name.data(), field->name.size()));
    object.AddMember(name, made, allocator);
    added = true;
  }
  if (added) restore_order(type, object);
  for (auto& member : object.GetObject()) {
    const Field* field = type.find(view(member.name));
    if (field != nullptr && field->scalar == Scalar::kStruct) {
      apply_below(*field, member.value, allocator);
    }
  }
}

}  // namespace

void apply_declared_defaults(const Type& type, Value& object, Allocator& allocator) {
  apply(type, object, allocator);
}

}  // namespace kist::api
