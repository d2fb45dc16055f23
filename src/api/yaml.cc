// YAML in: the only file that knows yaml-cpp.
//
// Plain scalars mean what YAML 1.1 and Go's yaml.v2 (which sigs.k8s.io/yaml builds on) make of
// them: yes, on and y are true, 0777 is octal, 1_000 is a thousand, timestamps stay text. Aliases
// are copied as often as a budget allows, so nested aliases cannot grow without bound.
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <sstream>

#include "api/scalars.h"
#include "kist/api/json.h"
#include "kist/base/duplicate_keys.h"

namespace kist::api {
namespace {

// Values that anchors may hold and aliases stand for, all together.
constexpr size_t kAliasedMax = 200'000;
constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

// How the handler stops yaml-cpp, whose callbacks return nothing. Caught in parse_yaml.
struct Stop {
  Error error;
};

[[noreturn]] void stop(const YAML::Mark& mark, const std::string& why) {
  throw Stop{
      {Code::kBadRequest, "invalid YAML at line " + std::to_string(mark.line + 1) + ": " + why}};
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

// "0x1F", "0o17", "017", "0b11" and decimals, as strconv.ParseInt(text, 0, 64) and ParseUint.
bool read_integer(std::string_view text, Value& value) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    text.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  uint64_t number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (text.empty() || failed != std::errc() || end != text.data() + text.size()) return false;
  if (!negative) {
    value.SetUint64(number);
    return true;
  }
  if (number > uint64_t{1} << 63) return false;
  value.SetInt64(static_cast<int64_t>(0 - number));
  return true;
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
bool float_shape(std::string_view text) {
  auto digits = [&text] {
    size_t count = 0;
    for (; !text.empty() && text[0] >= '0' && text[0] <= '9'; ++count) text.remove_prefix(1);
    return count;
  };
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  size_t whole = digits();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0 && whole == 0) return false;
  } else if (whole == 0) {
    return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

bool read_float(std::string_view text, Value& value) {
  if (!float_shape(text)) return false;
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc()) return false;
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  if (number == std::floor(number) && std::fabs(number) <= kExactMax) {
    value.SetInt64(static_cast<int64_t>(number));  // Go prints 1e3 as 1000
  } else {
    value.SetDouble(number);
  }
  return true;
}

// What a plain scalar means; false: it is text.
bool resolve_plain(std::string_view text, Value& value) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) {
    value.SetNull();
    return true;
  }
  if (one_of(text, {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
    value.SetBool(true);
    return true;
  }
  if (one_of(text, {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    value.SetBool(false);
    return true;
  }
  if (std::strchr("+-.0123456789", text[0]) == nullptr) return false;
  std::string digits(text);
  std::erase(digits, '_');
  return read_integer(digits, value) || read_float(digits, value);
}

// Builds values from yaml-cpp's events.
class Builder : public YAML::EventHandler {
 public:
  Builder(Allocator& allocator, int depth_max) : allocator_(allocator), depth_max_(depth_max) {}

  Value& root() { return root_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, Value(), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(mark, "an anchor's value contains itself");
    charge(mark, found->second);
    if (static_cast<int>(frames_.size()) + depth_of(found->second) > depth_max_) {
      stop(mark, "nested too deeply");
    }
    add(mark, copy(found->second, allocator_), 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    bool key = expects_key();
    if (key && tag == "?" && text == "<<") {
      frames_.back().merging = true;
      frames_.back().has_key = true;
      return;
    }
    Value value = scalar(mark, tag, text);
    if (key && !value.IsString()) value = key_text(mark, value);
    add(mark, std::move(value), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, rapidjson::kArrayType, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, rapidjson::kObjectType, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YAML::Mark mark;
    YAML::anchor_t anchor;
    Value container;
    Value key{};
    bool has_key = false;
    bool merging = false;         // the key was <<
    std::vector<Value> merged{};  // what << brings in
  };

  bool expects_key() const {
    return !frames_.empty() && frames_.back().container.IsObject() && !frames_.back().has_key;
  }

  void open(const YAML::Mark& mark, rapidjson::Type type, YAML::anchor_t anchor) {
    if (expects_key()) stop(mark, "a key that is no scalar");
    if (static_cast<int>(frames_.size()) >= depth_max_) stop(mark, "nested too deeply");
    frames_.push_back(Frame{.mark = mark, .anchor = anchor, .container = Value(type)});
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (Value& from : frame.merged) merge(frame.container, from);
    add(frame.mark, std::move(frame.container), frame.anchor);
  }

  // Members of `from` that `to` does not have itself.
  void merge(Value& to, Value& from) {
    for (auto& member : from.GetObject()) {
      std::string_view name(member.name.GetString(), member.name.GetStringLength());
      if (find(to, name) == nullptr) to.AddMember(member.name, member.value, allocator_);
    }
  }

  void add(const YAML::Mark& mark, Value value, YAML::anchor_t anchor) {
    if (anchor != 0) {
      charge(mark, value);
      anchors_[anchor] = copy(value, allocator_);
    }
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.container.IsArray()) {
      frame.container.PushBack(value, allocator_);
    } else if (!frame.has_key) {
      frame.key = value.IsString() ? std::move(value) : key_text(mark, value);
      frame.has_key = true;
    } else if (frame.merging) {
      add_merged(mark, frame, std::move(value));
      frame.merging = frame.has_key = false;
    } else {
      frame.container.AddMember(frame.key, value, allocator_);
      frame.has_key = false;
    }
  }

  void charge(const YAML::Mark& mark, const Value& value) {
    aliased_ += count_values(value, kAliasedMax - aliased_ + 1);
    if (aliased_ > kAliasedMax) stop(mark, "too much stands behind aliases");
  }

  void add_merged(const YAML::Mark& mark, Frame& frame, Value value) {
    if (value.IsObject()) {
      frame.merged.push_back(std::move(value));
      return;
    }
    if (!value.IsArray()) stop(mark, "map merge requires map or sequence of maps as the value");
    for (Value& item : value.GetArray()) {
      if (!item.IsObject()) stop(mark, "map merge requires map or sequence of maps as the value");
      frame.merged.push_back(std::move(item));
    }
  }

  Value scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
    if (text.size() >= 4 && tag == "?" &&
        one_of(text.substr(text.size() - 4), {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) {
      if (text.size() == 4 || (text.size() == 5 && std::strchr("+-", text[0]) != nullptr)) {
        stop(mark, text + " has no JSON form");
      }
    }
    Value value;
    if (tag == "?" || tag.empty()) {
      return resolve_plain(text, value) ? std::move(value) : make_text(text, allocator_);
    }
    if (tag == "!") return make_text(text, allocator_);
    std::string_view name = tag;
    if (name.starts_with(kTagPrefix)) name.remove_prefix(kTagPrefix.size());
    if (name == "str") return make_text(text, allocator_);
    bool known = one_of(name, {"int", "float", "bool", "null"}) && resolve_plain(text, value);
    bool fits = (name == "int" && value.IsNumber() && !value.IsDouble()) ||
                (name == "float" && value.IsNumber()) || (name == "bool" && value.IsBool()) ||
                (name == "null" && value.IsNull());
    if (!known || !fits) stop(mark, "cannot decode \"" + text + "\" as " + tag);
    return value;
  }

  // Keys that are no text become it, as in Go: 1: x is "1": x, yes: x is "true": x.
  Value key_text(const YAML::Mark& mark, const Value& key) {
    if (!key.IsNumber() && !key.IsBool()) stop(mark, "a key that is neither text, number nor bool");
    return make_text(to_text(key), allocator_);
  }

  static size_t count_values(const Value& value, size_t limit) {
    size_t count = 1;
    if (value.IsArray()) {
      for (const Value& item : value.GetArray()) {
        if (count < limit) count += count_values(item, limit - count);
      }
    } else if (value.IsObject()) {
      for (const auto& member : value.GetObject()) {
        if (count < limit) count += count_values(member.value, limit - count);
      }
    }
    return count;
  }

  static int depth_of(const Value& value) {
    int below = 0;
    if (value.IsArray()) {
      for (const Value& item : value.GetArray()) below = std::max(below, depth_of(item));
    } else if (value.IsObject()) {
      for (const auto& member : value.GetObject()) below = std::max(below, depth_of(member.value));
    } else {
      return 0;
    }
    return below + 1;
  }

  Allocator& allocator_;
  const int depth_max_;
  Value root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Value> anchors_;
  size_t aliased_ = 0;
};

Result<> read_document(std::string_view text, Builder& builder) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return {};
    Json second;
    Builder ignored(second.allocator(), ParseLimits().depth_max);
    if (parser.HandleNextDocument(ignored)) {
      return Error{Code::kBadRequest, "invalid YAML: more than one document"};
    }
    return {};
  } catch (const Stop& stopped) {
    return stopped.error;
  } catch (const YAML::Exception& exception) {
    return Error{
        Code::kBadRequest,
        "invalid YAML at line " + std::to_string(exception.mark.line + 1) + ": " + exception.msg};
  }
}

}  // namespace

Result<Json> parse_yaml(std::string_view text, std::vector<std::string>* duplicates,
                        const ParseLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return Error{Code::kTooLarge,
                 "request entity too large: limit is " + std::to_string(limits.bytes_max)};
  }
  if (!valid_utf8(text) || text.find('\0') != std::string_view::npos) {
    return Error{Code::kBadRequest, "invalid YAML: not UTF-8 text"};
  }
  Json json(16 * 1024);
  Builder builder(json.allocator(), limits.depth_max);
  TRY(read_document(text, builder));
  json.root() = std::move(builder.root());
  resolve_duplicate_keys(json.root(), json.allocator(), duplicates);
  return json;
}

}  // namespace kist::api
