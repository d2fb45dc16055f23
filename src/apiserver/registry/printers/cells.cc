#include "src/apiserver/registry/printers/cells.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <vector>

namespace kist::apiserver {
namespace {

constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400, kYear = 365 * kDay;

bool digits(std::string_view text, size_t from, size_t count, int& out) {
  if (text.size() < from + count) return false;
  const char* begin = text.data() + from;
  auto [end, error] = std::from_chars(begin, begin + count, out);
  return error == std::errc() && end == begin + count;
}

// "3h5m": the smaller unit left out when it is zero.
std::string two_units(int64_t big, const char* unit, int64_t small, const char* small_unit) {
  std::string text = std::to_string(big) + unit;
  if (small != 0) text += std::to_string(small) + small_unit;
  return text;
}

std::string requirement_text(const Value& requirement) {
  std::string key(api::text_of(requirement, "key"));
  std::string_view op = api::text_of(requirement, "operator");
  if (op == "Exists") return key;
  if (op == "DoesNotExist") return "!" + key;
  std::vector<std::string> values;
  each(requirement, "values", [&](const Value& v, size_t) { values.emplace_back(view(v)); });
  std::sort(values.begin(), values.end());
  std::string text = key + (op == "NotIn" ? " notin (" : " in (");
  for (size_t i = 0; i < values.size(); ++i) text += (i ? "," : "") + values[i];
  return text + ")";
}

}  // namespace

int64_t parse_time(std::string_view text) {
  int year, month, day, hour, minute, second;
  if (!digits(text, 0, 4, year) || !digits(text, 5, 2, month) || !digits(text, 8, 2, day) ||
      !digits(text, 11, 2, hour) || !digits(text, 14, 2, minute) || !digits(text, 17, 2, second)) {
    return -1;
  }
  using namespace std::chrono;
  year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                      std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return -1;
  return sys_days(date).time_since_epoch().count() * kDay + hour * kHour + minute * kMinute +
         second;
}

std::string human_duration(int64_t seconds) {
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * kMinute) return std::to_string(seconds) + "s";
  int64_t minutes = seconds / kMinute, hours = seconds / kHour, days = seconds / kDay;
  if (minutes < 10) return two_units(minutes, "m", seconds % kMinute, "s");
  if (minutes < 180) return std::to_string(minutes) + "m";
  if (hours < 8) return two_units(hours, "h", minutes % 60, "m");
  if (hours < 48) return std::to_string(hours) + "h";
  if (days < 8) return two_units(days, "d", hours % 24, "h");
  if (seconds < 2 * kYear) return std::to_string(days) + "d";
  if (seconds < 8 * kYear) return two_units(seconds / kYear, "y", days % 365, "d");
  return std::to_string(seconds / kYear) + "y";
}

std::string age_of(const Value& time, int64_t now) {
  int64_t then = parse_time(view(time));
  return then < 0 ? "<unknown>" : human_duration(now - then);
}

std::string created(const Value& object, int64_t now) {
  return age_of(at(object, "metadata", "creationTimestamp"), now);
}

std::string join_labels(const Value& labels) {
  if (!labels.IsObject() || labels.ObjectEmpty()) return "<none>";
  std::map<std::string_view, std::string_view> sorted;
  for (const auto& label : labels.GetObject()) sorted[view(label.name)] = view(label.value);
  std::string text;
  for (const auto& [key, value] : sorted) {
    if (!text.empty()) text += ',';
    text.append(key).append("=").append(value);
  }
  return text;
}

std::string selector_text(const Value& selector) {
  std::vector<std::string> parts;
  each_member(selector, "matchLabels", [&](std::string_view key, const Value& value) {
    parts.push_back(std::string(key) + "=" + std::string(view(value)));
  });
  each(selector, "matchExpressions",
       [&](const Value& item, size_t) { parts.push_back(requirement_text(item)); });
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return or_none(text);
}

std::string join(const Value& list, std::string_view member) {
  std::string text;
  if (!list.IsArray()) return text;
  for (const Value& item : list.GetArray()) {
    if (&item != list.Begin()) text += ',';
    text += member.empty() ? view(item) : api::text_of(item, member);
  }
  return text;
}

void add_cell(Value& cells, std::string_view text, Allocator& allocator) {
  if (text.empty()) text = "";  // RapidJSON refuses the null pointer of an absent text
  cells.PushBack(
      Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator).Move(),
      allocator);
}

void add_cell(Value& cells, int64_t number, Allocator& allocator) {
  cells.PushBack(Value(number).Move(), allocator);
}

std::string or_none(std::string_view text) { return text.empty() ? "<none>" : std::string(text); }

}  // namespace kist::apiserver
