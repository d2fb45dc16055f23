// Writes the EndpointSlices of each Service that has a selector.
#pragma once

#include <string>
#include <vector>

#include "src/controllers/service_pods.h"

namespace kist::controllers {

inline constexpr size_t kSliceEndpointsMax = 100;
inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
inline constexpr std::string_view kSliceManagedBy = "endpointslice.kubernetes.io/managed-by";
inline constexpr std::string_view kSliceManager = "endpointslice-controller.k8s.io";

struct SlicePlan {
  std::vector<Json> create, update;
  client::ObjectList remove;
};

// Turns the slices there are into those there should be, with as few writes as keep endpoints where
// they are: slices that fit are kept, then filled, then new ones begun. Pure.
SlicePlan plan_slices(const ServiceView& service, const client::ObjectList& backing,
                      const client::ObjectList& present);

class EndpointSliceController : public client::Controller {
 public:
  explicit EndpointSliceController(Context context);
  const char* name() const override { return "endpointslice"; }
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  client::ObjectList slices_of(const std::string& space, const std::string& service) const;
  Result<> act(const std::string& space, const SlicePlan& plan);

  const Context context_;
  client::Cache& services_;
  client::Cache& pods_;
  client::Cache& slices_;
  client::WorkQueue& queue_;
};

}  // namespace kist::controllers
