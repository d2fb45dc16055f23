// See go_diff.h. Both objects are walked along the table of their type.
#include "src/apiserver/registry/kinds/go_diff.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <vector>

#include "src/apiserver/registry/kinds/support.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

using api::Field;
using api::Scalar;
using api::Shape;
using api::Type;

constexpr size_t kContext = 2;  // members that are the same, shown on either side of a change

// As same(), at every level: what is absent and what says nothing ({}, []) are one.
bool differ(const Value& a, const Value& b) {
  if (same(a, b)) return false;
  if (a.IsArray() && b.IsArray() && a.Size() == b.Size()) {
    for (rapidjson::SizeType i = 0; i < a.Size(); ++i)
      if (differ(a[i], b[i])) return true;
    return false;
  }
  if (!a.IsObject() || !b.IsObject()) return true;
  for (const auto& member : a.GetObject())
    if (differ(member.value, at(b, view(member.name)))) return true;
  for (const auto& member : b.GetObject())
    if (!has(a, view(member.name)) && differ(Value(), member.value)) return true;
  return false;
}

// A value and what the tables know of it: a member, or an element of one that is a list or a map.
struct Slot {
  std::string key;  // empty: an element of a list
  const Field* field = nullptr;
  Shape shape = Shape::kSingle;
  const Value* before = nullptr;
  const Value* after = nullptr;

  bool element() const { return shape != field->shape; }
  bool pointer() const { return !element() && field->has(api::kPointer); }
  bool changed() const { return differ(*before, *after); }
};

struct Row {
  char mark;
  std::string key, text;
  std::string body = {};  // whole lines between `text` and `close`
  std::string_view close = {};
};

// Internal types go by the name of their package, and so do upstream's messages.
std::string core_name(std::string_view go_type) {
  std::string name(go_type);
  if (const size_t at = name.find("v1."); at != name.npos) name.replace(at, 3, "core.");
  return name;
}

std::string zero_of(const Slot& slot) {
  if (slot.shape != Shape::kSingle || slot.pointer()) return "nil";
  switch (slot.field->scalar) {
    case Scalar::kString: return "\"\"";
    case Scalar::kBool: return "false";
    case Scalar::kInt32:
    case Scalar::kInt64:
    case Scalar::kFloat64: return "0";
    case Scalar::kStruct: return "{}";
    default: return "nil";
  }
}

std::string show(const Slot& slot, const Value& value, bool named);

std::string show_list(const Slot& slot, const Value& list) {
  std::string out;
  const Slot element{"", slot.field, Shape::kSingle};
  for (const Value& item : list.GetArray())
    out += (out.empty() ? "" : ", ") + show(element, item, false);
  return "{" + out + "}";
}

std::string show_map(const Slot& slot, const Value& map) {
  std::string out;
  const Slot element{"", slot.field, Shape::kSingle};
  for (const auto& entry : map.GetObject())
    out += (out.empty() ? "" : ", ") + quoted(view(entry.name)) + ": " +
           show(element, entry.value, false);
  return "{" + out + "}";
}

std::string show_struct(const Type& type, const Value& value) {
  std::string out;
  for (const Field* member : type.members) {
    const Value& part = at(value, member->name);
    const Slot slot{"", member, member->shape};
    if (part.IsNull()) continue;
    out += (out.empty() ? "" : ", ") + go_field_name(member->name) + ": " + show(slot, part, false);
  }
  return "{" + out + "}";
}

std::string type_of(const Slot& slot) {
  return slot.element() ? std::string() : core_name(slot.field->go_type);
}

// `named`: with the name of its type in front, where it is no scalar.
std::string show(const Slot& slot, const Value& value, bool named) {
  if (value.IsNull()) return zero_of(slot);
  const std::string star = slot.pointer() ? "&" : "";
  std::string out;
  if (slot.shape != Shape::kSingle && value.IsArray())
    out = (named ? type_of(slot) : "") + show_list(slot, value);
  else if (slot.shape != Shape::kSingle && value.IsObject())
    out = (named ? type_of(slot) : "") + show_map(slot, value);
  else if (slot.field->scalar == Scalar::kStruct && value.IsObject())
    out = star + (named ? type_of(slot) : "") + show_struct(*slot.field->type, value);
  else if (slot.field->scalar == Scalar::kString && value.IsString())
    out = star + quoted(view(value));
  else if (value.IsString())
    out = star + "s" + quoted(view(value));  // what has a String() of its own: quantities, times
  else
    out = star + api::to_text(value);
  if (out.size() <= kGoValueBytesMax) return out;
  size_t cut = kGoValueBytesMax;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;  // whole letters
  return out.substr(0, cut) + "...";
}

std::vector<Slot> members_of(const Type& type, const Value& before, const Value& after) {
  std::vector<Slot> slots;
  for (const Field* member : type.members)
    slots.push_back({go_field_name(member->name), member, member->shape, &at(before, member->name),
                     &at(after, member->name)});
  return slots;
}

std::vector<Slot> entries_of(const Slot& slot) {
  std::set<std::string> keys;
  for (const Value* map : {slot.before, slot.after})
    for (const auto& entry : map->GetObject()) keys.emplace(view(entry.name));
  std::vector<Slot> slots;
  for (const std::string& key : keys)
    slots.push_back(
        {quoted(key), slot.field, Shape::kSingle, &at(*slot.before, key), &at(*slot.after, key)});
  return slots;
}

// The same at both ends, changed one by one between where the lengths agree, else gone and new.
std::vector<Slot> elements_of(const Slot& slot) {
  static const Value kNothing;
  const Value &before = *slot.before, &after = *slot.after;
  const rapidjson::SizeType n = before.Size(), m = after.Size();
  rapidjson::SizeType head = 0, tail = 0;
  while (head < std::min(n, m) && !differ(before[head], after[head])) ++head;
  while (tail < std::min(n, m) - head && !differ(before[n - 1 - tail], after[m - 1 - tail])) ++tail;
  std::vector<Slot> slots;
  const auto add = [&](const Value& a, const Value& b) {
    slots.push_back({"", slot.field, Shape::kSingle, &a, &b});
  };
  for (rapidjson::SizeType i = 0; i < head; ++i) add(before[i], after[i]);
  for (rapidjson::SizeType i = head; i < n - tail; ++i)
    add(before[i], n == m ? after[i] : kNothing);
  for (rapidjson::SizeType i = head; n != m && i < m - tail; ++i) add(kNothing, after[i]);
  for (rapidjson::SizeType i = 0; i < tail; ++i) add(before[n - tail + i], after[m - tail + i]);
  return slots;
}

std::string block(const std::vector<Slot>& slots, std::string_view noun, int depth);

// One level down, if both are composite; false: they are shown whole.
bool add_nested(const Slot& slot, int depth, std::vector<Row>& rows) {
  const Value &before = *slot.before, &after = *slot.after;
  const std::string head = (slot.pointer() ? "&" : "") + type_of(slot) + "{";
  std::string body;
  if (slot.shape != Shape::kSingle && before.IsArray() && after.IsArray())
    body = block(elements_of(slot), "element", depth + 1);
  else if (slot.shape != Shape::kSingle && before.IsObject() && after.IsObject())
    body = block(entries_of(slot), "entr", depth + 1);
  else if (slot.field->scalar == Scalar::kStruct && before.IsObject() && after.IsObject())
    body = block(members_of(*slot.field->type, before, after), "field", depth + 1);
  else
    return false;
  rows.push_back({' ', slot.key, head, std::move(body), "}"});
  return true;
}

void add_changed(const Slot& slot, int depth, std::vector<Row>& rows) {
  if (add_nested(slot, depth, rows)) return;
  const bool whole = slot.element();  // an element or entry is there or it is not
  if (!whole || !slot.before->IsNull())
    rows.push_back({'-', slot.key, show(slot, *slot.before, true)});
  if (!whole || !slot.after->IsNull())
    rows.push_back({'+', slot.key, show(slot, *slot.after, true)});
}

// `count` slots that are the same: the nearest to a change are shown.
void add_same(const Slot* first, size_t count, bool leads, bool ends, std::string_view noun,
              std::vector<Row>& rows) {
  const size_t low = leads ? 0 : kContext, high = ends ? 0 : kContext;
  const bool all = count <= low + high + 1;  // "1 identical field" says less than the field
  const size_t hidden = all ? 0 : count - low - high;
  for (size_t i = 0; i < count; ++i) {
    if (hidden > 0 && i == low) {
      const std::string plural = noun == "entr" ? "ies" : "s";
      rows.push_back(
          {' ', "",
           "... // " + std::to_string(hidden) + " identical " + std::string(noun) + plural});
      i += hidden - 1;
      continue;
    }
    rows.push_back({' ', first[i].key, show(first[i], *first[i].after, false)});
  }
}

std::string print(const std::vector<Row>& rows, int depth) {
  const std::string tabs(static_cast<size_t>(depth), '\t');
  std::string out;
  for (size_t i = 0; i < rows.size();) {
    // Values stand in a column as long as each is one line.
    size_t end = i, width = 0;
    for (; end < rows.size() && rows[end].close.empty(); ++end)
      width = std::max(width, rows[end].key.size());
    if (end == i) width = rows[end++].key.size();
    for (; i < end; ++i) {
      const Row& row = rows[i];
      const std::string start = std::string(1, row.mark) + " " + tabs;
      out += start;
      if (!row.key.empty()) out += row.key + ": " + std::string(width - row.key.size(), ' ');
      out += row.text;
      if (!row.close.empty()) out += "\n" + row.body + start + std::string(row.close);
      out += row.text.starts_with("...") ? "\n" : ",\n";
    }
  }
  return out;
}

std::string block(const std::vector<Slot>& slots, std::string_view noun, int depth) {
  std::vector<Row> rows;
  for (size_t i = 0; i < slots.size();) {
    size_t end = i;
    while (end < slots.size() && !slots[end].changed()) ++end;
    if (end > i) add_same(&slots[i], end - i, i == 0, end == slots.size(), noun, rows);
    if (end < slots.size()) add_changed(slots[end++], depth, rows);
    i = end;
  }
  return print(rows, depth);
}

}  // namespace

std::string go_field_name(std::string_view json_name) {
  static constexpr std::string_view kInitialisms[] = {"aws",  "csi",  "dns", "fc",    "fs",  "gce",
                                                      "grpc", "http", "ip",  "iscsi", "nfs", "os",
                                                      "rbd",  "se",   "tcp", "tty",   "uid"};
  std::string name(json_name);
  size_t word = 0;
  while (word < name.size() && std::islower(static_cast<unsigned char>(name[word])) != 0) ++word;
  const bool initialism = std::find(std::begin(kInitialisms), std::end(kInitialisms),
                                    json_name.substr(0, word)) != std::end(kInitialisms);
  for (size_t i = 0; i < (initialism ? word : std::min<size_t>(1, name.size())); ++i)
    name[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[i])));
  return name;
}

std::string go_diff(const Type& type, const Value& before, const Value& after) {
  if (!differ(before, after)) return {};
  std::string body = block(members_of(type, before, after), "field", 1);
  if (body.size() > kGoDiffBytesMax) {
    body.resize(body.rfind('\n', kGoDiffBytesMax) + 1);
    body += "  \t... // and more\n";
  }
  return "  " + core_name(type.go_name) + "{\n" + body + "  }\n";
}

}  // namespace kist::apiserver
