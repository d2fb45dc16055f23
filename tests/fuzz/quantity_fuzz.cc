// Quantities of any text: what is parsed prints to a text that means the same.
#include <cstdint>

#include "kist/api/quantity.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using kist::api::Quantity;
  auto parsed = Quantity::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed.ok()) return 0;
  const std::string text = parsed.value().canonical();
  auto again = Quantity::parse(text);
  ENSURE(again.ok());
  // A binary amount without a binary suffix ("2000") is read as a decimal one: as much, other
  // words.
  if (parsed.value().format() != Quantity::Format::kBinarySI) {
    ENSURE(again.value().canonical() == text);
    ENSURE(again.value().compare(parsed.value()) == 0);
  }
  ENSURE(again.value().value() == parsed.value().value());
  Quantity sum = parsed.value();
  sum.add(again.value());
  sum.subtract(parsed.value());
  (void)sum.canonical();
  return 0;
}
