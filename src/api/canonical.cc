// canonicalize(): one walk over an object and its table.
//
// Each object is checked in the order in which its members came, because Go's decoder reports the
// first error in that order; then members that must not show are dropped, members that Go always
// writes are added, and all are moved into the table's order, in place.
#include <algorithm>
#include <array>
#include <numeric>

#include "api/member_order.h"
#include "api/scalars.h"
#include "kist/api/codec.h"
#include "kist/api/quantity.h"
#include "kist/base/base64.h"

namespace kist::api {
namespace {

constexpr int64_t kGoZeroTime = -62135596800;  // 0001-01-01T00:00:00Z, printed as null
constexpr size_t kMembersMax = 256;            // of one type; the largest has 45
constexpr size_t kAddedMax = 200'000;          // members that we add to one object
constexpr size_t kUnknownMax = 100;            // reported per object; Kubernetes stops there too

std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

// Where the walk stands: a chain on the stack, made text only for errors.
struct Place {
  const Place* parent = nullptr;
  std::string_view name = {};   // a field's or a map's key
  const Type* owner = nullptr;  // of the field; null for map keys and list items
  rapidjson::SizeType index = 0;

  // "spec.containers[0].ports[1].foo"
  std::string path() const {
    if (parent == nullptr) return {};
    std::string above = parent->path();
    if (name.data() == nullptr) return above + "[" + std::to_string(index) + "]";
    return above.empty() ? std::string(name) : above + "." + std::string(name);
  }
  // "spec.containers.ports": Go's decoder counts fields only
  std::string fields() const {
    if (parent == nullptr) return {};
    std::string above = parent->fields();
    if (owner == nullptr) return above;
    return above.empty() ? std::string(name) : above + "." + std::string(name);
  }
  const Type* struct_type() const {
    if (owner != nullptr || parent == nullptr) return owner;
    return parent->struct_type();
  }
};

// How Go's decoder names what it found.
std::string found_words(const Value& value, bool with_number) {
  if (value.IsString()) return "string";
  if (value.IsBool()) return "bool";
  if (value.IsArray()) return "array";
  if (value.IsObject()) return "object";
  return with_number ? "number " + to_text(value) : "number";
}

Error mismatch(const Value& value, std::string_view go_type, const Place& place,
               bool with_number = false) {
  std::string message = "json: cannot unmarshal " + found_words(value, with_number) + " into Go ";
  const Type* owner = place.struct_type();
  if (owner == nullptr) {
    message += "value";
  } else {
    std::string_view name = owner->go_name.substr(owner->go_name.rfind('.') + 1);
    message += "struct field " + std::string(name) + "." + place.fields();
  }
  return {Code::kBadRequest, message + " of type " + std::string(go_type)};
}

// The type of an item of a list or map: "[]v1.Container" -> "v1.Container".
std::string_view element(std::string_view go_type) {
  if (go_type.starts_with("[]")) return go_type.substr(2);
  if (go_type.starts_with("map[string]")) return go_type.substr(11);
  return go_type;
}

bool is_struct_in_go(const Field& field) {
  switch (field.scalar) {
    case Scalar::kTime:
    case Scalar::kMicroTime:
    case Scalar::kDuration:
    case Scalar::kQuantity:
    case Scalar::kIntOrString:
    case Scalar::kStruct: return true;
    case Scalar::kAny: return field.go_type != "interface {}";
    default: return false;
  }
}

// What omitempty leaves out.
bool empty(const Value& value) {
  if (value.IsString()) return value.GetStringLength() == 0;
  if (value.IsArray()) return value.Empty();
  if (value.IsObject()) return value.ObjectEmpty();
  if (value.IsBool()) return value.IsFalse();
  return value.IsNumber() && value.GetDouble() == 0;
}

bool left_out(const Field& field, const Value& value) {
  if (!field.has(kOmitEmpty) || field.has(kPointer)) return false;
  if (field.shape == Shape::kSingle && is_struct_in_go(field)) return false;
  return empty(value);
}

class Canonicalizer {
 public:
  Canonicalizer(Allocator& allocator, std::vector<std::string>* unknown)
      : allocator_(allocator), unknown_(unknown) {}

  Result<> object(const Type& type, Value& value, const Place& place);

 private:
  // Which member of the table each member of the object is.
  using Indices = std::array<int16_t, kMembersMax>;

  Result<> check_members(const Type& type, Value& value, const Place& place, Indices& indices);
  Result<> field(const Field& field, Value& value, const Place& place);
  Result<> list(const Field& field, Shape shape, Value& value, std::string_view go_type,
                const Place& place);
  Result<> map(const Field& field, Value& value, const Place& place);
  Result<> item(const Field& field, Value& value, std::string_view go_type, const Place& place);
  Result<> integer(const Field& field, const Value& value, std::string_view go_type,
                   const Place& place);
  Result<> special(const Field& field, Value& value, std::string_view go_type, const Place& place);
  Result<> quantity(Value& value, std::string_view go_type, const Place& place);
  Result<> int_or_string(const Value& value);
  Result<> time(const Field& field, Value& value);
  void complete(const Type& type, Value& value, Indices& indices);
  bool zero(const Field& field, Value& value);
  void zero_item(const Field& field, Value& value);
  void report_unknown(const Place& place);
  Result<> bounded() const;

  Allocator& allocator_;
  std::vector<std::string>* unknown_;
  size_t added_ = 0;
};

Result<> Canonicalizer::object(const Type& type, Value& value, const Place& place) {
  if (!value.IsObject()) return mismatch(value, type.go_name, place);
  Indices indices;
  TRY(check_members(type, value, place, indices));
  complete(type, value, indices);
  return bounded();
}

// Checks each member, in the order of the text, and drops those that must not show.
Result<> Canonicalizer::check_members(const Type& type, Value& value, const Place& place,
                                      Indices& indices) {
  ENSURE(type.members.size() <= kMembersMax);
  std::array<bool, kMembersMax> seen{};
  rapidjson::SizeType kept = 0;
  auto members = value.MemberBegin();
  rapidjson::SizeType count = value.MemberCount();
  for (rapidjson::SizeType i = 0; i < count; ++i) {
    auto member = members + i;
    std::string_view name = view(member->name);
    const int index = type.find_index(name);
    Place here{&place, name, &type};
    if (index < 0) {
      report_unknown(here);
      continue;
    }
    // a key twice: the parsers leave none, but patched values come here too
    if (member->value.IsNull() || seen[static_cast<size_t>(index)]) continue;
    const Field& declared = *type.members[static_cast<size_t>(index)];
    TRY(field(declared, member->value, here));
    if (left_out(declared, member->value)) continue;
    seen[static_cast<size_t>(index)] = true;
    indices[kept] = static_cast<int16_t>(index);
    if (kept != i) {
      (members + kept)->name.Swap(member->name);
      (members + kept)->value.Swap(member->value);
    }
    ++kept;
  }
  if (kept < count) value.EraseMember(members + kept, value.MemberEnd());
  return {};
}

// Adds what Go writes in any case, then puts all into the table's order.
void Canonicalizer::complete(const Type& type, Value& value, Indices& indices) {
  std::array<int16_t, kMembersMax> rank{};  // of the table's members: 0 absent, else present
  size_t count = value.MemberCount();
  for (size_t i = 0; i < count; ++i) rank[static_cast<size_t>(indices[i])] = 1;
  for (size_t i = 0; i < type.members.size(); ++i) {
    const Field& member = *type.members[i];
    Value made;
    if (rank[i] != 0 || !zero(member, made)) continue;
    rank[i] = 1;
    indices[count++] = static_cast<int16_t>(i);
    ++added_;
    Value name(rapidjson::StringRef(member.name.data(), member.name.size()));
    value.AddMember(name, made, allocator_);
  }
  int16_t next = 0;
  for (size_t i = 0; i < type.members.size(); ++i) {
    if (rank[i] != 0) rank[i] = next++;
  }
  for (size_t i = 0; i < count; ++i) indices[i] = rank[static_cast<size_t>(indices[i])];
  reorder_members(value, std::span(indices.data(), count));
}

// What Go writes for a field that is not set; false: nothing.
bool Canonicalizer::zero(const Field& field, Value& value) {
  value.SetNull();
  if (field.has(kPointer) || field.shape != Shape::kSingle) return !field.has(kOmitEmpty);
  if (!is_struct_in_go(field) && field.has(kOmitEmpty)) return false;
  if (field.scalar != Scalar::kBytes) zero_item(field, value);
  return true;
}

void Canonicalizer::zero_item(const Field& field, Value& value) {
  switch (field.scalar) {
    case Scalar::kString:
    case Scalar::kBytes: value.SetString("", 0); break;
    case Scalar::kBool: value.SetBool(false); break;
    case Scalar::kInt32:
    case Scalar::kInt64:
    case Scalar::kFloat64:
    case Scalar::kIntOrString: value.SetInt(0); break;
    case Scalar::kQuantity: value.SetString("0", 1); break;
    case Scalar::kDuration: value.SetString("0s", 2); break;
    case Scalar::kTime:
    case Scalar::kMicroTime:
    case Scalar::kAny: value.SetNull(); break;
    case Scalar::kStruct: {
      value.SetObject();
      Indices indices;
      complete(*field.type, value, indices);
    }
  }
}

Result<> Canonicalizer::field(const Field& field, Value& value, const Place& place) {
  switch (field.shape) {
    case Shape::kSingle: return item(field, value, field.go_type, place);
    case Shape::kList:
    case Shape::kListOfLists: return list(field, field.shape, value, field.go_type, place);
    default: return map(field, value, place);
  }
}

Result<> Canonicalizer::list(const Field& field, Shape shape, Value& value,
                             std::string_view go_type, const Place& place) {
  if (!value.IsArray()) return mismatch(value, go_type, place);
  rapidjson::SizeType index = 0;
  for (Value& each : value.GetArray()) {
    Place here{&place, {}, nullptr, index++};
    if (shape == Shape::kListOfLists) {
      if (!each.IsNull()) TRY(list(field, Shape::kList, each, element(go_type), here));
    } else if (each.IsNull()) {
      zero_item(field, each);
      TRY(bounded());
    } else {
      TRY(item(field, each, element(go_type), here));
    }
  }
  return {};
}

Result<> Canonicalizer::map(const Field& field, Value& value, const Place& place) {
  if (!value.IsObject()) return mismatch(value, field.go_type, place);
  for (auto& member : value.GetObject()) {
    Place here{&place, view(member.name)};
    if (field.shape == Shape::kMapOfLists) {
      if (member.value.IsNull()) continue;
      TRY(list(field, Shape::kList, member.value, element(field.go_type), here));
    } else if (member.value.IsNull()) {
      zero_item(field, member.value);
    } else {
      TRY(item(field, member.value, element(field.go_type), here));
    }
  }
  sort_members(value);
  return {};
}

Result<> Canonicalizer::item(const Field& field, Value& value, std::string_view go_type,
                             const Place& place) {
  switch (field.scalar) {
    case Scalar::kStruct: return object(*field.type, value, place);
    case Scalar::kString:
      if (!value.IsString()) return mismatch(value, go_type, place);
      return {};
    case Scalar::kBool:
      if (!value.IsBool()) return mismatch(value, go_type, place);
      return {};
    case Scalar::kInt32:
    case Scalar::kInt64: return integer(field, value, go_type, place);
    case Scalar::kFloat64:
      if (!value.IsNumber()) return mismatch(value, go_type, place);
      return {};
    case Scalar::kAny: return {};
    default: return special(field, value, go_type, place);
  }
}

Result<> Canonicalizer::integer(const Field& field, const Value& value, std::string_view go_type,
                                const Place& place) {
  bool fits = field.scalar == Scalar::kInt32 ? value.IsInt() : value.IsInt64();
  if (!fits) return mismatch(value, go_type, place, true);
  return {};
}

// Types that decode themselves in Go: their errors come without the field's path.
Result<> Canonicalizer::special(const Field& field, Value& value, std::string_view go_type,
                                const Place& place) {
  switch (field.scalar) {
    case Scalar::kIntOrString: return int_or_string(value);
    case Scalar::kBytes: {
      if (!value.IsString()) return mismatch(value, go_type, place);
      std::string bytes = TRY(decode_base64(view(value)));
      if (view(value).find_first_of("\r\n") != std::string_view::npos) {
        value = make_text(encode_base64(bytes), allocator_);
      }
      return {};
    }
    case Scalar::kQuantity: return quantity(value, go_type, place);
    default: break;
  }
  if (!value.IsString()) return mismatch(value, "string", Place{});
  if (field.scalar != Scalar::kDuration) return time(field, value);
  value = make_text(format_duration(TRY(parse_duration(view(value)))), allocator_);
  return {};
}

Result<> Canonicalizer::time(const Field& field, Value& value) {
  Instant instant = TRY(parse_instant(view(value)));
  if (instant.seconds == kGoZeroTime && instant.nanos == 0) {
    value.SetNull();
    return {};
  }
  std::string text =
      field.scalar == Scalar::kTime ? format_instant(instant) : format_instant_micro(instant);
  if (text != view(value)) value = make_text(text, allocator_);
  return {};
}

Result<> Canonicalizer::quantity(Value& value, std::string_view go_type, const Place& place) {
  if (!value.IsString() && !value.IsNumber()) return mismatch(value, go_type, place);
  std::string text = value.IsNumber() ? to_text(value) : std::string(view(value));
  auto parsed = Quantity::parse(text);
  if (!parsed.ok()) return Error{Code::kBadRequest, parsed.error().message};
  std::string canonical = parsed.value().canonical();
  if (!value.IsString() || canonical != text) value = make_text(canonical, allocator_);
  return {};
}

Result<> Canonicalizer::int_or_string(const Value& value) {
  if (value.IsString() || value.IsInt()) return {};
  return mismatch(value, "int32", Place{}, true);
}

// A list of a million {} in three megabytes would become a gigabyte here.
Result<> Canonicalizer::bounded() const {
  if (added_ <= kAddedMax) return {};
  return Error{Code::kTooLarge, "request entity too large: too many empty objects"};
}

void Canonicalizer::report_unknown(const Place& place) {
  if (unknown_ == nullptr || unknown_->size() >= kUnknownMax) return;
  unknown_->push_back("unknown field \"" + place.path() + "\"");
}

}  // namespace

void sort_members(Value& object) {
  auto name = [&object](uint32_t i) { return view((object.MemberBegin() + i)->name); };
  uint32_t count = object.MemberCount();
  bool sorted = true;
  for (uint32_t i = 1; i < count && sorted; ++i) sorted = name(i - 1) <= name(i);
  if (sorted) return;
  std::vector<uint32_t> order(count), target(count);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, name);
  for (uint32_t i = 0; i < count; ++i) target[order[i]] = i;
  reorder_members(object, std::span(target));
}

Result<> canonicalize(const Type& type, Value& object, Allocator& allocator,
                      std::vector<std::string>* unknown) {
  return Canonicalizer(allocator, unknown).object(type, object, Place{});
}

}  // namespace kist::api
