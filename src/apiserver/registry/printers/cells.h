// The small words printers are written in.
#pragma once

#include <string>
#include <string_view>

#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {

// Unix seconds of an RFC 3339 time, with or without a fraction; -1 where it is none.
int64_t parse_time(std::string_view text);
// As kubectl shows a duration: "5s", "2m3s", "47h", "3d4h", "2y10d".
std::string human_duration(int64_t seconds);
// Since then; "<unknown>" without a time.
std::string age_of(const Value& time, int64_t now);
std::string created(const Value& object, int64_t now);

std::string join_labels(const Value& labels);            // "a=b,c=d" or "<none>"
std::string selector_text(const Value& label_selector);  // of a meta/v1 LabelSelector, or "<none>"
std::string join(const Value& list, std::string_view member);  // member of each item, by comma

void add_cell(Value& cells, std::string_view text, Allocator& allocator);
void add_cell(Value& cells, int64_t number, Allocator& allocator);
std::string or_none(std::string_view text);  // "<none>" for nothing

}  // namespace kist::apiserver
