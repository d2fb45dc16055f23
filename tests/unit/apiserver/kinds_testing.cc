#include "tests/unit/apiserver/kinds_testing.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver::testing {
namespace {

void merge(api::Value& target, const api::Value& change, api::Allocator& allocator) {
  if (!change.IsObject() || !target.IsObject()) {
    target.CopyFrom(change, allocator);
    return;
  }
  for (const auto& member : change.GetObject()) {
    std::string name(view(member.name));
    if (member.value.IsNull()) {
      api::remove(target, name);
    } else if (api::Value* existing = api::find(target, name);
               existing != nullptr && existing->IsObject()) {
      merge(*existing, member.value, allocator);
    } else {
      api::set(target, name, api::copy(member.value, allocator), allocator);
    }
  }
}

}  // namespace

api::Json json(std::string_view text) {
  std::string quoted(text);
  std::replace(quoted.begin(), quoted.end(), '\'', '"');
  auto parsed = api::parse_json(quoted);
  INFO(quoted);
  REQUIRE(parsed.ok());
  return std::move(parsed).value();
}

api::Json merged(std::string_view base, std::string_view change) {
  api::Json object = json(base);
  api::Json patch = json(change);
  merge(object.root(), patch.root(), object.allocator());
  return object;
}

std::vector<std::string> lines(api::FieldErrors& errors) {
  std::vector<std::string> out;
  for (const Cause& cause : errors.take()) out.push_back(cause.field + ": " + cause.message);
  return out;
}

std::vector<std::string> create_errors(const Strategy& strategy, api::Json& object) {
  if (strategy.set_defaults) strategy.set_defaults(object.root(), object.allocator());
  api::FieldErrors errors;
  if (strategy.validate) strategy.validate(object.root(), errors);
  return lines(errors);
}

std::vector<std::string> update_errors(const Strategy& strategy, api::Json& next, api::Json& old) {
  if (strategy.set_defaults) {
    strategy.set_defaults(next.root(), next.allocator());
    strategy.set_defaults(old.root(), old.allocator());
  }
  if (strategy.prepare_update) {
    strategy.prepare_update(next.root(), old.root(), next.allocator());
  }
  api::FieldErrors errors;
  if (strategy.validate_update) strategy.validate_update(next.root(), old.root(), errors);
  return lines(errors);
}

std::string value_at(const api::Value& object, std::string_view path) {
  const api::Value* value = &object;
  while (!path.empty() && !value->IsNull()) {
    size_t end = std::min(path.find_first_of(".["), path.size());
    value = &at(*value, path.substr(0, end));
    path.remove_prefix(end);
    while (path.starts_with('[')) {
      size_t close = path.find(']');
      auto index =
          static_cast<rapidjson::SizeType>(std::stoul(std::string(path.substr(1, close - 1))));
      static const api::Value kNull;
      value = value->IsArray() && index < value->Size() ? &(*value)[index] : &kNull;
      path.remove_prefix(close + 1);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return value->IsNull() ? "" : api::to_text(*value);
}

}  // namespace kist::apiserver::testing
