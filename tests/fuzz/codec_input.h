// What every fuzz target checks of an object that came in: that it can be made canonical, that the
// canonical form is a fixed point, and that both encodings take it.
#pragma once

#include <cstdint>

#include "kist/api/codec.h"

namespace kist::fuzz {

inline void check(const api::Type& type, api::Json& json) {
  std::vector<std::string> unknown;
  if (!api::canonicalize(type, json.root(), json.allocator(), &unknown).ok()) return;
  std::string text = api::to_text(json.root());
  auto again = api::parse_json(text);
  if (!again.ok()) return;  // text that grew beyond the limit
  ENSURE(api::canonicalize(type, again.value().root(), again.value().allocator(), nullptr).ok());
  ENSURE(api::to_text(again.value().root()) == text);
  api::apply_declared_defaults(type, json.root(), json.allocator());
  if (type.protobuf) {
    auto back = api::decode_protobuf(type, api::encode_protobuf(type, json.root()));
    ENSURE(back.ok() || back.error().code == Code::kTooLarge);
  }
}

// Any of the kinds, chosen by the input's first byte, so that all tables are met.
inline const api::Type& pick_type(uint8_t byte) {
  auto kinds = api::all_kinds();
  return *kinds[byte % kinds.size()].type;
}

}  // namespace kist::fuzz
