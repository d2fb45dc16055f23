// Which objects a list, watch or deletecollection is about.
#pragma once

#include <string>
#include <vector>

#include "kist/api/selector.h"
#include "src/apiserver/core.h"

namespace kist::apiserver {

class Selection {
 public:
  // Namespace of the URL, labelSelector and fieldSelector of the query. kBadRequest.
  static Result<Selection> of(const Call& call);

  const std::string& namespace_name() const { return namespace_name_; }
  bool everything() const;  // in the namespace
  bool matches(const Object& object) const;

  // metadata.name=x: the one object that can match; empty: any may.
  const std::string& only_name() const { return only_name_; }

 private:
  struct FieldRule {
    int slot;
    bool equal;
    std::string value, absent;
  };
  std::string namespace_name_, only_name_;
  api::Selector labels_;
  std::vector<FieldRule> fields_;
};

}  // namespace kist::apiserver
