// Typed, read-only looks at JSON. The classes themselves are generated: #include
// "kist_api_views.h".
//
//   core_v1::Pod pod(object);
//   for (core_v1::Container container : pod.spec().containers()) log(container.name());
//
// Ownership: a view is one pointer into a Value that somebody else keeps; copy it freely, never
// keep it longer than the value. What is missing reads as empty, zero or an empty list; where
// absent and zero differ (pointers in Go), numbers and booleans are optional.
#pragma once

#include <optional>
#include <string_view>

#include "kist/api/json.h"

namespace kist::api {

class View {
 public:
  View() = default;
  explicit View(const Value& value) : value_(&value) {}
  explicit View(const Value* value) : value_(value) {}

  // Whether there is an object at all.
  explicit operator bool() const { return value_ != nullptr && value_->IsObject(); }
  const Value* value() const { return value_; }

 protected:
  const Value* get(std::string_view member) const {
    return value_ == nullptr ? nullptr : find(*value_, member);
  }

 private:
  const Value* value_ = nullptr;
};

namespace view {

inline std::string_view text(const Value* value) {
  if (value == nullptr || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}
inline bool boolean(const Value* value) { return value != nullptr && value->IsTrue(); }
inline int64_t integer(const Value* value) {
  return value != nullptr && value->IsInt64() ? value->GetInt64() : 0;
}
inline double number(const Value* value) {
  return value != nullptr && value->IsNumber() ? value->GetDouble() : 0;
}
inline std::optional<bool> optional_boolean(const Value* value) {
  if (value == nullptr || !value->IsBool()) return {};
  return value->GetBool();
}
inline std::optional<int64_t> optional_integer(const Value* value) {
  if (value == nullptr || !value->IsInt64()) return {};
  return value->GetInt64();
}
inline std::optional<double> optional_number(const Value* value) {
  if (value == nullptr || !value->IsNumber()) return {};
  return value->GetDouble();
}

// An item of a list or map as T: a view, a text or a number.
template <typename T>
T as(const Value& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return text(&value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return boolean(&value);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    return integer(&value);
  } else if constexpr (std::is_same_v<T, double>) {
    return number(&value);
  } else {
    return T(value);
  }
}

}  // namespace view

template <typename T>
class ListView {
 public:
  explicit ListView(const Value* list)
      : list_(list != nullptr && list->IsArray() ? list : nullptr) {}

  class Iterator {
   public:
    explicit Iterator(const Value* at) : at_(at) {}
    T operator*() const { return view::as<T>(*at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Value* at_;
  };

  Iterator begin() const { return Iterator(list_ ? list_->Begin() : nullptr); }
  Iterator end() const { return Iterator(list_ ? list_->End() : nullptr); }
  size_t size() const { return list_ ? list_->Size() : 0; }
  bool empty() const { return size() == 0; }
  T operator[](size_t index) const {
    return view::as<T>((*list_)[static_cast<rapidjson::SizeType>(index)]);
  }
  const Value* value() const { return list_; }

 private:
  const Value* list_;
};

// Entries in the order of the text, which is sorted by key in canonical objects.
template <typename T>
class MapView {
 public:
  explicit MapView(const Value* map) : map_(map != nullptr && map->IsObject() ? map : nullptr) {}

  struct Entry {
    std::string_view key;
    T value;
  };
  class Iterator {
   public:
    explicit Iterator(const Value::Member* at) : at_(at) {}
    Entry operator*() const { return {view::text(&at_->name), view::as<T>(at_->value)}; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const Value::Member* at_;
  };

  Iterator begin() const { return Iterator(empty() ? nullptr : &*map_->MemberBegin()); }
  Iterator end() const { return Iterator(empty() ? nullptr : &*map_->MemberBegin() + size()); }
  size_t size() const { return map_ ? map_->MemberCount() : 0; }
  bool empty() const { return size() == 0; }
  bool has(std::string_view key) const { return map_ != nullptr && find(*map_, key) != nullptr; }
  // The zero of T where there is none.
  T operator[](std::string_view key) const {
    const Value* value = map_ ? find(*map_, key) : nullptr;
    return value ? view::as<T>(*value) : T();
  }
  const Value* value() const { return map_; }

 private:
  const Value* map_;
};

}  // namespace kist::api
