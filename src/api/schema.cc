// Finding things in the generated tables: binary searches, no indices built at start.
#include "kist/api/schema.h"

#include <algorithm>
#include <tuple>

#include "api/schema_tables.h"

namespace kist::api {

int Type::find_index(std::string_view member) const {
  auto found = std::ranges::lower_bound(by_name, member, {},
                                        [this](uint16_t index) { return members[index]->name; });
  if (found == by_name.end() || members[*found]->name != member) return -1;
  return *found;
}

const Field* Type::find(std::string_view member) const {
  int index = find_index(member);
  return index < 0 ? nullptr : members[index];
}

const Field* Type::find_number(uint32_t number) const {
  auto found = std::ranges::lower_bound(
      by_number, number, {}, [this](uint16_t index) -> uint32_t { return fields[index].number; });
  if (found == by_number.end() || fields[*found].number != number) return nullptr;
  return &fields[*found];
}

std::span<const Kind> all_kinds() { return table_kinds(); }
std::span<const Type* const> all_types() { return table_types(); }

const Kind* find_kind(std::string_view group, std::string_view version, std::string_view kind) {
  auto key = [](const Kind& row) { return std::tie(row.group, row.version, row.kind); };
  std::span<const Kind> kinds = table_kinds();
  auto wanted = std::tie(group, version, kind);
  auto found = std::ranges::lower_bound(kinds, wanted, {}, key);
  return found != kinds.end() && key(*found) == wanted ? &*found : nullptr;
}

const Type* find_type(std::string_view openapi_name) {
  std::span<const Type* const> types = table_types();
  auto found = std::ranges::lower_bound(types, openapi_name, {}, &Type::name);
  return found != types.end() && (*found)->name == openapi_name ? *found : nullptr;
}

}  // namespace kist::api
