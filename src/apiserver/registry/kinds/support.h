// Small words in which the strategies are written: walking lists, filling gaps, checking scalars.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/field_errors.h"
#include "kist/api/json.h"

namespace kist::apiserver {

using api::Allocator;
using api::FieldErrors;
using api::FieldPath;
using api::Value;

// ---- reading ----

inline std::string_view view(const Value& text) {
  return text.IsString() ? std::string_view(text.GetString(), text.GetStringLength())
                         : std::string_view();
}

inline bool has(const Value& object, std::string_view member) {
  const Value* value = api::find(object, member);
  return value != nullptr && !value->IsNull();
}

// The member, or a null value where it is missing: chains need no checks.
const Value& at(const Value& object, std::string_view member);
inline const Value& at(const Value& object, std::string_view first, std::string_view second) {
  return at(at(object, first), second);
}
size_t size_of(const Value& object, std::string_view member);  // items or members; else 0

// f(item, index) for each item of the list at `member`.
template <typename F>
void each(const Value& object, std::string_view member, F f) {
  const Value& list = at(object, member);
  if (!list.IsArray()) return;
  for (rapidjson::SizeType i = 0; i < list.Size(); ++i) f(list[i], static_cast<size_t>(i));
}
template <typename F>
void each(Value& object, std::string_view member, F f) {
  Value* list = api::find(object, member);
  if (list == nullptr || !list->IsArray()) return;
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    if ((*list)[i].IsObject()) f((*list)[i], static_cast<size_t>(i));  // a null is left alone
  }
}
// f(key, value) for each member of the map at `member`.
template <typename F>
void each_member(const Value& object, std::string_view member, F f) {
  const Value& map = at(object, member);
  if (!map.IsObject()) return;
  for (const auto& entry : map.GetObject()) f(view(entry.name), entry.value);
}

// ---- filling gaps: all leave alone what is there ----

void default_text(Value& object, std::string_view member, std::string_view text, Allocator&);
void default_text_or_empty(Value& object, std::string_view member, Allocator&);  // "" when absent
void default_int(Value& object, std::string_view member, int64_t number, Allocator&);
void default_nonzero(Value& object, std::string_view member, int64_t number, Allocator&);  // 0 too
void default_bool(Value& object, std::string_view member, bool flag, Allocator&);
void default_object(Value& object, std::string_view member, Allocator&);
void put(Value& object, std::string_view member, const Value& from, Allocator&);  // copy, or remove
// Takes `member` of `old` over into `next`, gone where `old` has none.
void keep_member(Value& next, const Value& old, std::string_view member, Allocator&);

// ---- checking ----

void add_messages(FieldErrors& errors, const FieldPath& path, std::string_view value,
                  const api::Messages& messages);
void check_one_of(FieldErrors& errors, const FieldPath& path, std::string_view value,
                  const std::vector<std::string_view>& allowed);
void check_not_negative(FieldErrors& errors, const FieldPath& path, int64_t value);
void check_port(FieldErrors& errors, const FieldPath& path, int64_t port);
// A port by number or by the name of a container's port.
void check_port_number_or_name(FieldErrors& errors, const FieldPath& path, const Value& port);
void check_immutable(FieldErrors& errors, const FieldPath& path, const Value& next,
                     const Value& old);
bool same(const Value& a, const Value& b);  // absent, null, {} and [] are one

inline constexpr std::string_view kFieldImmutable = "field is immutable";

}  // namespace kist::apiserver
