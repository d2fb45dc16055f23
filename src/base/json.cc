// The guarded way into RapidJSON, and what everybody does with values.
//
// Text is copied into the pool once and parsed in place there. The reader recurses, so depth is
// checked while it reads; what comes out is never nested deeper than ParseLimits::depth_max, which
// is what makes recursion safe everywhere else in this program.
#include "kist/base/json.h"

#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "kist/base/duplicate_keys.h"

namespace kist::json {
namespace {

constexpr size_t kPoolChunkMin = 2 * 1024;
constexpr size_t kPoolChunkMax = 64 * 1024;
constexpr size_t kPoolPerByte = 4;  // a pod's values take about three bytes per byte of text

// Passes events on to the document, and stops at what we refuse.
class Guard {
 public:
  Guard(rapidjson::Document& document, rapidjson::InsituStringStream& stream, const char* text,
        size_t size, int depth_max)
      : document_(document), stream_(stream), text_(text), size_(size), depth_max_(depth_max) {}

  bool Null() { return document_.Null(); }
  bool Bool(bool value) { return document_.Bool(value); }
  bool Int(int value) { return document_.Int(value); }
  bool Uint(unsigned value) { return document_.Uint(value); }
  bool Int64(int64_t value) { return document_.Int64(value); }
  bool Uint64(uint64_t value) { return document_.Uint64(value); }
  bool Double(double value) {
    // RapidJSON's own value is not exact, and with kParseFullPrecisionFlag it is wrong for 0e-9.
    // Doubles are rare, so their text is read again.
    std::string_view token = number_here();
    if (token.find_first_of(".eE") == std::string_view::npos)
      return refuse("integer beyond 64 bits");
    std::from_chars(token.data(), token.data() + token.size(), value);  // underflow: keeps theirs
    return document_.Double(value);
  }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool copied) {
    return document_.RawNumber(text, size, copied);
  }
  bool String(const char* text, rapidjson::SizeType size, bool copied) {
    return document_.String(text, size, copied);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copied) {
    return document_.Key(text, size, copied);
  }
  bool StartObject() { return enter() && document_.StartObject(); }
  bool StartArray() { return enter() && document_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) {
    --depth_;
    return document_.EndObject(count);
  }
  bool EndArray(rapidjson::SizeType count) {
    --depth_;
    return document_.EndArray(count);
  }
  const char* refusal() const { return refusal_; }

 private:
  bool enter() { return ++depth_ <= depth_max_ || refuse("nested too deeply"); }
  bool refuse(const char* why) {
    refusal_ = why;
    return false;
  }
  // The text of the number just read. The stream stands at its start or at its end, depending on
  // RapidJSON's version.
  std::string_view number_here() {
    auto part = [](char c) {
      return std::string_view("0123456789+-.eE").find(c) != std::string_view::npos;
    };
    size_t begin = std::min(stream_.Tell(), size_), end = begin;
    while (begin > 0 && part(text_[begin - 1])) --begin;
    while (end < size_ && part(text_[end])) ++end;
    return {text_ + begin, end - begin};
  }

  rapidjson::Document& document_;
  rapidjson::InsituStringStream& stream_;
  const char* text_;
  const size_t size_;
  const int depth_max_;
  int depth_ = 0;
  const char* refusal_ = nullptr;
};

// Makes a document of a value's events. Strings are always copied, also those that only refer to
// their text: the source's pool may be gone before the copy is.
class Copier {
 public:
  explicit Copier(rapidjson::Document& document) : document_(document) {}
  bool Null() { return document_.Null(); }
  bool Bool(bool value) { return document_.Bool(value); }
  bool Int(int value) { return document_.Int(value); }
  bool Uint(unsigned value) { return document_.Uint(value); }
  bool Int64(int64_t value) { return document_.Int64(value); }
  bool Uint64(uint64_t value) { return document_.Uint64(value); }
  bool Double(double value) { return document_.Double(value); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return document_.RawNumber(text, size, true);
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return document_.String(text, size, true);
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    return document_.Key(text, size, true);
  }
  bool StartObject() { return document_.StartObject(); }
  bool StartArray() { return document_.StartArray(); }
  bool EndObject(rapidjson::SizeType count) { return document_.EndObject(count); }
  bool EndArray(rapidjson::SizeType count) { return document_.EndArray(count); }

 private:
  rapidjson::Document& document_;
};

const char* words(rapidjson::ParseErrorCode code) {
  switch (code) {
    case rapidjson::kParseErrorDocumentEmpty: return "unexpected end of JSON input";
    case rapidjson::kParseErrorDocumentRootNotSingular: return "bytes after the value";
    case rapidjson::kParseErrorValueInvalid: return "no JSON value";
    case rapidjson::kParseErrorObjectMissName: return "an object member without a name";
    case rapidjson::kParseErrorObjectMissColon: return "no colon after a member's name";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket: return "no comma or } after a member";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket: return "no comma or ] after an item";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid: return "bad \\u escape in a string";
    case rapidjson::kParseErrorStringEscapeInvalid: return "bad escape in a string";
    case rapidjson::kParseErrorStringMissQuotationMark: return "a string without an end";
    case rapidjson::kParseErrorStringInvalidEncoding: return "invalid UTF-8 in a string";
    case rapidjson::kParseErrorNumberTooBig:
    case rapidjson::kParseErrorNumberMissFraction:
    case rapidjson::kParseErrorNumberMissExponent: return "bad number";
    default: return "refused";
  }
}

Error parse_error(size_t offset, const char* why) {
  return {Code::kBadRequest, "invalid JSON at byte " + std::to_string(offset) + ": " + why};
}

bool numbers_equal(const Value& a, const Value& b) {
  if (a.IsInt64() && b.IsInt64()) return a.GetInt64() == b.GetInt64();
  if (a.IsUint64() && b.IsUint64()) return a.GetUint64() == b.GetUint64();
  return a.GetDouble() == b.GetDouble();
}

using Member = Value::Member;
std::string_view name_of(const Member* member) {
  return {member->name.GetString(), member->name.GetStringLength()};
}

std::vector<const Member*> sorted_members(const Value& object) {
  std::vector<const Member*> members;
  members.reserve(object.MemberCount());
  for (const Member& member : object.GetObject()) members.push_back(&member);
  std::ranges::sort(members, {}, name_of);
  return members;
}

bool objects_equal(const Value& a, const Value& b) {
  constexpr rapidjson::SizeType kSearchedMax = 32;
  if (a.MemberCount() != b.MemberCount()) return false;
  if (a.MemberCount() <= kSearchedMax) {
    return std::ranges::all_of(a.GetObject(), [&b](const Member& member) {
      const Value* other = find(b, name_of(&member));
      return other != nullptr && equal(member.value, *other);
    });
  }
  std::vector<const Member*> left = sorted_members(a), right = sorted_members(b);
  return std::ranges::equal(left, right, [](const Member* x, const Member* y) {
    return name_of(x) == name_of(y) && equal(x->value, y->value);
  });
}

}  // namespace

Json::Json() : Json(kPoolChunkMin) {}

Json::Json(size_t pool_chunk_bytes)
    : allocator_(std::make_unique<Allocator>(pool_chunk_bytes)), root_(std::make_unique<Value>()) {}

Result<Json> parse_json(std::string_view text, std::vector<std::string>* duplicates,
                        const ParseLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return Error{Code::kTooLarge,
                 "request entity too large: limit is " + std::to_string(limits.bytes_max)};
  }
  // The reader takes NUL for the end; in JSON it is never right.
  if (size_t nul = text.find('\0'); nul != std::string_view::npos)
    return parse_error(nul, "NUL byte");

  Json json(std::clamp(text.size() * kPoolPerByte, kPoolChunkMin, kPoolChunkMax));
  char* buffer = static_cast<char*>(json.allocator().Malloc(text.size() + 1));
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';

  rapidjson::Document document(&json.allocator());
  rapidjson::InsituStringStream stream(buffer);
  Guard guard(document, stream, buffer, text.size(), limits.depth_max);
  rapidjson::Reader reader;
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag;
  auto read = [&](rapidjson::Document&) { return !reader.Parse<kFlags>(stream, guard).IsError(); };
  document.Populate(read);
  if (reader.HasParseError()) {
    const char* why = guard.refusal() ? guard.refusal() : words(reader.GetParseErrorCode());
    return parse_error(reader.GetErrorOffset(), why);
  }
  json.root() = std::move(static_cast<Value&>(document));
  resolve_duplicate_keys(json.root(), json.allocator(), duplicates);
  return json;
}

Value make_text(std::string_view text, Allocator& allocator) {
  if (text.data() == nullptr) text = "";  // RapidJSON asserts that there is a pointer
  return Value(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator);
}

std::string to_text(const Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

Value copy(const Value& value, Allocator& allocator) {
  rapidjson::Document document(&allocator);
  auto events = [&value](rapidjson::Document& to) {
    Copier copier(to);
    return value.Accept(copier);
  };
  document.Populate(events);
  return std::move(static_cast<Value&>(document));
}

bool equal(const Value& a, const Value& b) {
  if (a.IsNumber() && b.IsNumber()) return numbers_equal(a, b);
  if (a.GetType() != b.GetType()) return false;
  if (a.IsString()) {
    return a.GetStringLength() == b.GetStringLength() &&
           std::memcmp(a.GetString(), b.GetString(), a.GetStringLength()) == 0;
  }
  if (a.IsArray()) {
    return a.Size() == b.Size() && std::equal(a.Begin(), a.End(), b.Begin(), equal);
  }
  return !a.IsObject() || objects_equal(a, b);
}

const Value* find(const Value& object, std::string_view member) {
  if (!object.IsObject()) return nullptr;
  for (const Member& each : object.GetObject()) {
    if (each.name.GetStringLength() == member.size() &&
        std::memcmp(each.name.GetString(), member.data(), member.size()) == 0) {
      return &each.value;
    }
  }
  return nullptr;
}

Value* find(Value& object, std::string_view member) {
  return const_cast<Value*>(find(std::as_const(object), member));
}

const Value* find_path(const Value& object, std::initializer_list<std::string_view> members) {
  const Value* value = &object;
  for (std::string_view member : members) {
    value = find(*value, member);
    if (value == nullptr) return nullptr;
  }
  return value;
}

std::string_view text_of(const Value& object, std::string_view member) {
  const Value* value = find(object, member);
  if (value == nullptr || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}

int64_t int_of(const Value& object, std::string_view member, int64_t otherwise) {
  const Value* value = find(object, member);
  return value != nullptr && value->IsInt64() ? value->GetInt64() : otherwise;
}

bool bool_of(const Value& object, std::string_view member, bool otherwise) {
  const Value* value = find(object, member);
  return value != nullptr && value->IsBool() ? value->GetBool() : otherwise;
}

void set(Value& object, std::string_view member, Value value, Allocator& allocator) {
  ENSURE(object.IsObject());
  if (Value* old = find(object, member)) {
    *old = std::move(value);
    return;
  }
  Value name = make_text(member, allocator);
  object.AddMember(name, value, allocator);
}

void set(Value& object, std::string_view member, std::string_view text, Allocator& allocator) {
  set(object, member, make_text(text, allocator), allocator);
}

void remove(Value& object, std::string_view member) {
  if (!object.IsObject()) return;
  for (auto each = object.MemberBegin(); each != object.MemberEnd(); ++each) {
    if (name_of(&*each) == member) {
      object.EraseMember(each);  // keeps the order of the others
      return;
    }
  }
}

Value& child(Value& object, std::string_view member, Allocator& allocator) {
  if (object.IsNull()) object.SetObject();
  Value* value = find(object, member);
  if (value != nullptr && value->IsObject()) return *value;
  set(object, member, Value(rapidjson::kObjectType), allocator);
  return *find(object, member);
}

}  // namespace kist::json
