// What a cache keeps of each object beside its bytes.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "kist/client/cache.h"
#include "kist/client/times.h"

namespace kist::client {
namespace {

std::string text(const api::Value& object, std::string_view member) {
  return std::string(api::text_of(object, member));
}

const api::Value* array_of(const api::Value& object, std::string_view member) {
  const api::Value* found = api::find(object, member);
  return found != nullptr && found->IsArray() ? found : nullptr;
}

std::vector<OwnerReference> owners_of(const api::Value& metadata) {
  std::vector<OwnerReference> owners;
  if (const api::Value* references = array_of(metadata, "ownerReferences"))
    for (const api::Value& r : references->GetArray())
      owners.push_back({text(r, "apiVersion"), text(r, "kind"), text(r, "name"), text(r, "uid"),
                        api::bool_of(r, "controller"), api::bool_of(r, "blockOwnerDeletion")});
  return owners;
}

std::vector<std::pair<std::string, std::string>> labels_of(const api::Value& metadata) {
  std::vector<std::pair<std::string, std::string>> labels;
  const api::Value* found = api::find(metadata, "labels");
  if (found == nullptr || !found->IsObject()) return labels;
  for (const auto& member : found->GetObject())
    if (member.value.IsString())
      labels.emplace_back(std::string(member.name.GetString(), member.name.GetStringLength()),
                          std::string(member.value.GetString(), member.value.GetStringLength()));
  std::sort(labels.begin(), labels.end());
  return labels;
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

const OwnerReference* Object::controller() const {
  for (const OwnerReference& owner : owners)
    if (owner.controller) return &owner;
  return nullptr;
}

bool Object::has_finalizer(std::string_view finalizer) const {
  return std::find(finalizers.begin(), finalizers.end(), finalizer) != finalizers.end();
}

api::Json Object::parse() const {
  Result<api::Json> json = api::parse_json(bytes.view(), nullptr, {.bytes_max = 1u << 30});
  ENSURE(json.ok());
  return std::move(json).value();
}

Result<ObjectPtr> object_of(Slice bytes) {
  api::Json json = TRY(api::parse_json(bytes.view(), nullptr, {.bytes_max = 1u << 30}));
  const api::Value* metadata = api::find(json.root(), "metadata");
  if (metadata == nullptr) return Error{Code::kInternal, "an object without metadata"};
  auto object = std::make_shared<Object>();
  object->space = text(*metadata, "namespace");
  object->name = text(*metadata, "name");
  object->uid = text(*metadata, "uid");
  object->revision = revision_of(json.root());
  object->generation = api::int_of(*metadata, "generation");
  object->created_seconds = unix_seconds(api::text_of(*metadata, "creationTimestamp"));
  object->deleting = !api::text_of(*metadata, "deletionTimestamp").empty();
  if (const api::Value* finalizers = array_of(*metadata, "finalizers"))
    for (const api::Value& finalizer : finalizers->GetArray())
      if (finalizer.IsString()) object->finalizers.emplace_back(finalizer.GetString());
  object->owners = owners_of(*metadata);
  object->labels = labels_of(*metadata);
  object->bytes = std::move(bytes);
  return ObjectPtr(std::move(object));
}

}  // namespace kist::client
