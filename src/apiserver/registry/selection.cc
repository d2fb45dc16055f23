// Field selectors become look-ups in the digest; label selectors read its label pairs.
#include "src/apiserver/registry/selection.h"

#include <algorithm>

namespace kist::apiserver {
namespace {

// The stored path of a selectable field, and what counts where it is absent.
Result<FieldSource> source_of(const Resource& row, std::string_view field) {
  if (field == "metadata.name") return FieldSource{field, field};
  if (field == "metadata.namespace" && row.namespaced) return FieldSource{field, field};
  bool known = std::find(row.selectable_fields.begin(), row.selectable_fields.end(), field) !=
               row.selectable_fields.end();
  if (!known) {
    return bad_request("field label not supported: " + std::string(field));
  }
  for (const FieldSource& source : row.field_sources) {
    if (source.field == field) return source;
  }
  return FieldSource{field, field};
}

}  // namespace

Result<Selection> Selection::of(const Call& call) {
  Selection selection;
  const Resource& row = *call.served->row;
  if (row.namespaced) selection.namespace_name_ = call.info.namespace_name;
  selection.labels_ = TRY(api::Selector::parse_labels(call.query.get("labelSelector")));
  api::Selector fields = TRY(api::Selector::parse_fields(call.query.get("fieldSelector")));
  for (const api::Selector::Requirement& requirement : fields.requirements()) {
    FieldSource source = TRY(source_of(row, requirement.key));
    bool equal = requirement.op == api::Selector::Op::kIn;
    std::string value = requirement.values.empty() ? "" : requirement.values.front();
    if (source.field == "metadata.name" && equal) selection.only_name_ = value;
    selection.fields_.push_back({call.served->cache->index().slot(source.path), equal,
                                 std::move(value), std::string(source.absent)});
  }
  return selection;
}

bool Selection::everything() const { return labels_.everything() && fields_.empty(); }

bool Selection::matches(const Object& object) const {
  if (!namespace_name_.empty() && object.namespace_name() != namespace_name_) return false;
  for (const FieldRule& rule : fields_) {
    std::string_view value = rule.slot < 0 ? std::string_view() : object.slot(rule.slot);
    if (value.empty()) value = rule.absent;
    if ((value == rule.value) != rule.equal) return false;
  }
  if (labels_.everything()) return true;
  return labels_.matches(
      [&](std::string_view key, std::string_view* value) { return object.label(key, value); });
}

}  // namespace kist::apiserver
