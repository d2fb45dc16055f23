// Keeps spec.replicas pods alive for each ReplicaSet.
#pragma once

#include <string>
#include <vector>

#include "src/controllers/context.h"
#include "src/controllers/pod_view.h"

namespace kist::controllers {

inline constexpr int64_t kReplicaBurstMax = 500;  // bounds the harm of one bad pass

struct ReplicaPlan {
  int64_t create = 0;
  client::ObjectList remove;
};

// Decides and does nothing else. `owned` are the set's pods, `nearby` all active pods of its
// namespace's siblings (same Deployment), which tell how crowded a node is.
ReplicaPlan plan_replicas(int64_t wanted, const client::ObjectList& owned,
                          const client::ObjectList& nearby, int64_t now);

// What a failed pass leaves in the ReplicaFailure condition; empty: all went well.
struct ReplicaFailure {
  std::string reason, message;
};

// The set's status as it should be, made of the one it has. `failure` may be null: then a condition
// that is there stays.
Json replica_status(const Value& set, const client::ObjectList& owned,
                    const ReplicaFailure* failure, int64_t now);

class ReplicaSetController : public client::Controller {
 public:
  explicit ReplicaSetController(Context context);
  const char* name() const override { return "replicaset"; }
  Result<client::Next> reconcile(const std::string& key) override;

 private:
  struct Changes {
    ReplicaFailure failure;
    Result<> result;
  };

  void watch_pods();
  client::ObjectList nearby(const client::Object& set) const;
  Changes act(const Value& set, const ReplicaPlan& plan);
  Changes create_pods(const Value& set, int64_t count);
  Changes remove_pods(const Value& set, const client::ObjectList& pods);
  Result<client::Next> write_status(const client::ObjectPtr& object, const Value& set,
                                    const Changes& changes);

  const Context context_;
  client::Cache& sets_;
  client::Cache& pods_;
  client::WorkQueue& queue_;
  client::EventRecorder events_;
};

}  // namespace kist::controllers
