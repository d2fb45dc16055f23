// The EndpointSlice controller: reads, lets endpoint_slice_plan.cc decide, writes.
#include "src/controllers/endpoint_slice.h"

#include <algorithm>

namespace kist::controllers {
namespace {

using client::ObjectList;
using client::ObjectPtr;

std::string_view label(const client::Object& object, std::string_view key) {
  for (const auto& [name, value] : object.labels)
    if (name == key) return value;
  return {};
}

}  // namespace

EndpointSliceController::EndpointSliceController(Context context)
    : context_(context),
      services_(context.caches.of(client::kServices)),
      pods_(context.caches.of(client::kPods, project_pod)),
      slices_(context.caches.of(client::kEndpointSlices)),
      queue_(context.runner.add(*this)) {
  watch_service_pods(services_, pods_, queue_);
  slices_.on_change([this](const ObjectPtr& old, const ObjectPtr& next) {
    const client::Object& slice = next ? *next : *old;
    const std::string_view service = label(slice, kServiceNameLabel);
    if (!service.empty() && label(slice, kSliceManagedBy) == kSliceManager)
      queue_.add(client::key_of(slice.space, service));
  });
}

ObjectList EndpointSliceController::slices_of(const std::string& space,
                                              const std::string& service) const {
  ObjectList ours;
  for (ObjectPtr& slice : slices_.list(space))
    if (label(*slice, kServiceNameLabel) == service &&
        label(*slice, kSliceManagedBy) == kSliceManager && !slice->deleting)
      ours.push_back(std::move(slice));
  return ours;
}

Result<> EndpointSliceController::act(const std::string& space, const SlicePlan& plan) {
  const client::Client& api_client = context_.client;
  int64_t written = 0;
  for (const Json& slice : plan.create) {
    Result<Json> made = api_client.create(client::kEndpointSlices, space, slice.root());
    if (!made.ok() && made.error().code == Code::kForbidden) return {};  // the namespace is ending
    if (!made.ok()) return made.error();
    written = client::revision_of(made.value().root());
    TRY(slices_.wait_for(written));
  }
  for (const Json& slice : plan.update) {
    Json changed = TRY(api_client.update(client::kEndpointSlices, slice.root()));
    TRY(slices_.wait_for(client::revision_of(changed.root())));
  }
  for (const ObjectPtr& slice : plan.remove) {
    const Result<> removed =
        api_client.remove(client::kEndpointSlices, space, slice->name, {.uid = slice->uid});
    if (!removed.ok() && removed.error().code != Code::kNotFound) return removed.error();
    TRY(slices_.wait_gone(slice->uid));
  }
  return {};
}

Result<client::Next> EndpointSliceController::reconcile(const std::string& key) {
  const auto [space, name] = split_key(key);
  const ObjectPtr object = services_.get(space, name);
  if (!object || object->deleting) return client::Next{};  // its slices go with it: they are owned
  const Json service = object->parse();
  const ServiceView view = view_service(service.root());
  if (!view.selects) return client::Next{};
  TRY(act(space, plan_slices(view, backing_pods(view, pods_.list(space)), slices_of(space, name))));
  return client::Next{};
}

}  // namespace kist::controllers
