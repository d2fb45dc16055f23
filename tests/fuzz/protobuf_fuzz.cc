// libFuzzer target: protobuf from outside. Build with -Dfuzz=true and clang.
#include "codec_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const kist::api::Type& type = kist::fuzz::pick_type(data[0]);
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  auto json = kist::api::decode_protobuf(type, text);
  if (json.ok()) kist::fuzz::check(type, json.value());
  auto envelope = kist::api::open_envelope(text);
  if (envelope.ok()) ENSURE(envelope.value().raw.size() <= text.size());
  return 0;
}
