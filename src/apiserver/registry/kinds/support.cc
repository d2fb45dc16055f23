#include "src/apiserver/registry/kinds/support.h"

#include <algorithm>

namespace kist::apiserver {
namespace {

bool is_empty(const Value& value) {
  return value.IsNull() || (value.IsObject() && value.ObjectEmpty()) ||
         (value.IsArray() && value.Empty());
}

}  // namespace

const Value& at(const Value& object, std::string_view member) {
  static const Value kNull;
  const Value* value = object.IsObject() ? api::find(object, member) : nullptr;
  return value == nullptr ? kNull : *value;
}

size_t size_of(const Value& object, std::string_view member) {
  const Value& value = at(object, member);
  if (value.IsArray()) return value.Size();
  return value.IsObject() ? value.MemberCount() : 0;
}

void default_text(Value& object, std::string_view member, std::string_view text,
                  Allocator& allocator) {
  if (api::text_of(object, member).empty()) api::set(object, member, text, allocator);
}

void default_text_or_empty(Value& object, std::string_view member, Allocator& allocator) {
  if (!has(object, member)) api::set(object, member, std::string_view(""), allocator);
}

void default_int(Value& object, std::string_view member, int64_t number, Allocator& allocator) {
  if (!has(object, member)) api::set(object, member, Value(number), allocator);
}

void default_nonzero(Value& object, std::string_view member, int64_t number, Allocator& allocator) {
  if (api::int_of(object, member) == 0) api::set(object, member, Value(number), allocator);
}

void default_bool(Value& object, std::string_view member, bool flag, Allocator& allocator) {
  if (!has(object, member)) api::set(object, member, Value(flag), allocator);
}

void default_object(Value& object, std::string_view member, Allocator& allocator) {
  if (!has(object, member)) {
    api::set(object, member, Value(rapidjson::kObjectType), allocator);
  }
}

void put(Value& object, std::string_view member, const Value& from, Allocator& allocator) {
  if (from.IsNull()) {
    api::remove(object, member);
  } else {
    api::set(object, member, api::copy(from, allocator), allocator);
  }
}

void keep_member(Value& next, const Value& old, std::string_view member, Allocator& allocator) {
  put(next, member, at(old, member), allocator);
}

void add_messages(FieldErrors& errors, const FieldPath& path, std::string_view value,
                  const api::Messages& messages) {
  for (const std::string& message : messages) errors.invalid(path, value, message);
}

void check_one_of(FieldErrors& errors, const FieldPath& path, std::string_view value,
                  const std::vector<std::string_view>& allowed) {
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    errors.not_supported(path, value, allowed);
  }
}

void check_not_negative(FieldErrors& errors, const FieldPath& path, int64_t value) {
  if (value < 0) errors.invalid(path, value, "must be greater than or equal to 0");
}

void check_port(FieldErrors& errors, const FieldPath& path, int64_t port) {
  for (const std::string& message : api::check_port_number(port)) {
    errors.invalid(path, port, message);
  }
}

void check_port_number_or_name(FieldErrors& errors, const FieldPath& path, const Value& port) {
  if (port.IsString()) {
    add_messages(errors, path, view(port), api::check_port_name(view(port)));
  } else {
    check_port(errors, path, port.IsInt64() ? port.GetInt64() : 0);
  }
}

bool same(const Value& a, const Value& b) {
  if (is_empty(a) && is_empty(b)) return true;
  return api::equal(a, b);
}

void check_immutable(FieldErrors& errors, const FieldPath& path, const Value& next,
                     const Value& old) {
  if (!same(next, old)) errors.invalid(path, next, kFieldImmutable);
}

}  // namespace kist::apiserver
