// Protobuf by the tables, byte for byte as gogo's generated code writes it: fields by ascending
// number; pointers, lists and maps only when set, all others always; map entries sorted by key.
#include <algorithm>
#include <vector>

#include "api/scalars.h"
#include "api/wire.h"
#include "kist/api/codec.h"
#include "kist/base/base64.h"
#include "kist/base/duplicate_keys.h"

namespace kist::api {
namespace {

constexpr int kDepthMax = 256;  // of messages; as in JSON

std::string_view view(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

// ---- encoding

void encode_message(const Type& type, const Value& object, std::string& out);

std::string_view text_or_empty(const Value* value) {
  return value != nullptr && value->IsString() ? view(*value) : std::string_view();
}

int64_t int_or_zero(const Value* value) {
  return value != nullptr && value->IsInt64() ? value->GetInt64() : 0;
}

void encode_instant(const Value* value, bool micro, std::string& out) {
  if (value == nullptr || !value->IsString()) return;  // the zero time is an empty message
  auto instant = parse_instant(view(*value));
  if (!instant.ok()) return;
  wire::put_int(out, 1, instant.value().seconds);
  // Time drops what its JSON does not show; MicroTime keeps microseconds
  wire::put_int(out, 2, micro ? instant.value().nanos / 1000 * 1000 : 0);
}

void encode_int_or_string(const Value* value, std::string& out) {
  bool text = value != nullptr && value->IsString();
  wire::put_int(out, 1, text ? 1 : 0);
  wire::put_int(out, 2, text ? 0 : int_or_zero(value));
  wire::put_bytes(out, 3, text ? view(*value) : std::string_view());
}

// The body of a scalar that is a message in protobuf.
void encode_special(const Field& field, const Value* value, std::string& out) {
  switch (field.scalar) {
    case Scalar::kTime: encode_instant(value, false, out); break;
    case Scalar::kMicroTime: encode_instant(value, true, out); break;
    case Scalar::kIntOrString: encode_int_or_string(value, out); break;
    case Scalar::kQuantity: wire::put_bytes(out, 1, text_or_empty(value)); break;
    case Scalar::kDuration: {
      auto nanos = parse_duration(text_or_empty(value));
      wire::put_int(out, 1, nanos.ok() ? nanos.value() : 0);
      break;
    }
    case Scalar::kAny:
      if (value != nullptr && !value->IsNull()) wire::put_bytes(out, 1, to_text(*value));
      break;
    default: {
      static const Value kEmpty(rapidjson::kObjectType);
      encode_message(*field.type, value != nullptr && value->IsObject() ? *value : kEmpty, out);
    }
  }
}

// One value with its tag. `value` may be null: then the zero value is written.
void encode_item(const Field& field, uint32_t number, const Value* value, std::string& out) {
  switch (field.scalar) {
    case Scalar::kString: wire::put_bytes(out, number, text_or_empty(value)); break;
    case Scalar::kBool:
      wire::put_int(out, number, value != nullptr && value->IsTrue() ? 1 : 0);
      break;
    case Scalar::kInt32:
    case Scalar::kInt64: wire::put_int(out, number, int_or_zero(value)); break;
    case Scalar::kFloat64:
      wire::put_double(out, number,
                       value != nullptr && value->IsNumber() ? value->GetDouble() : 0.0);
      break;
    case Scalar::kBytes: {
      auto bytes = decode_base64(text_or_empty(value));
      wire::put_bytes(out, number, bytes.ok() ? bytes.value() : std::string());
      break;
    }
    default: {
      wire::OpenMessage message(out, number);
      encode_special(field, value, out);
    }
  }
}

void encode_list(const Field& field, uint32_t number, const Value& list, std::string& out) {
  if (!list.IsArray()) return;
  for (const Value& item : list.GetArray()) {
    encode_item(field, number, item.IsNull() ? nullptr : &item, out);
  }
}

void encode_map(const Field& field, const Value& map, std::string& out) {
  if (!map.IsObject()) return;
  std::vector<const Value::Member*> entries;
  entries.reserve(map.MemberCount());
  for (const auto& member : map.GetObject()) entries.push_back(&member);
  std::ranges::sort(entries, {}, [](const Value::Member* entry) { return view(entry->name); });
  for (const Value::Member* entry : entries) {
    wire::OpenMessage message(out, field.number);
    wire::put_bytes(out, 1, view(entry->name));
    if (field.shape == Shape::kMapOfLists) {
      wire::OpenMessage list(out, 2);
      encode_list(field, 1, entry->value, out);
    } else {
      encode_item(field, 2, entry->value.IsNull() ? nullptr : &entry->value, out);
    }
  }
}

void encode_field(const Field& field, const Value& object, std::string& out) {
  if (field.has(kInline)) {
    wire::OpenMessage message(out, field.number);
    encode_message(*field.type, object, out);
    return;
  }
  const Value* value = find(object, field.name);
  if (value != nullptr && value->IsNull()) value = nullptr;
  bool only_when_set =
      field.has(kPointer) || field.shape != Shape::kSingle || field.scalar == Scalar::kBytes;
  if (value == nullptr && only_when_set) return;
  if (field.shape == Shape::kSingle) {
    encode_item(field, field.number, value, out);
  } else if (field.shape == Shape::kList && field.has(kListMessage)) {
    wire::OpenMessage message(out, field.number);
    encode_list(field, 1, *value, out);
  } else if (field.shape == Shape::kList) {
    encode_list(field, field.number, *value, out);
  } else if (field.shape != Shape::kListOfLists) {  // no such list has a protobuf form
    encode_map(field, *value, out);
  }
}

void encode_message(const Type& type, const Value& object, std::string& out) {
  for (uint16_t index : type.by_number) encode_field(type.fields[index], object, out);
}

// ---- decoding

class Decoder {
 public:
  explicit Decoder(Allocator& allocator) : allocator_(allocator) {}

  // Adds the members of a message to `object`.
  Result<> message(const Type& type, std::string_view bytes, Value& object);

 private:
  Result<> field(const Field& field, const wire::Piece& piece, Value& object);
  Result<> entry(const Field& field, std::string_view bytes, Value& map);
  Result<> items(const Field& field, std::string_view bytes, Value& list);
  Result<Value> item(const Field& field, const wire::Piece& piece);
  Result<Value> special(const Field& field, std::string_view bytes);
  Result<Value> any(std::string_view bytes);
  Result<Value> text(std::string_view bytes);
  Value& slot(Value& object, const Field& field, rapidjson::Type type);

  Allocator& allocator_;
  int depth_ = 0;
};

Error malformed(std::string_view why) {
  return {Code::kBadRequest, "invalid protobuf: " + std::string(why)};
}

Error wrong_wire(const Field& field) {
  return malformed("wrong wire type for field " + std::string(field.name));
}

Result<> Decoder::message(const Type& type, std::string_view bytes, Value& object) {
  if (depth_ >= kDepthMax) return malformed("nested too deeply");
  ++depth_;
  wire::Reader reader(bytes);
  while (!reader.done()) {
    wire::Piece piece = TRY(reader.next());
    const Field* known = type.find_number(piece.number);
    if (known != nullptr) TRY(field(*known, piece, object));
  }
  --depth_;
  return {};
}

// The list or map of a repeated field, made at its first occurrence.
Value& Decoder::slot(Value& object, const Field& field, rapidjson::Type type) {
  if (Value* present = find(object, field.name)) return *present;
  Value name(rapidjson::StringRef(field.name.data(), field.name.size()));
  object.AddMember(name, Value(type), allocator_);
  return (object.MemberEnd() - 1)->value;
}

Result<> Decoder::field(const Field& field, const wire::Piece& piece, Value& object) {
  bool message_like = field.has(kInline) || field.has(kListMessage) || field.shape == Shape::kMap ||
                      field.shape == Shape::kMapOfLists;
  if (message_like && piece.wire != wire::kLength) return wrong_wire(field);
  if (field.has(kInline)) return message(*field.type, piece.bytes, object);
  switch (field.shape) {
    case Shape::kSingle: {
      Value value = TRY(item(field, piece));
      slot(object, field, rapidjson::kNullType) = std::move(value);
      return {};
    }
    case Shape::kList: {
      Value& list = slot(object, field, rapidjson::kArrayType);
      if (field.has(kListMessage)) return items(field, piece.bytes, list);
      Value value = TRY(item(field, piece));
      list.PushBack(value, allocator_);
      return {};
    }
    case Shape::kListOfLists: return {};
    default: return entry(field, piece.bytes, slot(object, field, rapidjson::kObjectType));
  }
}

// A list that is a message of its own: items = 1.
Result<> Decoder::items(const Field& field, std::string_view bytes, Value& list) {
  wire::Reader reader(bytes);
  while (!reader.done()) {
    wire::Piece piece = TRY(reader.next());
    if (piece.number != 1) continue;
    Value value = TRY(item(field, piece));
    list.PushBack(value, allocator_);
  }
  return {};
}

Result<> Decoder::entry(const Field& field, std::string_view bytes, Value& map) {
  wire::Reader reader(bytes);
  Value key(rapidjson::kStringType);
  wire::Piece empty{.number = 2, .wire = wire::kLength};
  wire::Piece value_piece = empty;
  while (!reader.done()) {
    wire::Piece piece = TRY(reader.next());
    if (piece.number == 1 && piece.wire == wire::kLength) key = TRY(text(piece.bytes));
    if (piece.number == 2) value_piece = piece;
  }
  Value value;
  if (field.shape == Shape::kMapOfLists) {
    value.SetArray();
    TRY(items(field, value_piece.bytes, value));
  } else {
    value = TRY(item(field, value_piece));
  }
  map.AddMember(key, value, allocator_);  // a key twice is resolved at the end
  return {};
}

Result<Value> Decoder::text(std::string_view bytes) {
  if (!valid_utf8(bytes)) return malformed("invalid UTF-8 in a string");
  return make_text(bytes, allocator_);
}

Result<Value> Decoder::item(const Field& field, const wire::Piece& piece) {
  switch (field.scalar) {
    case Scalar::kBool:
      if (piece.wire != wire::kVarint) return wrong_wire(field);
      return Value(piece.number_value != 0);
    case Scalar::kInt32:
      if (piece.wire != wire::kVarint) return wrong_wire(field);
      return Value(static_cast<int32_t>(piece.number_value));
    case Scalar::kInt64:
      if (piece.wire != wire::kVarint) return wrong_wire(field);
      return Value(static_cast<int64_t>(piece.number_value));
    case Scalar::kFloat64:
      if (piece.wire != wire::kFixed64) return wrong_wire(field);
      return Value(wire::to_double(piece.number_value));
    default: break;
  }
  if (piece.wire != wire::kLength) return wrong_wire(field);
  if (field.scalar == Scalar::kString) return text(piece.bytes);
  if (field.scalar == Scalar::kBytes) return make_text(encode_base64(piece.bytes), allocator_);
  if (field.scalar == Scalar::kStruct) {
    Value object(rapidjson::kObjectType);
    TRY(message(*field.type, piece.bytes, object));
    return object;
  }
  if (field.scalar == Scalar::kAny) {
    std::string_view raw = TRY(wire::find_bytes(piece.bytes, 1));
    return any(raw);
  }
  return special(field, piece.bytes);
}

Result<Value> Decoder::special(const Field& field, std::string_view bytes) {
  int64_t numbers[3] = {};
  std::string_view last;
  wire::Reader reader(bytes);
  while (!reader.done()) {
    wire::Piece piece = TRY(reader.next());
    if (piece.wire == wire::kLength) last = piece.bytes;
    if (piece.wire == wire::kVarint && piece.number <= 2) {
      numbers[piece.number] = static_cast<int64_t>(piece.number_value);
    }
  }
  switch (field.scalar) {
    case Scalar::kQuantity: return last.empty() ? Value("0", 1) : TRY(text(last));
    case Scalar::kDuration: return make_text(format_duration(numbers[1]), allocator_);
    case Scalar::kIntOrString:
      if (numbers[1] == 1) return text(last);
      return Value(static_cast<int32_t>(numbers[2]));
    default: break;
  }
  if (bytes.empty()) return Value();
  Instant instant{numbers[1], static_cast<int32_t>(numbers[2])};
  if (!in_range(instant)) return malformed("time out of range");
  return make_text(
      field.scalar == Scalar::kTime ? format_instant(instant) : format_instant_micro(instant),
      allocator_);
}

// An object of any kind: JSON text, or an envelope around another message.
Result<Value> Decoder::any(std::string_view bytes) {
  if (bytes.empty()) return Value();
  auto opened = open_envelope(bytes);
  if (opened.ok() && opened.value().content_type != "application/json") {
    const Envelope& envelope = opened.value();
    size_t slash = envelope.api_version.find('/');
    bool core = slash == std::string::npos;
    std::string group = core ? "" : envelope.api_version.substr(0, slash);
    std::string version = core ? envelope.api_version : envelope.api_version.substr(slash + 1);
    const Kind* kind = find_kind(group, version, envelope.kind);
    if (kind == nullptr || !kind->type->protobuf) return malformed("unknown kind in an envelope");
    Value object(rapidjson::kObjectType);
    set(object, "kind", envelope.kind, allocator_);
    set(object, "apiVersion", envelope.api_version, allocator_);
    TRY(message(*kind->type, envelope.raw, object));
    resolve_duplicate_keys(object, allocator_, nullptr);
    TRY(canonicalize(*kind->type, object, allocator_, nullptr));
    return object;
  }
  Json json = TRY(parse_json(opened.ok() ? opened.value().raw : bytes));
  return copy(json.root(), allocator_);
}

}  // namespace

std::string encode_protobuf(const Type& type, const Value& object) {
  std::string out;
  out.reserve(1024);
  encode_message(type, object, out);
  return out;
}

Result<Json> decode_protobuf(const Type& type, std::string_view bytes) {
  ParseLimits limits;
  if (bytes.size() > limits.bytes_max) {
    return Error{Code::kTooLarge,
                 "request entity too large: limit is " + std::to_string(limits.bytes_max)};
  }
  if (!type.protobuf) return malformed("the type has no protobuf form");
  Json json(16 * 1024);
  json.root().SetObject();
  TRY(Decoder(json.allocator()).message(type, bytes, json.root()));
  resolve_duplicate_keys(json.root(), json.allocator(), nullptr);
  TRY(canonicalize(type, json.root(), json.allocator(), nullptr));
  return json;
}

namespace {
constexpr std::string_view kMagic("k8s\0", 4);
}

Result<Envelope> open_envelope(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return malformed("no k8s envelope");
  Envelope envelope;
  wire::Reader reader(bytes.substr(kMagic.size()));
  while (!reader.done()) {
    wire::Piece piece = TRY(reader.next());
    if (piece.wire != wire::kLength) continue;
    switch (piece.number) {
      case 1:
        envelope.api_version = TRY(wire::find_bytes(piece.bytes, 1));
        envelope.kind = TRY(wire::find_bytes(piece.bytes, 2));
        break;
      case 2: envelope.raw = piece.bytes; break;
      case 3: envelope.content_encoding = piece.bytes; break;
      case 4: envelope.content_type = piece.bytes; break;
      default: break;
    }
  }
  return envelope;
}

std::string seal_envelope(std::string_view api_version, std::string_view kind,
                          std::string_view raw) {
  std::string out(kMagic);
  out.reserve(raw.size() + api_version.size() + kind.size() + 32);
  {
    wire::OpenMessage type_meta(out, 1);
    wire::put_bytes(out, 1, api_version);
    wire::put_bytes(out, 2, kind);
  }
  wire::put_bytes(out, 2, raw);
  wire::put_bytes(out, 3, {});
  wire::put_bytes(out, 4, {});
  return out;
}

}  // namespace kist::api
