// The fixed fields of a tar header block, and the text records of pax.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::runtime::images {

constexpr size_t kTarBlockBytes = 512;

// A field of a header block: where it begins and how long it is.
struct TarField {
  size_t offset = 0;
  size_t size = 0;
};
constexpr TarField kTarName{0, 100}, kTarMode{100, 8}, kTarUid{108, 8}, kTarGid{116, 8},
    kTarSize{124, 12}, kTarMtime{136, 12}, kTarChecksum{148, 8}, kTarType{156, 1},
    kTarLink{157, 100}, kTarMagic{257, 8}, kTarMajor{329, 8}, kTarMinor{337, 8},
    kTarPrefix{345, 155};

// Text up to the first NUL.
std::string_view tar_text(const char* block, TarField field);
// Octal with blanks around it, or GNU's base-256; an empty field is 0. kInvalid.
Result<int64_t> tar_number(const char* block, TarField field);
bool tar_checksum_fits(const char* block);  // sums of signed and of unsigned bytes are accepted
bool is_zero_block(const char* block);

// Calls `each` for the records "LENGTH KEY=VALUE\n" of a pax extension, in order. kInvalid.
Result<> read_pax_records(std::string_view records,
                          const std::function<void(std::string_view, std::string_view)>& each);
// "1710000000.25" in seconds and nanoseconds. kInvalid.
struct PaxTime {
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
};
Result<PaxTime> read_pax_time(std::string_view text);
// A decimal number without sign. kInvalid.
Result<uint64_t> read_decimal(std::string_view text);

}  // namespace kist::runtime::images
