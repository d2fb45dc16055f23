#include "api/scalars.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <limits>

namespace kist::api {
namespace {

constexpr int64_t kSecondsPerDay = 86400;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kSecondsMin = -62167219200, kSecondsMax = 253402300799;  // years 0 to 9999
constexpr std::string_view kLayout = "2006-01-02T15:04:05Z07:00";

// Days since 1970-01-01 of a date in the Gregorian calendar, counting years from March so that leap
// days come last. Method: Howard Hinnant, "chrono-compatible low-level date algorithms".
int64_t days_of(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

struct Date {
  int64_t year;
  int month, day;
};

Date date_of(int64_t days) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t of_era = days - era * 146097;
  int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int shifted = static_cast<int>((5 * of_year + 2) / 153);
  int month = shifted + (shifted < 10 ? 3 : -9);
  int day = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1);
  return {year_of_era + era * 400 + (month <= 2), month, day};
}

int days_in_month(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

bool digit(char c) { return c >= '0' && c <= '9'; }

// Reads a time piece by piece; remembers the first piece that did not fit.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : rest_(text) {}

  int number(size_t digits, std::string_view layout) {
    int value = 0;
    if (!failed_.empty()) return 0;
    for (size_t i = 0; i < digits; ++i) {
      if (i >= rest_.size() || !digit(rest_[i])) {
        failed_ = layout;
        return 0;
      }
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  void literal(char wanted, std::string_view layout) {
    if (!failed_.empty()) return;
    if (rest_.empty() || rest_[0] != wanted) {
      failed_ = layout;
      return;
    }
    rest_.remove_prefix(1);
  }
  int32_t fraction() {
    if (!failed_.empty() || rest_.size() < 2 || rest_[0] != '.' || !digit(rest_[1])) return 0;
    rest_.remove_prefix(1);
    int32_t nanos = 0, unit = 100'000'000;
    for (; !rest_.empty() && digit(rest_[0]); rest_.remove_prefix(1), unit /= 10) {
      nanos += (rest_[0] - '0') * unit;  // digits behind the ninth weigh nothing
    }
    return nanos;
  }
  int64_t zone_seconds() {
    if (!failed_.empty()) return 0;
    if (rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
      return 0;
    }
    std::string_view start = rest_;
    int sign = rest_.starts_with('-') ? -1 : 1;
    if (sign < 0 || rest_.starts_with('+')) {
      rest_.remove_prefix(1);
      int hours = number(2, "Z07:00");
      literal(':', "Z07:00");
      int minutes = number(2, "Z07:00");
      if (failed_.empty() && hours <= 24 && minutes < 60)
        return sign * (hours * 3600 + minutes * 60);
    }
    failed_ = "Z07:00";
    rest_ = start;
    return 0;
  }
  std::string_view failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::string_view failed_;
};

Error time_error(std::string_view text, const std::string& why) {
  return {Code::kBadRequest, "parsing time \"" + std::string(text) + "\"" + why};
}

Error range_error(std::string_view text, const char* part) {
  return time_error(text, std::string(": ") + part + " out of range");
}

struct DurationUnit {
  std::string_view name;
  int64_t nanos;
};
constexpr DurationUnit kDurationUnits[] = {{"ns", 1},
                                           {"us", 1000},
                                           {"\xc2\xb5s", 1000},
                                           {"\xce\xbcs", 1000},
                                           {"ms", 1'000'000},
                                           {"s", kNanosPerSecond},
                                           {"m", 60 * kNanosPerSecond},
                                           {"h", 3600 * kNanosPerSecond}};

// "1.5" out of whole and fraction, without zeros at the end.
std::string decimal(int64_t value, int64_t unit, std::string_view suffix) {
  std::string text = std::to_string(value / unit);
  if (int64_t fraction = value % unit; fraction != 0) {
    std::string digits = std::to_string(unit + fraction).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    text += "." + digits;
  }
  return text.append(suffix);
}

}  // namespace

Result<Instant> parse_instant(std::string_view text) {
  TimeReader reader(text);
  int year = reader.number(4, "2006");
  reader.literal('-', "-");
  int month = reader.number(2, "01");
  reader.literal('-', "-");
  int day = reader.number(2, "02");
  reader.literal('T', "T");
  int hour = reader.number(2, "15");
  reader.literal(':', ":");
  int minute = reader.number(2, "04");
  reader.literal(':', ":");
  int second = reader.number(2, "05");
  int32_t nanos = reader.fraction();
  int64_t zone = reader.zone_seconds();
  if (!reader.failed().empty()) {
    return time_error(text, " as \"" + std::string(kLayout) + "\": cannot parse \"" +
                                std::string(reader.rest()) + "\" as \"" +
                                std::string(reader.failed()) + "\"");
  }
  if (!reader.rest().empty()) {
    return time_error(text, ": extra text: \"" + std::string(reader.rest()) + "\"");
  }
  if (month < 1 || month > 12) return range_error(text, "month");
  if (hour > 23) return range_error(text, "hour");
  if (minute > 59) return range_error(text, "minute");
  if (second > 59) return range_error(text, "second");
  if (day < 1 || day > days_in_month(year, month)) return range_error(text, "day");
  int64_t seconds = days_of(year, month, day) * kSecondsPerDay + hour * 3600 + minute * 60 + second;
  seconds -= zone;
  if (!in_range({seconds, nanos})) return range_error(text, "year");
  return Instant{seconds, nanos};
}

bool in_range(Instant instant) {
  return instant.seconds >= kSecondsMin && instant.seconds <= kSecondsMax && instant.nanos >= 0 &&
         instant.nanos < kNanosPerSecond;
}

std::string format_instant(Instant instant) {
  int64_t days = instant.seconds / kSecondsPerDay, rest = instant.seconds % kSecondsPerDay;
  if (rest < 0) rest += kSecondsPerDay, --days;
  Date date = date_of(days);
  char text[64];
  int size = std::snprintf(text, sizeof text, "%04lld-%02d-%02dT%02d:%02d:%02dZ",
                           static_cast<long long>(date.year), date.month, date.day,
                           static_cast<int>(rest / 3600), static_cast<int>(rest / 60 % 60),
                           static_cast<int>(rest % 60));
  return {text, static_cast<size_t>(size)};
}

std::string format_instant_micro(Instant instant) {
  std::string text = format_instant(instant);
  char micros[16];
  std::snprintf(micros, sizeof micros, ".%06dZ", instant.nanos / 1000);
  text.pop_back();
  return text + micros;
}

Result<int64_t> parse_duration(std::string_view text) {
  Error invalid{Code::kBadRequest, "time: invalid duration \"" + std::string(text) + "\""};
  std::string_view rest = text;
  bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return invalid;
  __int128 total = 0;
  while (!rest.empty()) {
    __int128 whole = 0, fraction = 0, scale = 1;
    size_t digits = 0;
    for (; !rest.empty() && digit(rest[0]); rest.remove_prefix(1), ++digits) {
      whole = whole * 10 + (rest[0] - '0');
      if (whole > std::numeric_limits<int64_t>::max()) return invalid;
    }
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
      for (; !rest.empty() && digit(rest[0]); rest.remove_prefix(1), ++digits) {
        if (scale >= kNanosPerSecond * kNanosPerSecond)
          continue;  // finer than a nanosecond of hours
        fraction = fraction * 10 + (rest[0] - '0');
        scale *= 10;
      }
    }
    if (digits == 0) return invalid;
    size_t end = rest.find_first_of(".0123456789");
    std::string_view name = rest.substr(0, end);
    if (name.empty()) {
      invalid.message.insert(6, "missing unit in ").erase(22, 8);
      return invalid;
    }
    const DurationUnit* unit = nullptr;
    for (const DurationUnit& each : kDurationUnits) {
      if (each.name == name) unit = &each;
    }
    if (unit == nullptr) {
      return Error{Code::kBadRequest, "time: unknown unit \"" + std::string(name) +
                                          "\" in duration \"" + std::string(text) + "\""};
    }
    total += whole * unit->nanos + fraction * unit->nanos / scale;
    if (total > std::numeric_limits<int64_t>::max()) return invalid;
    rest.remove_prefix(name.size());
  }
  return static_cast<int64_t>(negative ? -total : total);
}

std::string format_duration(int64_t nanos) {
  if (nanos == 0) return "0s";
  if (nanos == std::numeric_limits<int64_t>::min()) return "-2562047h47m16.854775808s";
  if (nanos < 0) return "-" + format_duration(-nanos);
  if (nanos < 1000) return std::to_string(nanos) + "ns";
  if (nanos < 1'000'000) return decimal(nanos, 1000, "\xc2\xb5s");
  if (nanos < kNanosPerSecond) return decimal(nanos, 1'000'000, "ms");
  int64_t minutes = nanos / (60 * kNanosPerSecond);
  std::string text;
  if (minutes >= 60) text += std::to_string(minutes / 60) + "h";
  if (minutes > 0) text += std::to_string(minutes % 60) + "m";
  return text + decimal(nanos % (60 * kNanosPerSecond), kNanosPerSecond, "s");
}

bool valid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    uint8_t lead = static_cast<uint8_t>(text[at]);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || at + more >= text.size()) return false;
    uint8_t second = static_cast<uint8_t>(text[at + 1]);
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
        (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f)) {
      return false;  // overlong, surrogate, beyond U+10FFFF
    }
    for (size_t i = 1; i <= more; ++i) {
      if ((static_cast<uint8_t>(text[at + i]) & 0xc0) != 0x80) return false;
    }
    at += more + 1;
  }
  return true;
}

}  // namespace kist::api
