// Moves the ReplicaSets of each Deployment towards its template, replicas and strategy.
#pragma once

#include <string>
#include <vector>

#include "src/controllers/context.h"
#include "src/controllers/deployment_plan.h"

namespace kist::controllers {

class DeploymentController : public client::Controller {
 public:
  explicit DeploymentController(Context context);
  const char* name() const override { return "deployment"; }
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  // One pass: the Deployment and its sets, kept as they are written.
  struct Pass {
    Json deployment;
    std::vector<Json> sets;
    std::vector<SetView> views;
    int new_set = -1;
    bool deleting = false;

    DeploymentView view() const { return view_deployment(deployment.root()); }
    void look();  // views and new_set anew, after a write
  };

  void watch_sets();
  Result<> load_sets(Pass& pass);
  Result<client::Next> sync(Pass& pass);
  Result<> note_paused(Pass& pass);
  Result<> adopt_new_set(Pass& pass);  // revision and annotations of the one there is
  Result<> create_new_set(Pass& pass);
  Result<> new_set_created(Pass& pass, Json set);
  Result<> name_taken(Pass& pass, const std::string& name);
  Result<> set_revision(Pass& pass, int64_t revision);
  Result<bool> roll(Pass& pass);
  Result<bool> recreate(Pass& pass);
  Result<bool> resize(Pass& pass, const Sizes& sizes);  // true: something was written
  Result<> clean_up(Pass& pass);
  Result<client::Next> finish(Pass& pass, bool rollout);
  Result<> write_status(Pass& pass, const Value& status);
  Result<> write_deployment(Pass& pass, const Value& deployment);
  bool old_pods_run(const Pass& pass) const;

  const Context context_;
  client::Cache& deployments_;
  client::Cache& sets_;
  client::Cache& pods_;
  client::WorkQueue& queue_;
  client::EventRecorder events_;
};

}  // namespace kist::controllers
