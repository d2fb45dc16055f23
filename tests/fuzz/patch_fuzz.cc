// A document and a patch of any form: applied or refused, never deeper than what can be parsed.
// Input: one byte that chooses the patch, the document, a NUL, the patch.
#include <cstdint>

#include "codec_input.h"
#include "kist/api/patch.h"

namespace {

constexpr kist::api::ParseLimits kLimits{.depth_max = 256, .bytes_max = 64 * 1024};

void apply(uint8_t choice, kist::api::Json& document, const kist::api::Value& patch) {
  using namespace kist::api;
  const Type& type = kist::fuzz::pick_type(choice / 3);
  Value& root = document.root();
  if (choice % 3 == 0) {
    if (!apply_json_patch(root, patch, document.allocator()).ok()) return;
  } else if (choice % 3 == 1) {
    apply_merge_patch(root, patch, document.allocator());
  } else if (!apply_strategic_patch(type, root, patch, document.allocator()).ok()) {
    return;
  }
  auto again = parse_json(to_text(root), nullptr, {.depth_max = 600, .bytes_max = 64 << 20});
  ENSURE(again.ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.size() < 2) return 0;
  std::string_view rest = input.substr(1);
  size_t middle = rest.find('\0');
  if (middle == rest.npos) return 0;
  auto document = kist::api::parse_json(rest.substr(0, middle), nullptr, kLimits);
  auto patch = kist::api::parse_json(rest.substr(middle + 1), nullptr, kLimits);
  if (!document.ok() || !patch.ok()) return 0;
  apply(data[0], document.value(), patch.value().root());
  return 0;
}
