// libFuzzer target: json from outside. Build with -Dfuzz=true and clang.
#include "codec_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const kist::api::Type& type = kist::fuzz::pick_type(data[0]);
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  std::vector<std::string> duplicates;
  auto json = kist::api::parse_json(text, &duplicates);
  if (json.ok()) kist::fuzz::check(type, json.value());
  return 0;
}
