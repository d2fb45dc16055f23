// One value of a JSON document with its path, so that errors can name it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kist/base/json.h"
#include "kist/base/result.h"

namespace kist::runtime::oci {

// Reading methods take null and missing as "not there" and leave the target alone.
class Field {
 public:
  Field(const json::Value* value, std::string path) : value_(value), path_(std::move(path)) {}

  bool there() const { return value_ != nullptr && !value_->IsNull(); }
  const std::string& path() const { return path_; }
  Error invalid(const std::string& why) const { return Error{Code::kInvalid, path_ + ": " + why}; }

  Result<Field> member(const char* name) const;  // an object's; may be missing
  Result<std::vector<Field>> elements() const;   // an array's
  Result<std::vector<std::pair<std::string, Field>>> members() const;

  // member(name).elements() and the like, in one word.
  Result<std::vector<Field>> elements_of(const char* name) const {
    const Field field = TRY(member(name));
    return field.elements();
  }
  Result<std::vector<std::pair<std::string, Field>>> members_of(const char* name) const {
    const Field field = TRY(member(name));
    return field.members();
  }

  Result<> read(std::string& to) const;
  Result<> read(bool& to) const;
  Result<> read(int64_t& to) const;
  Result<> read(uint64_t& to) const;
  Result<> read(uint32_t& to) const;
  Result<> read(std::vector<std::string>& to) const;
  template <typename T>
  Result<> read(std::optional<T>& to) const {
    if (!there()) return {};
    T value{};
    TRY(read(value));
    to = value;
    return {};
  }
  // member(name).read(to), in one word.
  template <typename T>
  Result<> get(const char* name, T& to) const {
    const Field field = TRY(member(name));
    return field.read(to);
  }

 private:
  const json::Value* value_;
  std::string path_;
};

// read(member `name` of `parent`, to...)
template <typename Read, typename... To>
Result<> part(const Field& parent, const char* name, Read read, To&... to) {
  const Field field = TRY(parent.member(name));
  return read(field, to...);
}

}  // namespace kist::runtime::oci
