// Label and field selectors: parsed once, matched often (apimachinery labels and fields).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/json.h"
#include "kist/base/result.h"

namespace kist::api {

// Looks a label or field up: false where there is none.
using Lookup = std::function<bool(std::string_view key, std::string_view* value)>;

class Selector {
 public:
  enum class Op : uint8_t { kIn, kNotIn, kExists, kNotExists, kGreater, kLess };
  struct Requirement {
    std::string key;
    Op op = Op::kExists;
    std::vector<std::string> values;  // sorted
  };

  // "a=b,c!=d,e in (f,g),!h,i>1". kBadRequest in Kubernetes' words.
  static Result<Selector> parse_labels(std::string_view text);
  // "metadata.name=x,status.phase!=Running"
  static Result<Selector> parse_fields(std::string_view text);
  // meta/v1 LabelSelector. A null or absent one matches nothing, an empty one everything.
  static Result<Selector> from_label_selector(const Value* selector);
  // A plain map, as in Service.spec.selector.
  static Selector from_map(const Value& labels);

  bool everything() const { return requirements_.empty() && !nothing_; }
  bool matches(const Lookup& lookup) const;
  bool matches_labels(const Value* labels) const;  // the labels of an object; null: none
  const std::vector<Requirement>& requirements() const { return requirements_; }

 private:
  std::vector<Requirement> requirements_;
  bool nothing_ = false;
};

}  // namespace kist::api
