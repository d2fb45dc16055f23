// Putting an object's members into another order without building it anew.
#pragma once

#include <span>

#include "kist/api/json.h"

namespace kist::api {

// Moves each member i to position `target[i]`; `target` is a permutation and is used up.
template <typename Index>
void reorder_members(Value& object, std::span<Index> target) {
  auto members = object.MemberBegin();
  for (size_t i = 0; i < target.size(); ++i) {
    while (static_cast<size_t>(target[i]) != i) {
      size_t to = static_cast<size_t>(target[i]);
      (members + static_cast<long>(i))->name.Swap((members + static_cast<long>(to))->name);
      (members + static_cast<long>(i))->value.Swap((members + static_cast<long>(to))->value);
      std::swap(target[i], target[to]);
    }
  }
}

void sort_members(Value& object);  // by name, bytewise, as Go prints maps

}  // namespace kist::api
