// What every namespace has: the ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`.
//
// The API server makes them with the namespace; here they come back when somebody deletes or
// changes them.
#pragma once

#include <string>

#include "src/controllers/context.h"
#include "src/controllers/values.h"

namespace kist::controllers {

class NamespaceContentController : public client::Controller {
 public:
  NamespaceContentController(Context context, std::string ca_certificate_pem);
  const char* name() const override { return "namespace-content"; }
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  Result<> ensure_service_account(const std::string& space);
  Result<> ensure_root_ca(const std::string& space);

  const Context context_;
  const std::string ca_certificate_pem_;
  client::Cache& namespaces_;
  client::Cache& accounts_;
  client::Cache& config_maps_;
  client::WorkQueue& queue_;
};

}  // namespace kist::controllers
