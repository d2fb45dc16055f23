// What a cache keeps of each object beside its bytes.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "kist/client/cache.h"
#include "kist/client/times.h"

namespace kist::client {
namespace {

const api::Value* array_of(const api::Value& object, std::string_view member) {
  const api::Value* found = api::find(object, member);
  return found != nullptr && found->IsArray() ? found : nullptr;
}

std::string_view string_of(const api::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

void read_owners(const api::Value& metadata, Object& object) {
  const api::Value* references = array_of(metadata, "ownerReferences");
  if (references == nullptr) return;
  object.owners.reserve(references->Size());
  const auto text = [&object](const api::Value& reference, std::string_view member) {
    return object.texts.keep(api::text_of(reference, member));
  };
  for (const api::Value& r : references->GetArray())
    object.owners.push_back({text(r, "apiVersion"), text(r, "kind"), text(r, "name"),
                             text(r, "uid"), api::bool_of(r, "controller"),
                             api::bool_of(r, "blockOwnerDeletion")});
}

void read_labels(const api::Value& metadata, Object& object) {
  const api::Value* found = api::find(metadata, "labels");
  if (found == nullptr || !found->IsObject()) return;
  object.labels.reserve(found->MemberCount());
  for (const auto& member : found->GetObject()) {
    if (!member.value.IsString()) continue;
    const std::string_view key = object.texts.keep(string_of(member.name));
    object.labels.emplace_back(key, object.texts.keep(string_of(member.value)));
  }
  std::sort(object.labels.begin(), object.labels.end());
}

void read_finalizers(const api::Value& metadata, Object& object) {
  const api::Value* finalizers = array_of(metadata, "finalizers");
  if (finalizers == nullptr) return;
  object.finalizers.reserve(finalizers->Size());
  for (const api::Value& finalizer : finalizers->GetArray())
    if (finalizer.IsString()) object.finalizers.push_back(object.texts.keep(string_of(finalizer)));
}

}  // namespace

int64_t unix_seconds(std::string_view t) {
  // "2026-11-24T05:17:19Z": two digits (four of the year) at fixed places
  if (t.size() < 20 || t[4] != '-' || t[10] != 'T') return 0;
  const auto number = [&](size_t at, size_t digits) {
    int value = 0;
    std::from_chars(t.data() + at, t.data() + at + digits, value);
    return value;
  };
  const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!day.ok()) return 0;
  const auto days = std::chrono::sys_days(day).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(days).count() + number(11, 2) * 3600 +
         number(14, 2) * 60 + number(17, 2);
}

std::string_view Texts::keep(std::string_view text) {
  if (text.empty()) return {};
  const std::string_view bytes = bytes_.view();
  size_t at = bytes.find(text, next_);
  if (at == std::string_view::npos) at = bytes.substr(0, next_).find(text);
  if (at == std::string_view::npos) return copies_.emplace_front(text);
  next_ = static_cast<uint32_t>(at + text.size());
  return bytes.substr(at, text.size());
}

std::string key_of(std::string_view space, std::string_view name) {
  std::string key(space);
  if (!key.empty()) key += '/';
  return key += name;
}

const OwnerReference* Object::controller() const {
  for (const OwnerReference& owner : owners)
    if (owner.controller) return &owner;
  return nullptr;
}

bool Object::has_finalizer(std::string_view finalizer) const {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

api::Json Object::parse() const {
  Result<api::Json> json = api::parse_json(bytes().view(), nullptr, {.bytes_max = 1u << 30});
  ENSURE(json.ok());
  return std::move(json).value();
}

Result<ObjectPtr> object_of(Slice bytes, Projection projection) {
  api::Json json = TRY(api::parse_json(bytes.view(), nullptr, {.bytes_max = 1u << 30}));
  const api::Value* metadata = api::find(json.root(), "metadata");
  if (metadata == nullptr) return Error{Code::kInternal, "an object without metadata"};
  auto object = std::make_shared<Object>(std::move(bytes));
  object->name = object->texts.keep(api::text_of(*metadata, "name"));
  object->space = object->texts.keep(api::text_of(*metadata, "namespace"));
  object->uid = object->texts.keep(api::text_of(*metadata, "uid"));
  object->revision = revision_of(json.root());
  object->generation = api::int_of(*metadata, "generation");
  object->created_seconds = unix_seconds(api::text_of(*metadata, "creationTimestamp"));
  object->deleting = !api::text_of(*metadata, "deletionTimestamp").empty();
  read_labels(*metadata, *object);
  read_owners(*metadata, *object);
  read_finalizers(*metadata, *object);
  if (projection != nullptr) object->view = projection(json.root(), object->texts);
  return ObjectPtr(std::move(object));
}

}  // namespace kist::client
