// Block style for maps and lists; a text is plain where no reader of YAML 1.1 could take it for
// something else, and a JSON string (which YAML knows too) where one could.
#include "src/apiserver/yaml_text.h"

#include <algorithm>

#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

bool plain(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(text.front())) return false;
  for (char c : text) {
    bool digit = c >= '0' && c <= '9';
    if (!letter(c) && !digit && c != '-' && c != '.' && c != '/' && c != '_') return false;
  }
  constexpr std::string_view kWords[] = {"y",   "n",    "yes",   "no",  "on",
                                         "off", "true", "false", "null"};
  return std::none_of(std::begin(kWords), std::end(kWords),
                      [&](std::string_view word) { return equal_ignoring_case(text, word); });
}

void append_text(std::string& out, std::string_view text) {
  if (plain(text)) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

// Depth is bounded by the reader of the JSON this came from.
void append(std::string& out, const api::Value& value, size_t indent, bool in_list) {
  if (value.IsObject() && value.MemberCount() > 0) {
    if (!in_list) out += '\n';
    bool first = true;
    for (const auto& member : value.GetObject()) {
      if (!(first && in_list)) out.append(indent, ' ');
      first = false;
      append_text(out, {member.name.GetString(), member.name.GetStringLength()});
      out += ':';
      bool nested_list = member.value.IsArray() && !member.value.Empty();
      bool nested = nested_list || (member.value.IsObject() && member.value.MemberCount() > 0);
      if (!nested) out += ' ';
      append(out, member.value, nested_list ? indent : indent + 2, false);
    }
    return;
  }
  if (value.IsArray() && !value.Empty()) {
    if (!in_list) out += '\n';
    bool first = true;
    for (const api::Value& item : value.GetArray()) {
      if (!(first && in_list)) out.append(indent, ' ');
      first = false;
      out += "- ";
      append(out, item, indent + 2, true);
    }
    return;
  }
  if (value.IsString()) {
    append_text(out, {value.GetString(), value.GetStringLength()});
  } else {
    out += api::to_text(value);
  }
  out += '\n';
}

}  // namespace

std::string yaml_text(const api::Value& value) {
  std::string out;
  append(out, value, 0, true);
  return out;
}

}  // namespace kist::apiserver
