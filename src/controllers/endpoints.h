// Writes the Endpoints of each Service that has a selector.
#pragma once

#include <string>

#include "src/controllers/service_pods.h"

namespace kist::controllers {

inline constexpr size_t kEndpointsAddressesMax = 1000;  // of one object; more are cut off

// The Endpoints as they should be, made of what is there (a null value: nothing). Pure.
Json make_endpoints(const ServiceView& service, const client::ObjectList& backing,
                    const Value& present);

class EndpointsController : public client::Controller {
 public:
  explicit EndpointsController(Context context);
  const char* name() const override { return "endpoints"; }
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  Result<> remove(const std::string& space, const std::string& name);

  const Context context_;
  client::Cache& services_;
  client::Cache& pods_;
  client::Cache& endpoints_;
  client::WorkQueue& queue_;
};

}  // namespace kist::controllers
