// JSON in memory: RapidJSON values in pools, and the guarded way in.
//
// Values live for one request or one reconcile. Long-lived objects are bytes (Slice), not Values.
#pragma once

#include <rapidjson/document.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"

namespace kist::json {

using Value = rapidjson::Value;
using Allocator = rapidjson::Document::AllocatorType;  // MemoryPoolAllocator<CrtAllocator>

// A document that owns its pool. Movable; values inside stay where they are.
class Json {
 public:
  Json();
  explicit Json(size_t pool_chunk_bytes);  // the pool grows by chunks of this size
  Value& root() { return *root_; }
  const Value& root() const { return *root_; }
  Allocator& allocator() { return *allocator_; }

 private:
  std::unique_ptr<Allocator> allocator_;
  std::unique_ptr<Value> root_;
};

struct ParseLimits {
  int depth_max = 256;                 // nesting of objects and arrays
  size_t bytes_max = 3 * 1024 * 1024;  // Kubernetes' own limit of a request body
};

// Refuses, with the byte offset in the message: invalid UTF-8, bytes behind the value (NUL too),
// integers beyond 64 bits, depth beyond the limit. Duplicate keys: the last wins, as in Kubernetes,
// and their paths are appended to `duplicates` ("spec.replicas") for field validation to judge.
// kBadRequest or kTooLarge.
Result<Json> parse_json(std::string_view text, std::vector<std::string>* duplicates = nullptr,
                        const ParseLimits& limits = {});

// A text value; the bytes are copied into the pool.
Value make_text(std::string_view text, Allocator& allocator);

std::string to_text(const Value& value);  // compact JSON, members in their order

Value copy(const Value& value, Allocator& allocator);
bool equal(const Value& a, const Value& b);  // members in any order; 1 and 1.0 are equal

// Looking things up without a chain of ifs: null where anything on the way is missing.
const Value* find(const Value& object, std::string_view member);
Value* find(Value& object, std::string_view member);
const Value* find_path(const Value& object, std::initializer_list<std::string_view> members);
// The text at `member`, or empty where there is none or it is no string.
std::string_view text_of(const Value& object, std::string_view member);
int64_t int_of(const Value& object, std::string_view member, int64_t otherwise = 0);
bool bool_of(const Value& object, std::string_view member, bool otherwise = false);

// Sets a member, replacing what is there; texts are copied into the pool.
void set(Value& object, std::string_view member, Value value, Allocator& allocator);
void set(Value& object, std::string_view member, std::string_view text, Allocator& allocator);
void remove(Value& object, std::string_view member);
// The object at `member`, made where it is missing.
Value& child(Value& object, std::string_view member, Allocator& allocator);

}  // namespace kist::json
