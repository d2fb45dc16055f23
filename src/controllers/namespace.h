// Empties namespaces that are being deleted, says what stands in the way, and lets them go.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/controllers/context.h"
#include "src/controllers/discovery.h"
#include "src/controllers/values.h"

namespace kist::controllers {

// What one pass found in a namespace.
struct NamespaceContent {
  std::string discovery_error;
  std::vector<std::string> deletion_errors;   // of each resource that could not be emptied
  std::map<std::string, int64_t> remaining;   // objects of each resource: "pods."
  std::map<std::string, int64_t> finalizers;  // objects that each finalizer holds

  bool empty() const {
    return discovery_error.empty() && deletion_errors.empty() && remaining.empty();
  }
};

// The status that tells it: Kubernetes' five conditions of a terminating namespace.
Json namespace_status(const Value& space, const NamespaceContent& content, int64_t now);

class NamespaceController : public client::Controller {
 public:
  explicit NamespaceController(Context context);
  const char* name() const override { return "namespace"; }
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  NamespaceContent empty_out(const std::string& space);
  // How many objects are known to be left. What fails is noted: the other resources get their turn.
  int64_t empty_resource(const ServedResource& resource, const std::string& space,
                         NamespaceContent& content);
  Result<int64_t> delete_all(const ServedResource& resource, const std::string& space,
                             NamespaceContent& content);
  Result<> write_status(Json& space, const NamespaceContent& content);
  Result<> finalize(const Value& space);

  const Context context_;
  client::Cache& namespaces_;
  client::WorkQueue& queue_;
};

}  // namespace kist::controllers
