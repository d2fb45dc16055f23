// Amounts with suffixes (apimachinery api/resource Quantity), kept exactly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::api {

class Quantity {
 public:
  enum class Format : uint8_t { kDecimalSI, kBinarySI, kDecimalExponent };

  // "100m", "1.5Gi", "1e3". kInvalid: "quantities must match the regular expression ...".
  static Result<Quantity> parse(std::string_view text);
  static Quantity of(int64_t value, Format format);

  std::string canonical() const;  // as Kubernetes prints it again
  int64_t value() const;          // rounded up, saturated at 64 bits
  int64_t milli_value() const;    // rounded up, saturated
  int sign() const;
  int compare(const Quantity& other) const;
  void add(const Quantity& other);
  void subtract(const Quantity& other);
  Format format() const { return format_; }

 private:
  __int128 nanos_ = 0;  // billionths: the finest that Kubernetes keeps
  Format format_ = Format::kDecimalSI;
};

}  // namespace kist::api
