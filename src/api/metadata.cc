// The rules of metadata that every object obeys, and of label selectors.
#include <algorithm>

#include "kist/api/field_errors.h"
#include "kist/base/text.h"

namespace kist::api {
namespace {

// What deletes by and needs no domain in its name.
constexpr std::string_view kOrphan = "orphan", kForeground = "foregroundDeletion",
                           kKubernetes = "kubernetes";

constexpr size_t kAnnotationBytesMax = 256 * 1024;

std::string_view view(const Value& text) {
  return text.IsString() ? std::string_view(text.GetString(), text.GetStringLength())
                         : std::string_view();
}

void add(FieldErrors& errors, const FieldPath& path, std::string_view value,
         const Messages& messages) {
  for (const std::string& message : messages) errors.invalid(path, value, message);
}

void validate_annotations(const Value& annotations, const FieldPath& path, FieldErrors& errors) {
  size_t total = 0;
  for (const auto& entry : annotations.GetObject()) {
    add(errors, path, view(entry.name), check_qualified_name(ascii_lower(view(entry.name))));
    total += view(entry.name).size() + view(entry.value).size();
  }
  if (total > kAnnotationBytesMax) errors.too_long(path, kAnnotationBytesMax);
}

void validate_owners(const Value& owners, const FieldPath& path, FieldErrors& errors) {
  std::string controller;
  for (rapidjson::SizeType i = 0; i < owners.Size(); ++i) {
    const Value& owner = owners[i];
    FieldPath here = path.index(i);
    std::string_view version = text_of(owner, "apiVersion"), name = text_of(owner, "name");
    if (version.empty() || version.ends_with('/')) {
      errors.invalid(here.child("apiVersion"), version, "version must not be empty");
    }
    for (const char* member : {"kind", "name", "uid"}) {
      if (text_of(owner, member).empty()) {
        errors.invalid(here.child(member), std::string_view(), "must not be empty");
      }
    }
    if (!bool_of(owner, "controller")) continue;
    std::string own = std::string(text_of(owner, "kind")) + "/" + std::string(name);
    if (!controller.empty()) {
      errors.invalid(path, owners,
                     "Only one reference can have Controller set to true. Found \"true\" in "
                     "references for " +
                         controller + " and " + own);
    }
    controller = own;
  }
}

void validate_finalizers(const Value& finalizers, const FieldPath& path, FieldErrors& errors) {
  bool orphan = false, foreground = false;
  for (rapidjson::SizeType i = 0; i < finalizers.Size(); ++i) {
    std::string_view name = view(finalizers[i]);
    add(errors, path, name, check_qualified_name(name));
    orphan = orphan || name == kOrphan;
    foreground = foreground || name == kForeground;
    bool standard = name == kOrphan || name == kForeground || name == kKubernetes;
    if (!standard && name.find('/') == name.npos) {
      errors.invalid(path.index(i), name,
                     "name is neither a standard finalizer name nor is it fully qualified");
    }
  }
  if (orphan && foreground) {
    errors.invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set");
  }
}

void validate_name(const Value& metadata, NameCheck check, const FieldPath& path,
                   FieldErrors& errors) {
  std::string_view name = text_of(metadata, "name");
  std::string_view prefix = text_of(metadata, "generateName");
  if (check == nullptr) check = check_path_segment;
  if (!prefix.empty()) {
    // What is appended ends the name well, so a trailing '-' is no harm.
    std::string sample(prefix);
    if (sample.size() > 1 && sample.back() == '-') sample.back() = 'a';
    add(errors, path.child("generateName"), prefix, check(sample));
  }
  if (!name.empty()) {
    add(errors, path.child("name"), name, check(name));
  } else {
    errors.required(path.child("name"), "name or generateName is required");
  }
}

}  // namespace

namespace {

// What may change at any time, and must be right each time.
void validate_changeable(const Value& metadata, const FieldPath& path, FieldErrors& errors) {
  const Value* labels = find(metadata, "labels");
  if (labels != nullptr && labels->IsObject()) {
    validate_labels(*labels, path.child("labels"), errors);
  }
  const Value* annotations = find(metadata, "annotations");
  if (annotations != nullptr && annotations->IsObject()) {
    validate_annotations(*annotations, path.child("annotations"), errors);
  }
  const Value* owners = find(metadata, "ownerReferences");
  if (owners != nullptr && owners->IsArray()) {
    validate_owners(*owners, path.child("ownerReferences"), errors);
  }
  const Value* finalizers = find(metadata, "finalizers");
  if (finalizers == nullptr || !finalizers->IsArray()) return;
  validate_finalizers(*finalizers, path.child("finalizers"), errors);
}

// An object that is being deleted only loses finalizers.
void validate_no_new_finalizers(const Value& next, const Value& old, const FieldPath& path,
                                FieldErrors& errors) {
  const Value* before = find(old, "finalizers");
  const Value* after = find(next, "finalizers");
  if (after == nullptr || !after->IsArray()) return;
  std::string added;
  for (const Value& finalizer : after->GetArray()) {
    bool known = false;
    if (before != nullptr && before->IsArray()) {
      for (const Value& earlier : before->GetArray()) known = known || earlier == finalizer;
    }
    if (!known) added += (added.empty() ? "\"" : ", \"") + std::string(view(finalizer)) + "\"";
  }
  if (added.empty()) return;
  errors.forbidden(path.child("finalizers"),
                   "no new finalizers can be added if the object is being deleted, found new "
                   "finalizers []string{" +
                       added + "}");
}

}  // namespace

void validate_metadata(const Value& metadata, bool namespaced, NameCheck name_check,
                       const FieldPath& path, FieldErrors& errors) {
  validate_name(metadata, name_check, path, errors);
  std::string_view ns = text_of(metadata, "namespace");
  if (!namespaced) {
    if (!ns.empty()) errors.forbidden(path.child("namespace"), "not allowed on this type");
  } else if (ns.empty()) {
    errors.required(path.child("namespace"));
  } else {
    add(errors, path.child("namespace"), ns, check_dns1123_label(ns));
  }
  validate_changeable(metadata, path, errors);
}

void validate_metadata_update(const Value& next, const Value& old, const FieldPath& path,
                              FieldErrors& errors) {
  for (const char* member : {"name", "namespace", "uid", "creationTimestamp"}) {
    if (text_of(next, member) != text_of(old, member)) {
      errors.invalid(path.child(member), text_of(next, member), "field is immutable");
    }
  }
  if (int_of(next, "generation") < int_of(old, "generation")) {
    errors.invalid(path.child("generation"), int_of(next, "generation"), "must not be decremented");
  }
  if (!text_of(old, "deletionTimestamp").empty()) {
    validate_no_new_finalizers(next, old, path, errors);
  }
  validate_changeable(next, path, errors);
}

void validate_labels(const Value& labels, const FieldPath& path, FieldErrors& errors) {
  if (!labels.IsObject()) return;
  for (const auto& label : labels.GetObject()) {
    add(errors, path, view(label.name), check_qualified_name(view(label.name)));
    add(errors, path, view(label.value), check_label_value(view(label.value)));
  }
}

void validate_label_selector(const Value& selector, const FieldPath& path, FieldErrors& errors) {
  if (const Value* labels = find(selector, "matchLabels"); labels != nullptr) {
    validate_labels(*labels, path.child("matchLabels"), errors);
  }
  const Value* expressions = find(selector, "matchExpressions");
  if (expressions == nullptr || !expressions->IsArray()) return;
  for (rapidjson::SizeType i = 0; i < expressions->Size(); ++i) {
    const Value& item = (*expressions)[i];
    FieldPath here = path.child("matchExpressions").index(i);
    std::string_view op = text_of(item, "operator"), key = text_of(item, "key");
    const Value* values = find(item, "values");
    size_t count = values != nullptr && values->IsArray() ? values->Size() : 0;
    if (op == "In" || op == "NotIn") {
      if (count == 0) {
        errors.required(here.child("values"),
                        "must be specified when `operator` is 'In' or 'NotIn'");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (count > 0) {
        errors.forbidden(here.child("values"),
                         "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
      }
    } else {
      errors.invalid(here.child("operator"), op, "not a valid selector operator");
    }
    add(errors, here.child("key"), key, check_qualified_name(key));
    for (rapidjson::SizeType v = 0; v < count; ++v) {
      add(errors, here.child("values").index(v), view((*values)[v]),
          check_label_value(view((*values)[v])));
    }
  }
}

}  // namespace kist::api
