// Label and field selectors of any text: parsed or refused, and what is parsed can be matched.
#include <cstdint>

#include "kist/api/selector.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using kist::api::Selector;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (auto parse : {Selector::parse_labels, Selector::parse_fields}) {
    kist::Result<Selector> parsed = parse(text);
    if (!parsed.ok()) {
      ENSURE(!parsed.error().message.empty());
      continue;
    }
    const Selector& selector = parsed.value();
    ENSURE(selector.everything() == selector.requirements().empty());
    // Labels made to fit one requirement after the other: all branches of matching.
    for (const Selector::Requirement& requirement : selector.requirements()) {
      (void)selector.matches([&](std::string_view key, std::string_view* value) {
        if (key != requirement.key) return false;
        if (!requirement.values.empty()) *value = requirement.values.back();
        return true;
      });
    }
  }
  return 0;
}
