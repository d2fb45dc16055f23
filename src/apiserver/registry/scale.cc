// The selector is told as text, as horizontal autoscalers want it.
#include "src/apiserver/registry/scale.h"

#include <algorithm>
#include <vector>

#include "kist/api/json.h"
#include "src/apiserver/text.h"
#include "src/apiserver/values.h"

namespace kist::apiserver {
namespace {

std::string expression_text(const api::Value& expression) {
  std::string key(api::text_of(expression, "key"));
  std::string_view op = api::text_of(expression, "operator");
  if (op == "Exists") return key;
  if (op == "DoesNotExist") return "!" + key;
  std::vector<std::string> values = texts_of(api::find(expression, "values"));
  std::sort(values.begin(), values.end());
  std::string out = key + (op == "In" ? " in (" : " notin (");
  for (size_t i = 0; i < values.size(); ++i) out += (i == 0 ? "" : ",") + values[i];
  return out + ")";
}

std::string selector_text(const api::Value* selector) {
  if (selector == nullptr || !selector->IsObject()) return {};
  std::vector<std::string> parts;
  if (const api::Value* labels = api::find(*selector, "matchLabels"); is_object(labels)) {
    for (const auto& label : labels->GetObject()) {
      if (!label.value.IsString()) continue;
      parts.push_back(std::string(label.name.GetString()) + "=" + label.value.GetString());
    }
  }
  if (const api::Value* list = api::find(*selector, "matchExpressions"); is_list(list)) {
    for (const api::Value& expression : list->GetArray()) {
      parts.push_back(expression_text(expression));
    }
  }
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

}  // namespace

std::string scale_text(std::string_view stored) {
  Result<api::Json> parsed = api::parse_json(stored);
  ENSURE(parsed.ok());
  const api::Value& object = parsed.value().root();
  const api::Value& metadata = *api::find(object, "metadata");
  const api::Value* replicas = api::find_path(object, {"spec", "replicas"});
  const api::Value* running = api::find_path(object, {"status", "replicas"});
  std::string out = R"({"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{)";
  for (const char* field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (out.back() != '{') out += ',';
    out += json_string(field) + ":" + json_string(api::text_of(metadata, field));
  }
  out += "},\"spec\":{";
  if (replicas != nullptr && replicas->IsInt64() && replicas->GetInt64() != 0) {
    out += "\"replicas\":" + std::to_string(replicas->GetInt64());
  }
  int64_t count = running != nullptr && running->IsInt64() ? running->GetInt64() : 0;
  out += "},\"status\":{\"replicas\":" + std::to_string(count);
  std::string selector = selector_text(api::find_path(object, {"spec", "selector"}));
  if (!selector.empty()) out += ",\"selector\":" + json_string(selector);
  return out + "}}";
}

}  // namespace kist::apiserver
