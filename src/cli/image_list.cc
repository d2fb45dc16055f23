#include "cli/image_list.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "cli/progress.h"
#include "kist/base/json.h"

namespace kist::cli {
namespace {

using json::Value;
using runtime::images::Image;
using Row = std::array<std::string, 5>;

std::string pretty(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  value.Accept(writer);
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string short_id(const std::string& id) { return id.substr(id.find(':') + 1, 12); }

// "3 days ago", as docker counts.
std::string age_text(const std::string& created, int64_t now_seconds) {
  std::tm time{};
  if (::strptime(created.c_str(), "%Y-%m-%dT%H:%M:%S", &time) == nullptr) return "N/A";
  const int64_t age = std::max<int64_t>(now_seconds - ::timegm(&time), 0);
  struct Unit {
    int64_t seconds;
    const char* name;
  };
  constexpr Unit kUnits[] = {{365 * 86400, "years"}, {30 * 86400, "months"}, {7 * 86400, "weeks"},
                             {86400, "days"},        {3600, "hours"},        {60, "minutes"}};
  for (const Unit& unit : kUnits)
    if (age >= 2 * unit.seconds)
      return std::to_string(age / unit.seconds) + " " + unit.name + " ago";
  return age >= 60 ? "About a minute ago" : std::to_string(age) + " seconds ago";
}

// "docker.io/library/" is not said, as docker does not say it.
std::string familiar(std::string name) {
  for (const std::string_view prefix : {"docker.io/library/", "docker.io/"})
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  return name;
}

std::vector<Row> rows_of(const Image& image, int64_t now_seconds) {
  const std::string age = age_text(image.config.created, now_seconds);
  const std::string size = image.problem.empty() ? size_text(image.bytes) : "incomplete";
  std::vector<Row> rows;
  for (const std::string& name : image.names) {
    const size_t colon = name.rfind(':');
    rows.push_back(
        {familiar(name.substr(0, colon)), name.substr(colon + 1), short_id(image.id), age, size});
  }
  if (rows.empty()) rows.push_back({"<none>", "<none>", short_id(image.id), age, size});
  return rows;
}

void set_list(Value& object, std::string_view member, const std::vector<std::string>& texts,
              json::Allocator& allocator) {
  Value list(rapidjson::kArrayType);
  for (const std::string& text : texts) list.PushBack(json::make_text(text, allocator), allocator);
  json::set(object, member, std::move(list), allocator);
}

Value summary(const Image& image, json::Allocator& allocator) {
  Value object(rapidjson::kObjectType);
  json::set(object, "Id", image.id, allocator);
  set_list(object, "RepoTags", image.names, allocator);
  set_list(object, "RepoDigests", image.digests, allocator);
  json::set(object, "Created", image.config.created, allocator);
  json::set(object, "Os", image.config.platform.os, allocator);
  json::set(object, "Architecture", image.config.platform.architecture, allocator);
  json::set(object, "Size", Value(image.bytes), allocator);
  if (!image.problem.empty()) json::set(object, "Problem", image.problem, allocator);
  return object;
}

}  // namespace

std::string image_table(const std::vector<Image>& images, int64_t now_seconds) {
  std::vector<Row> rows{{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}};
  for (const Image& image : images)
    for (Row& row : rows_of(image, now_seconds)) rows.push_back(std::move(row));
  std::array<size_t, 5> widths{};
  for (const Row& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      text += row[i] + std::string(widths[i] - row[i].size() + 3, ' ');
    text += row.back() + "\n";
  }
  return text;
}

std::string image_list_json(const std::vector<Image>& images) {
  json::Json document;
  document.root().SetArray();
  for (const Image& image : images)
    document.root().PushBack(summary(image, document.allocator()), document.allocator());
  return pretty(document.root());
}

std::string image_json(const Image& image) {
  json::Json document;
  auto& allocator = document.allocator();
  document.root() = summary(image, allocator);
  const Result<json::Json> config = json::parse_json(image.config_json);
  if (config.ok()) {
    if (const Value* process = json::find(config.value().root(), "config"))
      json::set(document.root(), "Config", json::copy(*process, allocator), allocator);
  }
  Value layers(rapidjson::kArrayType);
  for (const auto& layer : image.layers) {
    Value object(rapidjson::kObjectType);
    json::set(object, "DiffID", layer.diff_id, allocator);
    json::set(object, "Digest", layer.blob_digest, allocator);
    json::set(object, "Size", Value(layer.bytes), allocator);
    json::set(object, "Entries", Value(layer.entries), allocator);
    json::set(object, "Directory", layer.directory, allocator);
    layers.PushBack(object, allocator);
  }
  json::set(document.root(), "Layers", std::move(layers), allocator);
  return pretty(document.root());
}

}  // namespace kist::cli
