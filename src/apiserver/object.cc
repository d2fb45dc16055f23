// Reads the digest out of an object's bytes: one pass, values nobody asks for are skipped over.
#include "src/apiserver/object.h"

#include <algorithm>
#include <cstring>

#include "kist/api/json.h"
#include "kist/base/result.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kScalarEnds = ",]}:";  // of a number, true, false or null

}  // namespace

FieldIndex::FieldIndex(const std::vector<std::string>& paths) {
  for (const char* fixed : {"metadata.name", "metadata.namespace", "metadata.uid",
                            "metadata.resourceVersion", "metadata.deletionTimestamp"}) {
    add(fixed, static_cast<int>(paths_.size()));
    paths_.emplace_back(fixed);
  }
  ENSURE(paths_.size() == kFixed);
  add("metadata.labels", kLabels);
  for (const std::string& path : paths) {
    if (slot(path) >= 0) continue;
    add(path, static_cast<int>(paths_.size()));
    paths_.push_back(path);
  }
}

void FieldIndex::add(std::string_view path, int slot) {
  Node* node = &root_;
  while (true) {
    size_t dot = path.find('.');
    std::string_view name = path.substr(0, dot);
    Node* next = nullptr;
    for (Node& child : node->children) {
      if (child.name == name) next = &child;
    }
    if (next == nullptr) {
      node->children.push_back({.name = std::string(name), .slot = -1, .children = {}});
      next = &node->children.back();
    }
    node = next;
    if (dot == std::string_view::npos) break;
    path.remove_prefix(dot + 1);
  }
  node->slot = slot;
}

int FieldIndex::slot(std::string_view path) const {
  for (size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i] == path) return static_cast<int>(i);
  }
  return -1;
}

// Walks JSON that we wrote ourselves. It stays inside the bytes whatever they hold, but makes no
// other promise for text that is not canonical.
class DigestReader {
 public:
  DigestReader(std::string_view text, Object& object, size_t slots)
      : text_(text), object_(object), slots_(slots) {}

  void read(const FieldIndex::Node& root) {
    if (peek() == '{') members(root);
  }

  std::vector<Object::Place> slots_and_labels() && {
    slots_.insert(slots_.end(), labels_.begin(), labels_.end());
    return std::move(slots_);
  }
  size_t labels() const { return labels_.size() / 2; }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  // At an opening quote: the text behind it; moves behind the closing one.
  Object::Place string() {
    size_t start = ++at_;
    bool escaped = false;
    while (at_ < text_.size()) {
      const void* quote = std::memchr(text_.data() + at_, '"', text_.size() - at_);
      if (quote == nullptr) {
        at_ = text_.size();
        break;
      }
      size_t end = static_cast<size_t>(static_cast<const char*>(quote) - text_.data());
      size_t slashes = 0;
      while (end - slashes > start && text_[end - slashes - 1] == '\\') ++slashes;
      at_ = end + 1;
      if (slashes % 2 == 1) continue;
      escaped = std::memchr(text_.data() + start, '\\', end - start) != nullptr;
      return escaped ? unescape(start, end) : static_cast<Object::Place>(start);
    }
    return 0;
  }

  Object::Place unescape(size_t start, size_t end) {
    if (!keep_) return 0;
    Result<api::Json> parsed = api::parse_json(text_.substr(start - 1, end - start + 2));
    if (!parsed.ok() || !parsed.value().root().IsString()) return 0;
    const api::Value& value = parsed.value().root();
    if (object_.extra_ == nullptr) object_.extra_ = std::make_unique<std::vector<std::string>>();
    object_.extra_->emplace_back(value.GetString(), value.GetStringLength());
    return static_cast<Object::Place>(object_.extra_->size() - 1) | Object::kInExtra;
  }

  void skip_value() {
    int depth = 0;
    keep_ = false;
    do {
      switch (peek()) {
        case '"': string(); break;
        case '{':
        case '[': ++depth, ++at_; break;
        case '}':
        case ']': --depth, ++at_; break;
        case ',':
        case ':': ++at_; break;
        default: scalar();
      }
    } while (depth > 0 && at_ < text_.size());
    keep_ = true;
  }

  Object::Place scalar() {
    size_t start = at_;
    at_ = std::min(text_.find_first_of(kScalarEnds, at_), text_.size());
    if (at_ == start) ++at_;  // always forward
    return static_cast<Object::Place>(start);
  }

  // At a brace: calls `member` at each value, with its key.
  template <typename Member>
  void each(Member member) {
    ++at_;
    while (peek() == '"') {
      Object::Place key = string();
      if (peek() == ':') ++at_;
      member(key);
      if (peek() == ',') ++at_;
    }
    if (peek() == '}') ++at_;
  }

  void members(const FieldIndex::Node& node) {
    each([&](Object::Place key) {
      std::string_view name = object_.text(key);
      for (const FieldIndex::Node& child : node.children) {
        if (child.name == name) return value(child);
      }
      skip_value();
    });
  }

  void value(const FieldIndex::Node& node) {
    if (node.slot == FieldIndex::kLabels && peek() == '{') return read_labels();
    if (!node.children.empty() && peek() == '{') return members(node);
    if (node.slot < 0 || peek() == '{' || peek() == '[') return skip_value();
    slots_[static_cast<size_t>(node.slot)] = peek() == '"' ? string() : scalar();
  }

  void read_labels() {
    each([&](Object::Place key) {
      if (peek() != '"') return skip_value();
      labels_.push_back(key);
      labels_.push_back(string());
    });
  }

  std::string_view text_;
  Object& object_;
  size_t at_ = 0;
  bool keep_ = true;
  std::vector<Object::Place> slots_, labels_;
};

Object::Object(const FieldIndex& index, Slice bytes, int64_t revision)
    : bytes_(std::move(bytes)), revision_(revision) {
  DigestReader reader(bytes_.view(), *this, static_cast<size_t>(index.size()));
  reader.read(index.root_);
  slots_ = static_cast<uint16_t>(index.size());
  labels_ = static_cast<uint16_t>(std::min<size_t>(reader.labels(), UINT16_MAX));
  const std::vector<Place> places = std::move(reader).slots_and_labels();
  places_ = std::make_unique<Place[]>(places.size());
  std::copy(places.begin(), places.end(), places_.get());
}

std::string_view Object::text(Place place) const {
  if (place == 0) return {};
  if ((place & kInExtra) != 0) return (*extra_)[place & ~kInExtra];
  const std::string_view bytes = bytes_.view();
  const bool quoted = bytes[place - 1] == '"';
  const size_t end = quoted ? bytes.find('"', place) : bytes.find_first_of(kScalarEnds, place);
  return bytes.substr(place, std::min(end, bytes.size()) - place);
}

bool Object::label(std::string_view key, std::string_view* value) const {
  for (int i = 0; i < labels_; ++i) {
    const Place* pair = &places_[slots_ + 2 * i];
    if (text(pair[0]) != key) continue;
    *value = text(pair[1]);
    return true;
  }
  return false;
}

std::vector<Slice> Object::with_revision(int64_t revision) const {
  const Place place = places_[FieldIndex::kVersion];
  if (place == 0 || (place & kInExtra) != 0) return {bytes_};
  const size_t end = place + text(place).size();
  return {bytes_.sub(0, place), Slice::of(std::to_string(revision)),
          bytes_.sub(end, bytes_.size() - end)};
}

}  // namespace kist::apiserver
