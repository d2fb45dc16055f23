// How Go's cmp.Diff shows what differs between two objects, as far as a reader needs it:
//
//     core.PodSpec{
//     	... // 9 identical fields
//     	ServiceAccountName: "default",
//     	AutomountServiceAccountToken: nil,
//   - 	NodeName:                     "a",
//   + 	NodeName:                     "b",
//     	SecurityContext:              &{},
//     	...
//
// Upstream's own text is not the same from one run to the next, on purpose; nobody may parse it.
// Where it pairs elements of lists by an edit script, this takes off what is the same at both ends.
#pragma once

#include <string>

#include "kist/api/json.h"
#include "kist/api/schema.h"

namespace kist::apiserver {

inline constexpr size_t kGoDiffBytesMax = 8 * 1024;  // the rest is cut off
inline constexpr size_t kGoValueBytesMax = 256;      // of one value

// Empty: they are the same. Either may be null.
std::string go_diff(const api::Type& type, const api::Value& before, const api::Value& after);

// "NodeName", "DNSPolicy": what Go calls the field that JSON calls "nodeName", "dnsPolicy".
std::string go_field_name(std::string_view json_name);

}  // namespace kist::apiserver
