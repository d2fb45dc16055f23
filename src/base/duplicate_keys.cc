#include "kist/base/duplicate_keys.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace kist::json {
namespace {

constexpr rapidjson::SizeType kComparedMax = 16;  // up to here comparing all pairs is cheaper
constexpr size_t kPathsMax = 100;                 // a client needs no more to see what is wrong

// Where the walk stands: a chain on the stack, made text only when something is found.
struct Place {
  const Place* parent = nullptr;
  std::string_view name = {};
  rapidjson::SizeType index = 0;

  std::string text() const {
    if (parent == nullptr) return {};
    std::string above = parent->text();
    if (name.data() == nullptr) return above + "[" + std::to_string(index) + "]";
    return above.empty() ? std::string(name) : above + "." + std::string(name);
  }
};

std::string_view view(const Value& name) { return {name.GetString(), name.GetStringLength()}; }

bool few_have_duplicates(const Value& object) {
  for (auto a = object.MemberBegin(); a != object.MemberEnd(); ++a) {
    for (auto b = a + 1; b != object.MemberEnd(); ++b) {
      if (a->name.GetStringLength() == b->name.GetStringLength() &&
          view(a->name) == view(b->name)) {
        return true;
      }
    }
  }
  return false;
}

bool many_have_duplicates(const Value& object) {
  std::vector<std::string_view> names;
  names.reserve(object.MemberCount());
  for (const auto& member : object.GetObject()) names.push_back(view(member.name));
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

void keep_last(Value& object, Allocator& allocator, const Place& place,
               std::vector<std::string>* paths) {
  std::unordered_map<std::string_view, rapidjson::SizeType> kept;  // where in `rebuilt`
  Value rebuilt(rapidjson::kObjectType);
  for (auto& member : object.GetObject()) {
    std::string_view name = view(member.name);
    auto [found, added] = kept.try_emplace(name, rebuilt.MemberCount());
    if (!added) {
      if (paths != nullptr && paths->size() < kPathsMax) {
        std::string path = Place{&place, name}.text();
        if (std::ranges::find(*paths, path) == paths->end()) paths->push_back(std::move(path));
      }
      (rebuilt.MemberBegin() + found->second)->value = std::move(member.value);
      continue;
    }
    rebuilt.AddMember(member.name, member.value, allocator);
  }
  object = std::move(rebuilt);
}

void walk(Value& value, Allocator& allocator, const Place& place, std::vector<std::string>* paths) {
  if (value.IsArray()) {
    rapidjson::SizeType index = 0;
    for (Value& item : value.GetArray()) walk(item, allocator, {&place, {}, index++}, paths);
    return;
  }
  if (!value.IsObject()) return;
  bool duplicates = value.MemberCount() <= kComparedMax ? few_have_duplicates(value)
                                                        : many_have_duplicates(value);
  if (duplicates) keep_last(value, allocator, place, paths);
  for (auto& member : value.GetObject()) {
    if (member.value.IsObject() || member.value.IsArray()) {
      walk(member.value, allocator, {&place, view(member.name)}, paths);
    }
  }
}

}  // namespace

void resolve_duplicate_keys(Value& root, Allocator& allocator, std::vector<std::string>* paths) {
  walk(root, allocator, Place{}, paths);
}

}  // namespace kist::json
