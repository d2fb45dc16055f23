// Validation errors in Kubernetes' words.
#include "kist/api/field_errors.h"

namespace kist::api {
namespace {

// As Go's %q shows a text.
std::string quoted(std::string_view text) {
  constexpr std::string_view kEscaped = "\"\\\a\b\f\n\r\t\v", kLetters = "\"\\abfnrtv";
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    size_t known = kEscaped.find(c);
    if (known != kEscaped.npos) {
      out += '\\';
      out += kLetters[known];
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string with_detail(std::string text, std::string_view detail) {
  if (!detail.empty()) text.append(": ").append(detail);
  return text;
}

}  // namespace

FieldPath FieldPath::child(std::string_view name) const {
  FieldPath path = *this;
  if (!path.text_.empty()) path.text_ += '.';
  path.text_.append(name);
  return path;
}

FieldPath FieldPath::index(size_t index) const {
  FieldPath path = *this;
  path.text_.append("[").append(std::to_string(index)).append("]");
  return path;
}

FieldPath FieldPath::key(std::string_view key) const {
  FieldPath path = *this;
  path.text_.append("[").append(key).append("]");
  return path;
}

void FieldErrors::add(const char* reason, const FieldPath& path, std::string message) {
  causes_.push_back({reason, std::move(message), path.text()});
}

void FieldErrors::required(const FieldPath& path, std::string_view detail) {
  add("FieldValueRequired", path, with_detail("Required value", detail));
}

void FieldErrors::invalid(const FieldPath& path, std::string_view value, std::string_view detail) {
  add("FieldValueInvalid", path, with_detail("Invalid value: " + quoted(value), detail));
}

void FieldErrors::invalid(const FieldPath& path, int64_t value, std::string_view detail) {
  add("FieldValueInvalid", path, with_detail("Invalid value: " + std::to_string(value), detail));
}

void FieldErrors::invalid(const FieldPath& path, const Value& value, std::string_view detail) {
  add("FieldValueInvalid", path, with_detail("Invalid value: " + to_text(value), detail));
}

void FieldErrors::not_supported(const FieldPath& path, std::string_view value,
                                const std::vector<std::string_view>& supported) {
  std::string text = "Unsupported value: " + quoted(value);
  for (size_t i = 0; i < supported.size(); ++i) {
    text += (i == 0 ? ": supported values: " : ", ") + quoted(supported[i]);
  }
  add("FieldValueNotSupported", path, std::move(text));
}

void FieldErrors::duplicate(const FieldPath& path, std::string_view value) {
  add("FieldValueDuplicate", path, "Duplicate value: " + quoted(value));
}

void FieldErrors::duplicate(const FieldPath& path, int64_t value) {
  add("FieldValueDuplicate", path, "Duplicate value: " + std::to_string(value));
}

void FieldErrors::duplicate(const FieldPath& path, const Value& value) {
  add("FieldValueDuplicate", path, "Duplicate value: " + to_text(value));
}

void FieldErrors::not_found(const FieldPath& path, std::string_view value) {
  add("FieldValueNotFound", path, "Not found: " + quoted(value));
}

void FieldErrors::forbidden(const FieldPath& path, std::string_view detail) {
  add("FieldValueForbidden", path, with_detail("Forbidden", detail));
}

void FieldErrors::too_long(const FieldPath& path, size_t bytes_max) {
  add("FieldValueTooLong", path,
      "Too long: may not be more than " + std::to_string(bytes_max) + " bytes");
}

void FieldErrors::too_many(const FieldPath& path, size_t count, size_t count_max) {
  add("FieldValueTooMany", path,
      "Too many: " + std::to_string(count) + ": must have at most " + std::to_string(count_max) +
          " items");
}

std::string FieldErrors::message() const {
  std::string text;
  for (const Cause& cause : causes_) {
    if (!text.empty()) text += ", ";
    // An error of the whole object has no path: Go prints "<nil>" for it.
    text.append(cause.field.empty() ? "<nil>" : cause.field).append(": ").append(cause.message);
  }
  return causes_.size() > 1 ? "[" + text + "]" : text;
}

}  // namespace kist::api
