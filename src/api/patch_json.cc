// RFC 6902. Beyond it, as in Kubernetes: "-1" counts from an array's end; copies are bounded.
//
// Each operation finds the parent of its path and then works on one member or element. Whatever is
// put in keeps the document within kDepthMax, so that later recursion over it stays safe.
#include <algorithm>
#include <charconv>
#include <optional>

#include "kist/api/patch.h"

namespace kist::api {
namespace {

constexpr int kDepthMax = 256;                     // as ParseLimits
constexpr size_t kCopyBytesMax = 3 * 1024 * 1024;  // all copies of one patch
constexpr size_t kTokensMax = kDepthMax;

using Tokens = std::vector<std::string>;

Error malformed(std::string message) { return {Code::kBadRequest, std::move(message)}; }
Error refused(std::string message) { return {Code::kInvalid, std::move(message)}; }

Result<std::string> unescaped(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      out += token[i];
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1')) {
      return malformed("invalid escape in JSON pointer token \"" + std::string(token) + "\"");
    }
    out += token[i] == '0' ? '~' : '/';
  }
  return out;
}

Result<Tokens> split(std::string_view path) {
  Tokens tokens;
  if (!path.empty() && path.front() != '/') {
    return malformed("JSON pointer \"" + std::string(path) + "\" does not start with \"/\"");
  }
  while (!path.empty()) {
    size_t end = std::min(path.find('/', 1), path.size());
    tokens.push_back(TRY(unescaped(path.substr(1, end - 1))));
    path.remove_prefix(end);
    if (tokens.size() > kTokensMax) return malformed("JSON pointer is too deep");
  }
  return tokens;
}

// `count` is how many positions there are: an insert may also go behind the last element.
std::optional<rapidjson::SizeType> position(std::string_view token, size_t count) {
  int64_t index = 0;
  auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (token.empty() || error != std::errc() || end != token.data() + token.size()) return {};
  auto limit = static_cast<int64_t>(count);
  if (index < 0) index += limit;
  if (index < 0 || index >= limit) return {};
  return static_cast<rapidjson::SizeType>(index);
}

// The value at a token of `parent`; null: there is none.
Value* step(Value& parent, std::string_view token) {
  if (parent.IsObject()) return find(parent, token);
  if (!parent.IsArray()) return nullptr;
  auto at = position(token, parent.Size());
  return at ? &parent[*at] : nullptr;
}

// Where the first `count` tokens lead; null: nowhere.
Value* walk(Value& root, const Tokens& tokens, size_t count) {
  Value* value = &root;
  for (size_t i = 0; i < count && value != nullptr; ++i) value = step(*value, tokens[i]);
  return value;
}

int depth_of(const Value& value) {
  int deepest = 0;
  if (value.IsArray()) {
    for (const Value& item : value.GetArray()) deepest = std::max(deepest, depth_of(item));
    return deepest + 1;
  }
  if (!value.IsObject()) return 0;
  for (const auto& member : value.GetObject()) deepest = std::max(deepest, depth_of(member.value));
  return deepest + 1;
}

// One run over the operations of a patch.
class Run {
 public:
  Run(Value& root, Allocator& allocator) : root_(root), allocator_(allocator) {}

  Result<> operation(const Value& operation) {
    std::string_view op = text_of(operation, "op");
    const Value* path = find(operation, "path");
    if (path == nullptr || !path->IsString()) return malformed("JSON patch operation has no path");
    path_ = text_of(operation, "path");
    Tokens tokens = TRY(split(path_));
    if (op == "remove") return remove_at(tokens);
    if (op == "move" || op == "copy") return take_from(operation, tokens, op == "move");
    if (op != "add" && op != "replace" && op != "test") {
      return malformed("Unexpected kind: " + std::string(op.empty() ? "unknown" : op));
    }
    const Value* value = find(operation, "value");
    if (value == nullptr) {
      return malformed(std::string(op) + " operation at \"" + std::string(path_) +
                       "\" has no value");
    }
    if (op == "test") return test(tokens, *value);
    Value fresh = copy(*value, allocator_);
    return op == "add" ? add(tokens, fresh) : replace(tokens, fresh);
  }

 private:
  Error missing(std::string_view op, std::string_view what = "path") const {
    return refused(std::string(op) + " operation does not apply: doc is missing " +
                   std::string(what) + ": \"" + std::string(path_) + "\": missing value");
  }

  Result<> check_depth(const Tokens& tokens, const Value& value) const {
    if (static_cast<int>(tokens.size()) + depth_of(value) <= kDepthMax) return {};
    return refused("error in add for path: '" + std::string(path_) + "': nested too deeply");
  }

  Result<> add(const Tokens& tokens, Value& value) {
    TRY(check_depth(tokens, value));
    if (tokens.empty()) {
      root_ = std::move(value);
      return {};
    }
    Value* parent = walk(root_, tokens, tokens.size() - 1);
    if (parent == nullptr) return missing("add");
    const std::string& token = tokens.back();
    if (parent->IsObject()) {
      set(*parent, token, std::move(value), allocator_);
      return {};
    }
    if (!parent->IsArray()) return missing("add");
    size_t size = parent->Size();
    auto at = token == "-" ? std::optional(parent->Size()) : position(token, size + 1);
    if (!at) {
      return refused("error in add for path: '" + std::string(path_) +
                     "': Unable to access invalid index: " + token + ": invalid index referenced");
    }
    parent->PushBack(value, allocator_);
    // Values are no more than moved here: rotate would need them to be swappable by std::swap.
    for (rapidjson::SizeType i = parent->Size() - 1; i > *at; --i)
      (*parent)[i].Swap((*parent)[i - 1]);
    return {};
  }

  Result<> replace(const Tokens& tokens, Value& value) {
    TRY(check_depth(tokens, value));
    Value* target = walk(root_, tokens, tokens.size());
    if (target == nullptr) {
      bool parent = !tokens.empty() && walk(root_, tokens, tokens.size() - 1) != nullptr;
      return missing("replace", parent ? "key" : "path");
    }
    *target = std::move(value);
    return {};
  }

  Result<> remove_at(const Tokens& tokens) {
    if (tokens.empty()) return refused("remove operation does not apply to the whole document");
    Value* parent = walk(root_, tokens, tokens.size() - 1);
    if (parent == nullptr) return missing("remove");
    const std::string& token = tokens.back();
    if (step(*parent, token) == nullptr) {
      return refused("error in remove for path: '" + std::string(path_) +
                     "': Unable to remove nonexistent key: " + token + ": missing value");
    }
    if (parent->IsObject()) {
      remove(*parent, token);
    } else {
      parent->Erase(parent->Begin() + *position(token, parent->Size()));
    }
    return {};
  }

  Result<> take_from(const Value& operation, const Tokens& tokens, bool move) {
    const char* op = move ? "move" : "copy";
    const Value* from_text = find(operation, "from");
    if (from_text == nullptr || !from_text->IsString()) {
      return malformed(std::string(op) + " operation has no from");
    }
    Tokens from = TRY(split(text_of(operation, "from")));
    Value* source = walk(root_, from, from.size());
    if (source == nullptr) {
      return refused(std::string(op) + " operation does not apply: doc is missing from path: " +
                     std::string(text_of(operation, "from")) + ": missing value");
    }
    if (!move) {
      TRY(count_copy(*source));
      Value fresh = copy(*source, allocator_);
      return add(tokens, fresh);
    }
    if (from == tokens) return {};
    if (from.size() < tokens.size() && std::equal(from.begin(), from.end(), tokens.begin())) {
      return refused("move operation does not apply: \"" + std::string(path_) +
                     "\" lies inside of what moves");
    }
    Value taken = std::move(*source);  // leaves a null, which is removed next
    TRY(remove_at(from));
    return add(tokens, taken);
  }

  Result<> count_copy(const Value& value) {
    copied_ += to_text(value).size();
    if (copied_ <= kCopyBytesMax) return {};
    return Error{Code::kTooLarge,
                 "Unable to complete the copy, the accumulated size increase of copy is " +
                     std::to_string(copied_) + " bytes, exceeding the limit " +
                     std::to_string(kCopyBytesMax)};
  }

  Result<> test(const Tokens& tokens, const Value& wanted) {
    const Value* found = walk(root_, tokens, tokens.size());
    // As upstream: what is not there equals null.
    if (found == nullptr ? wanted.IsNull() : equal(*found, wanted)) return {};
    return refused("testing value " + std::string(path_) + " failed: test failed");
  }

  Value& root_;
  Allocator& allocator_;
  std::string_view path_;
  size_t copied_ = 0;
};

}  // namespace

Result<> apply_json_patch(Value& object, const Value& patch, Allocator& allocator) {
  if (!patch.IsArray()) return malformed("a JSON patch is an array of operations");
  Run run(object, allocator);
  for (const Value& operation : patch.GetArray()) {
    if (!operation.IsObject()) return malformed("a JSON patch operation is an object");
    TRY(run.operation(operation));
  }
  return {};
}

}  // namespace kist::api
