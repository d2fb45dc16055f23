// Amounts with suffixes, kept exactly in billionths.
#include "kist/api/quantity.h"

#include <algorithm>
#include <charconv>

namespace kist::api {
namespace {

using Wide = __int128;
constexpr Wide kBillion = 1'000'000'000;
constexpr Wide kMax = Wide{INT64_MAX} * kBillion;
constexpr size_t kDigitsMax = 64;

struct Suffix {
  std::string_view text;
  int power;  // of ten, or of two where binary
  bool binary;
};
constexpr Suffix kSuffixes[] = {
    {"Ki", 10, true}, {"Mi", 20, true}, {"Gi", 30, true}, {"Ti", 40, true},
    {"Pi", 50, true}, {"Ei", 60, true}, {"n", -9, false}, {"u", -6, false},
    {"m", -3, false}, {"", 0, false},   {"k", 3, false},  {"M", 6, false},
    {"G", 9, false},  {"T", 12, false}, {"P", 15, false}, {"E", 18, false},
};

Error malformed() {
  return Error{Code::kInvalid,
               "quantities must match the regular expression "
               "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"};
}

Error bad_suffix() { return Error{Code::kInvalid, "unable to parse quantity's suffix"}; }

constexpr Wide kWideMax = (Wide{1} << 126) - 1;

// Multiplies, but stays below what 128 bits hold.
Wide scaled(Wide number, Wide factor) {
  return number > kWideMax / factor ? kWideMax : number * factor;
}

Wide power_of(int base, int exponent) {
  Wide out = 1;
  for (int i = 0; i < exponent; ++i) out = scaled(out, base);
  return out;
}

// Divides, upwards: what is finer than a billionth still counts.
Wide divided(Wide number, Wide divisor) { return (number + divisor - 1) / divisor; }

// (whole digits).(fraction digits) times 10^exponent times 2^shift, in billionths, at most kMax.
Wide combine(std::string_view whole, std::string_view fraction, int exponent, int shift) {
  // What is behind 18 digits can only round up.
  bool more = fraction.size() > 18 && fraction.find_first_not_of('0', 18) != fraction.npos;
  fraction = fraction.substr(0, 18);
  Wide digits = 0;
  for (char digit : whole) digits = std::min(scaled(digits, 10) + (digit - '0'), kWideMax);
  for (char digit : fraction) digits = std::min(scaled(digits, 10) + (digit - '0'), kWideMax);
  if (more) digits = std::min(digits + 1, kWideMax);
  Wide number = scaled(digits, power_of(2, shift));
  int tens = exponent + 9 - static_cast<int>(fraction.size());
  number = tens >= 0 ? scaled(number, power_of(10, tens)) : divided(number, power_of(10, -tens));
  return std::min(number, kMax);
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// [eEinumkKMGTP]*[-+]?[0-9]*: what is no suffix at all is told apart from an unknown one.
bool suffix_form(std::string_view suffix) {
  size_t letters = std::min(suffix.find_first_not_of("eEinumkKMGTP"), suffix.size());
  suffix.remove_prefix(letters);
  if (suffix.starts_with('-') || suffix.starts_with('+')) suffix.remove_prefix(1);
  return all_digits(suffix);
}

std::string decimal(Wide number) {
  if (number == 0) return "0";
  bool negative = number < 0;
  if (negative) number = -number;
  std::string text;
  for (; number > 0; number /= 10) text.insert(text.begin(), static_cast<char>('0' + number % 10));
  return negative ? "-" + text : text;
}

std::string decimal_text(Wide nanos, bool exponent_form) {
  if (nanos == 0) return "0";
  constexpr std::string_view kNames[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};
  size_t index = 0;
  while (index + 1 < std::size(kNames) && nanos % 1000 == 0) {
    nanos /= 1000;
    ++index;
  }
  if (!exponent_form) return decimal(nanos) + std::string(kNames[index]);
  int exponent = static_cast<int>(index) * 3 - 9;
  return decimal(nanos) + (exponent == 0 ? "" : "e" + std::to_string(exponent));
}

std::string binary_text(Wide nanos) {
  constexpr std::string_view kNames[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
  Wide units = nanos >= 0 ? divided(nanos, kBillion) : nanos / kBillion;
  size_t index = 0;
  while (index + 1 < std::size(kNames) && units != 0 && units % 1024 == 0) {
    units /= 1024;
    ++index;
  }
  return decimal(units) + std::string(kNames[index]);
}

Wide rounded_up(Wide nanos, Wide unit) {
  if (nanos >= 0) return divided(nanos, unit);
  return nanos / unit;
}

int64_t saturated(Wide number) {
  if (number > INT64_MAX) return INT64_MAX;
  if (number < INT64_MIN) return INT64_MIN;
  return static_cast<int64_t>(number);
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string_view number = text.substr(0, end), suffix = text.substr(end);
  size_t dot = number.find('.');
  std::string_view whole = number.substr(0, std::min(dot, number.size()));
  std::string_view fraction = dot == number.npos ? "" : number.substr(dot + 1);
  if (whole.size() + fraction.size() == 0 || number.size() > kDigitsMax || !all_digits(fraction) ||
      !suffix_form(suffix)) {
    return malformed();
  }
  Quantity out;
  int exponent = 0, shift = 0;
  const Suffix* known = std::find_if(std::begin(kSuffixes), std::end(kSuffixes),
                                     [&](const Suffix& s) { return s.text == suffix; });
  if (known != std::end(kSuffixes)) {
    (known->binary ? shift : exponent) = known->power;
    out.format_ = known->binary ? Format::kBinarySI : Format::kDecimalSI;
  } else if (suffix.starts_with('e') || suffix.starts_with('E')) {
    std::string_view digits = suffix.substr(1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || stop != digits.data() + digits.size()) return bad_suffix();
    exponent = std::clamp(exponent, -64, 64);
    out.format_ = Format::kDecimalExponent;
  } else {
    return bad_suffix();
  }
  out.nanos_ = combine(whole, fraction, exponent, shift);
  if (out.format_ == Format::kBinarySI && out.nanos_ > 0 && out.nanos_ < kBillion)
    out.format_ = Format::kDecimalSI;
  if (negative) out.nanos_ = -out.nanos_;
  return out;
}

Quantity Quantity::of(int64_t value, Format format) {
  Quantity out;
  out.nanos_ = Wide{value} * kBillion;
  out.format_ = format;
  return out;
}

std::string Quantity::canonical() const {
  bool small = nanos_ > -1024 * kBillion && nanos_ < 1024 * kBillion;
  if (format_ == Format::kBinarySI && !small) return binary_text(nanos_);
  return decimal_text(nanos_, format_ == Format::kDecimalExponent);
}

int64_t Quantity::value() const { return saturated(rounded_up(nanos_, kBillion)); }
int64_t Quantity::milli_value() const { return saturated(rounded_up(nanos_, 1'000'000)); }
int Quantity::sign() const { return nanos_ > 0 ? 1 : nanos_ < 0 ? -1 : 0; }

int Quantity::compare(const Quantity& other) const {
  return nanos_ < other.nanos_ ? -1 : nanos_ > other.nanos_ ? 1 : 0;
}

void Quantity::add(const Quantity& other) {
  if (nanos_ == 0) format_ = other.format_;
  nanos_ = std::clamp(nanos_ + other.nanos_, -kMax, kMax);
}

void Quantity::subtract(const Quantity& other) {
  if (nanos_ == 0) format_ = other.format_;
  nanos_ = std::clamp(nanos_ - other.nanos_, -kMax, kMax);
}

}  // namespace kist::api
