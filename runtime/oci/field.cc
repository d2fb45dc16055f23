#include "runtime/oci/field.h"

namespace kist::runtime::oci {
namespace {

// Nothing the kernel takes as a C string can hold a NUL.
bool is_plain(const json::Value& value) {
  return std::string_view(value.GetString(), value.GetStringLength()).find('\0') ==
         std::string_view::npos;
}

}  // namespace

Result<Field> Field::member(const char* name) const {
  const std::string path = path_.empty() ? name : path_ + "." + name;
  if (!there()) return Field(nullptr, path);
  if (!value_->IsObject()) return invalid("must be an object");
  return Field(json::find(*value_, name), path);
}

Result<std::vector<Field>> Field::elements() const {
  std::vector<Field> all;
  if (!there()) return all;
  if (!value_->IsArray()) return invalid("must be an array");
  for (rapidjson::SizeType i = 0; i < value_->Size(); ++i) {
    all.emplace_back(&(*value_)[i], path_ + "[" + std::to_string(i) + "]");
  }
  return all;
}

Result<std::vector<std::pair<std::string, Field>>> Field::members() const {
  std::vector<std::pair<std::string, Field>> all;
  if (!there()) return all;
  if (!value_->IsObject()) return invalid("must be an object");
  for (auto one = value_->MemberBegin(); one != value_->MemberEnd(); ++one) {
    if (!is_plain(one->name)) return invalid("a name holds a NUL");
    const std::string name(one->name.GetString(), one->name.GetStringLength());
    all.emplace_back(name, Field(&one->value, path_ + "[" + name + "]"));
  }
  return all;
}

Result<> Field::read(std::string& to) const {
  if (!there()) return {};
  if (!value_->IsString()) return invalid("must be a string");
  if (!is_plain(*value_)) return invalid("holds a NUL");
  to.assign(value_->GetString(), value_->GetStringLength());
  return {};
}

Result<> Field::read(bool& to) const {
  if (!there()) return {};
  if (!value_->IsBool()) return invalid("must be true or false");
  to = value_->GetBool();
  return {};
}

Result<> Field::read(int64_t& to) const {
  if (!there()) return {};
  if (!value_->IsInt64()) return invalid("must be a whole number");
  to = value_->GetInt64();
  return {};
}

Result<> Field::read(uint64_t& to) const {
  if (!there()) return {};
  if (!value_->IsUint64()) return invalid("must be a whole number, not negative");
  to = value_->GetUint64();
  return {};
}

Result<> Field::read(uint32_t& to) const {
  if (!there()) return {};
  if (!value_->IsUint()) return invalid("must be a whole number of 32 bits");
  to = value_->GetUint();
  return {};
}

Result<> Field::read(std::vector<std::string>& to) const {
  if (!there()) return {};
  const std::vector<Field> all = TRY(elements());
  to.clear();
  for (const Field& one : all) {
    if (!one.there()) return one.invalid("must be a string");
    TRY(one.read(to.emplace_back()));
  }
  return {};
}

}  // namespace kist::runtime::oci
