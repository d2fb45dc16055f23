// Careful looks at values that clients sent: what is not of the expected form counts as empty.
#pragma once

#include <string>
#include <vector>

#include "kist/api/json.h"

namespace kist::apiserver {

inline bool is_list(const api::Value* value) { return value != nullptr && value->IsArray(); }
inline bool is_object(const api::Value* value) { return value != nullptr && value->IsObject(); }

// The texts of a list; a null, absent or odd one has none.
inline std::vector<std::string> texts_of(const api::Value* list) {
  std::vector<std::string> texts;
  if (!is_list(list)) return texts;
  for (const api::Value& item : list->GetArray()) {
    if (item.IsString()) texts.emplace_back(item.GetString(), item.GetStringLength());
  }
  return texts;
}

inline api::Value list_of(const std::vector<std::string>& texts, api::Allocator& allocator) {
  api::Value list(rapidjson::kArrayType);
  for (const std::string& text : texts) {
    list.PushBack(api::Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator),
                  allocator);
  }
  return list;
}

}  // namespace kist::apiserver
