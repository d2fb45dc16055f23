// Events, and the two forms they are served in. Stored is core/v1; events.k8s.io/v1 has the same
// facts under other names.
#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

struct Rename {
  const char* modern;
  const char* core;
};
constexpr Rename kRenames[] = {
    {"regarding", "involvedObject"},
    {"note", "message"},
    {"deprecatedSource", "source"},
    {"deprecatedFirstTimestamp", "firstTimestamp"},
    {"deprecatedLastTimestamp", "lastTimestamp"},
    {"deprecatedCount", "count"},
    {"reportingController", "reportingComponent"},
};

void rename(Value& object, std::string_view from, std::string_view to, Allocator& allocator) {
  Value* member = api::find(object, from);
  if (member == nullptr) return;
  Value moved = api::copy(*member, allocator);
  api::remove(object, from);
  api::set(object, to, std::move(moved), allocator);
}

void validate_event(const Value& event, FieldErrors& errors) {
  std::string_view involved = api::text_of(at(event, "involvedObject"), "namespace");
  std::string_view own = api::text_of(at(event, "metadata"), "namespace");
  FieldPath path = FieldPath("involvedObject").child("namespace");
  // What is cluster-scoped (Nodes) has its events in "default".
  if (involved.empty() ? own != "default" && own != "kube-system" && !own.empty()
                       : involved != own) {
    errors.invalid(path, involved, "does not match event.namespace");
  }
  if (!has(event, "eventTime")) return;  // the old form ends its rules here
  std::string_view controller = api::text_of(event, "reportingComponent");
  if (controller.empty()) {
    errors.required(FieldPath("reportingController"));
  } else {
    add_messages(errors, FieldPath("reportingController"), controller,
                 api::check_qualified_name(controller));
  }
  if (api::text_of(event, "reportingInstance").empty()) {
    errors.required(FieldPath("reportingInstance"));
  }
  if (api::text_of(event, "action").empty()) errors.required(FieldPath("action"));
  if (api::text_of(event, "reason").empty()) errors.required(FieldPath("reason"));
  if (api::text_of(event, "message").size() > 1024) {
    errors.invalid(FieldPath("message"), std::string_view(""), "can have at most 1024 characters");
  }
}

void validate_event_update(const Value& next, const Value& old, FieldErrors& errors) {
  validate_event(next, errors);
  if (!has(old, "eventTime")) return;
  for (const char* member : {"involvedObject", "reason", "related", "action", "eventTime",
                             "reportingComponent", "reportingInstance", "type"}) {
    check_immutable(errors, FieldPath(member), at(next, member), at(old, member));
  }
}

}  // namespace

void event_to_core(Value& event, Allocator& allocator) {
  for (const Rename& pair : kRenames) rename(event, pair.modern, pair.core, allocator);
  api::set(event, "apiVersion", std::string_view("v1"), allocator);
}

void event_from_core(Value& event, Allocator& allocator) {
  for (const Rename& pair : kRenames) rename(event, pair.core, pair.modern, allocator);
  api::set(event, "apiVersion", std::string_view("events.k8s.io/v1"), allocator);
}

const Strategy kEventStrategy = {
    .validate = validate_event,
    .validate_update = validate_event_update,
    .name_check = api::check_dns1123_subdomain,
    .create_on_update = true,
};

}  // namespace kist::apiserver
