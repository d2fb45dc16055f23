// Reading and writing the JSON of objects, as controllers need it again and again.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "kist/api/json.h"
#include "kist/api/selector.h"
#include "kist/base/clock.h"
#include "kist/client/cache.h"

namespace kist::controllers {

using api::Allocator;
using api::Json;
using api::Value;

// An object with nothing in it stands for what is not there.
const Value& child_of(const Value& object, std::string_view member);
const Value& path_of(const Value& object, std::initializer_list<std::string_view> members);
inline const Value& metadata_of(const Value& object) { return child_of(object, "metadata"); }
inline const Value& spec_of(const Value& object) { return child_of(object, "spec"); }
inline const Value& status_of(const Value& object) { return child_of(object, "status"); }
// The elements of an array; none where it is missing.
std::span<const Value> elements(const Value& object, std::string_view member);
std::string_view as_text(const Value& value);  // empty where it is none
std::string_view annotation(const Value& object, std::string_view key);

Json copy_of(const Value& value);
void set_int(Value& object, std::string_view member, int64_t number, Allocator& pool);
void set_bool(Value& object, std::string_view member, bool value, Allocator& pool);
void push(Value& object, std::string_view array, Value element, Allocator& pool);

// A meta/v1 LabelSelector. An empty one matches everything, one that is malformed nothing.
api::Selector selector_of(const Value& label_selector);
bool selects_everything(const Value& label_selector);
using Labels = std::vector<std::pair<std::string_view, std::string_view>>;  // of a client::Object
bool matches(const api::Selector& selector, const Labels& labels);

// The ownerReference of what `owner` controls.
Value owner_reference(const Value& owner, Allocator& pool);

// The condition of that type in status.conditions; an empty object if there is none.
const Value& condition_of(const Value& status, std::string_view type);

// int-or-string against a total: "25%" is rounded up or down. Unreadable: 0.
enum class Rounding : uint8_t { kUp, kDown };
int64_t scaled(const Value* int_or_percent, int64_t total, Rounding rounding);

int64_t unix_now(const Clock& clock);

}  // namespace kist::controllers
