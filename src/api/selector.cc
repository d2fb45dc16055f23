// Label and field selectors: a small hand-written parser, and matching.
#include "kist/api/selector.h"

#include <algorithm>
#include <charconv>

#include "kist/api/field_errors.h"

namespace kist::api {
namespace {

using Op = Selector::Op;
using Requirement = Selector::Requirement;

constexpr size_t kTextMax = 64 * 1024;
constexpr size_t kRequirementsMax = 1000;

std::string_view view(const Value& text) {
  return text.IsString() ? std::string_view(text.GetString(), text.GetStringLength())
                         : std::string_view();
}

bool parse_int(std::string_view text, int64_t& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// Walks over "key op value, ..." one token at a time.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // A symbol ("=", "!=", "(", ...), a word, or empty at the end.
  std::string_view next() {
    skip_space();
    size_t start = at_;
    if (at_ == text_.size()) return {};
    if (is_symbol(text_[at_])) {
      bool wide = text_.substr(at_).starts_with("==") || text_.substr(at_).starts_with("!=");
      at_ += wide ? 2 : 1;
    } else {
      while (at_ < text_.size() && !is_symbol(text_[at_]) && !is_space(text_[at_])) ++at_;
    }
    return text_.substr(start, at_ - start);
  }
  std::string_view peek() {
    size_t before = at_;
    std::string_view token = next();
    at_ = before;
    return token;
  }

  static bool is_word(std::string_view token) { return !token.empty() && !is_symbol(token[0]); }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool is_operator(char c) { return c == '=' || c == '!' || c == '>' || c == '<'; }
  static bool is_symbol(char c) { return is_operator(c) || c == '(' || c == ')' || c == ','; }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// Errors of one requirement; parse_labels puts them into context.
Error unexpected(std::string_view found, std::string_view expected) {
  return Error{Code::kBadRequest,
               "found '" + std::string(found) + "', expected: " + std::string(expected)};
}

std::string joined(const Messages& messages) {
  std::string out;
  for (const std::string& message : messages) out += (out.empty() ? "" : "; ") + message;
  return out;
}

std::string wrong_value(const std::string& field, std::string_view value, std::string_view why) {
  FieldErrors errors;
  errors.invalid(FieldPath(field), value, why);
  return errors.message();
}

Result<> check_key(std::string_view key) {
  Messages wrong = check_qualified_name(key);
  if (wrong.empty()) return {};
  return Error{Code::kBadRequest, wrong_value("", key, joined(wrong))};
}

Result<> check_requirement(const Requirement& requirement) {
  TRY(check_key(requirement.key));
  std::vector<std::string> wrong;
  if ((requirement.op == Op::kIn || requirement.op == Op::kNotIn) && requirement.values.empty()) {
    wrong.emplace_back(
        "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
  }
  for (size_t i = 0; i < requirement.values.size(); ++i) {
    const std::string& value = requirement.values[i];
    const std::string field = "values[" + std::to_string(i) + "]";
    int64_t number = 0;
    if ((requirement.op == Op::kGreater || requirement.op == Op::kLess) &&
        !parse_int(value, number)) {
      wrong.push_back(
          wrong_value(field, value, "for 'Gt', 'Lt' operators, the value must be an integer"));
    }
    if (Messages form = check_label_value(value); !form.empty()) {
      wrong.push_back(wrong_value(field + "[" + requirement.key + "]", value, joined(form)));
    }
  }
  if (wrong.empty()) return {};
  if (wrong.size() == 1) return Error{Code::kBadRequest, wrong[0]};
  std::string all;
  for (const std::string& one : wrong) all += (all.empty() ? "" : ", ") + one;
  return Error{Code::kBadRequest, "[" + all + "]"};
}

// "(a,b)". A missing value next to a comma is the empty one.
Result<std::vector<std::string>> parse_set(Lexer& lexer) {
  std::string_view open = lexer.next();
  if (open != "(") {
    return Error{Code::kBadRequest, "found '" + std::string(open) + "' expected: '('"};
  }
  std::vector<std::string> values;
  bool word_before = false, first = true;
  for (;; first = false) {
    std::string_view token = lexer.next();
    if (token == ")") {
      if (!word_before && !first) values.emplace_back();
      break;
    }
    if (token == ",") {
      if (!word_before) values.emplace_back();
      word_before = false;
    } else if (!Lexer::is_word(token)) {
      return unexpected(token, first         ? "',', ')' or identifier"
                               : word_before ? "',' or ')'"
                                             : "',', or identifier");
    } else if (word_before) {
      return unexpected(token, "',' or ')'");
    } else {
      values.emplace_back(token);
      word_before = true;
    }
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

Result<Requirement> parse_operator(Lexer& lexer, std::string_view key) {
  std::string_view op = lexer.peek();
  if (op.empty() || op == ",") return Requirement{std::string(key), Op::kExists, {}};
  lexer.next();
  if (op == "in" || op == "notin") {
    Op kind = op == "in" ? Op::kIn : Op::kNotIn;
    std::vector<std::string> values = TRY(parse_set(lexer));
    return Requirement{std::string(key), kind, std::move(values)};
  }
  Op kind;
  if (op == "=" || op == "==") {
    kind = Op::kIn;
  } else if (op == "!=") {
    kind = Op::kNotIn;
  } else if (op == ">") {
    kind = Op::kGreater;
  } else if (op == "<") {
    kind = Op::kLess;
  } else {
    return unexpected(op, "in, notin, =, ==, !=, gt, lt");
  }
  std::string_view value = lexer.peek();
  if (value.empty() || value == ",") return Requirement{std::string(key), kind, {""}};
  if (!Lexer::is_word(value)) return unexpected(value, "identifier");
  return Requirement{std::string(key), kind, {std::string(lexer.next())}};
}

// `token` is the first of the requirement: "!" or a word.
Result<Requirement> parse_requirement(Lexer& lexer, std::string_view token) {
  bool negated = token == "!";
  std::string_view key = negated ? lexer.next() : token;
  if (!Lexer::is_word(key)) return unexpected(key, "identifier");
  TRY(check_key(key));
  Requirement out{std::string(key), Op::kNotExists, {}};
  if (!negated) out = TRY(parse_operator(lexer, key));
  TRY(check_requirement(out));
  return out;
}

bool requirement_matches(const Requirement& requirement, const Lookup& lookup) {
  std::string_view value;
  bool has = lookup(requirement.key, &value);
  auto listed = [&] {
    return std::find(requirement.values.begin(), requirement.values.end(), value) !=
           requirement.values.end();
  };
  int64_t number = 0, bound = 0;
  bool numbers = has && !requirement.values.empty() && parse_int(value, number) &&
                 parse_int(requirement.values[0], bound);
  switch (requirement.op) {
    case Op::kIn: return has && listed();
    case Op::kNotIn: return !has || !listed();
    case Op::kExists: return has;
    case Op::kNotExists: return !has;
    case Op::kGreater: return numbers && number > bound;
    case Op::kLess: return numbers && number < bound;
  }
  return false;
}

// Commas, equal signs and backslashes in a field's value are escaped with '\\'.
Result<std::string> unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ',' || c == '=') {
      return Error{Code::kBadRequest, "invalid field selector: unescaped character in value: " +
                                          std::to_string(static_cast<int>(c))};
    }
    if (c == '\\') {
      std::string_view sequence = text.substr(i, 2);
      if (sequence != "\\\\" && sequence != "\\," && sequence != "\\=") {
        return Error{Code::kBadRequest,
                     "invalid field selector: invalid escape sequence: " + std::string(sequence)};
      }
      c = text[++i];
    }
    out += c;
  }
  return out;
}

Result<Requirement> parse_field_term(std::string_view term, std::string_view selector) {
  for (size_t i = 0; i < term.size(); ++i) {
    if (term[i] == '\\') {
      ++i;
      continue;
    }
    bool differs = term.substr(i).starts_with("!=");
    if (!differs && term[i] != '=') continue;
    size_t length = differs || term.substr(i).starts_with("==") ? 2 : 1;
    // On its own: a TRY that returns from within an initializer leaks what was made before it.
    std::string value = TRY(unescaped(term.substr(i + length)));
    return Requirement{std::string(term.substr(0, i)), differs ? Op::kNotIn : Op::kIn, {value}};
  }
  return Error{Code::kBadRequest, "invalid selector: '" + std::string(selector) +
                                      "'; can't understand '" + std::string(term) + "'"};
}

}  // namespace

Result<Selector> Selector::parse_labels(std::string_view text) {
  if (text.size() > kTextMax) return Error{Code::kBadRequest, "label selector is too long"};
  Selector selector;
  Lexer lexer(text);
  for (std::string_view token = lexer.next(); !token.empty(); token = lexer.next()) {
    if (selector.requirements_.size() == kRequirementsMax) {
      return Error{Code::kBadRequest, "label selector has too many requirements"};
    }
    if (token != "!" && !Lexer::is_word(token)) {
      return unexpected(token, "!, identifier, or 'end of string'");
    }
    selector.requirements_.push_back(
        TRY(parse_requirement(lexer, token).context("unable to parse requirement")));
    token = lexer.next();
    if (token.empty()) break;
    if (token != ",") return unexpected(token, "',' or 'end of string'");
    std::string_view after = lexer.peek();
    if (after != "!" && !Lexer::is_word(after)) return unexpected(after, "identifier after ','");
  }
  return selector;
}

Result<Selector> Selector::parse_fields(std::string_view text) {
  if (text.size() > kTextMax) return Error{Code::kBadRequest, "field selector is too long"};
  Selector selector;
  for (size_t start = 0; start < text.size();) {
    size_t end = start;
    while (end < text.size() && text[end] != ',') end += text[end] == '\\' ? 2 : 1;
    end = std::min(end, text.size());
    std::string_view term = text.substr(start, end - start);
    start = end + 1;
    if (term.empty()) continue;
    if (selector.requirements_.size() == kRequirementsMax) {
      return Error{Code::kBadRequest, "field selector has too many requirements"};
    }
    selector.requirements_.push_back(TRY(parse_field_term(term, text)));
  }
  return selector;
}

Result<Selector> Selector::from_label_selector(const Value* selector) {
  Selector out;
  if (selector == nullptr || !selector->IsObject()) {
    out.nothing_ = true;
    return out;
  }
  if (const Value* labels = find(*selector, "matchLabels"); labels != nullptr) {
    out = from_map(*labels);
  }
  const Value* expressions = find(*selector, "matchExpressions");
  if (expressions == nullptr || !expressions->IsArray()) return out;
  for (const Value& item : expressions->GetArray()) {
    Requirement requirement{std::string(text_of(item, "key")), Op::kExists, {}};
    std::string_view op = text_of(item, "operator");
    if (op == "In") {
      requirement.op = Op::kIn;
    } else if (op == "NotIn") {
      requirement.op = Op::kNotIn;
    } else if (op == "DoesNotExist") {
      requirement.op = Op::kNotExists;
    } else if (op != "Exists") {
      return Error{Code::kBadRequest,
                   "\"" + std::string(op) + "\" is not a valid label selector operator"};
    }
    if (const Value* values = find(item, "values"); values != nullptr && values->IsArray()) {
      for (const Value& value : values->GetArray()) requirement.values.emplace_back(view(value));
    }
    std::sort(requirement.values.begin(), requirement.values.end());
    TRY(check_requirement(requirement));
    out.requirements_.push_back(std::move(requirement));
  }
  return out;
}

Selector Selector::from_map(const Value& labels) {
  Selector out;
  if (!labels.IsObject()) return out;
  for (const auto& label : labels.GetObject()) {
    out.requirements_.push_back(
        {std::string(view(label.name)), Op::kIn, {std::string(view(label.value))}});
  }
  return out;
}

bool Selector::matches(const Lookup& lookup) const {
  if (nothing_) return false;
  return std::all_of(
      requirements_.begin(), requirements_.end(),
      [&](const Requirement& requirement) { return requirement_matches(requirement, lookup); });
}

bool Selector::matches_labels(const Value* labels) const {
  return matches([&](std::string_view key, std::string_view* value) {
    const Value* found = labels != nullptr && labels->IsObject() ? find(*labels, key) : nullptr;
    if (found == nullptr) return false;
    *value = view(*found);
    return true;
  });
}

}  // namespace kist::api
