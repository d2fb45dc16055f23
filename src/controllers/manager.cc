// The list of controllers, and the order in which they come and go.
#include "kist/controllers/manager.h"

#include <vector>

#include "src/controllers/deployment.h"
#include "src/controllers/discovery.h"
#include "src/controllers/endpoint_slice.h"
#include "src/controllers/endpoints.h"
#include "src/controllers/garbage_collector.h"
#include "src/controllers/namespace.h"
#include "src/controllers/namespace_content.h"
#include "src/controllers/replicaset.h"

namespace kist::controllers {
namespace {

class Manager : public ControllerManager {
 public:
  Manager(net::Handler& handler, const Clock& clock, Options options)
      : options_(std::move(options)),
        client_(handler, options_.identity),
        caches_(client_),
        runner_(clock, options_.threads),
        clock_(clock) {}

  ~Manager() override { stop(); }

  Result<> start() override {
    const Discovery served = TRY(discover(client_).context("what the API server serves"));
    // A kind that is missed now would never be collected.
    if (!served.failed.empty()) return Error{Code::kUnavailable, served.failure()};
    const Context context{client_, caches_, runner_, clock_};
    // The collector comes first: it makes a cache of everything there is.
    controllers_.push_back(std::make_unique<GarbageCollector>(context, served.resources));
    controllers_.push_back(std::make_unique<NamespaceController>(context));
    controllers_.push_back(
        std::make_unique<NamespaceContentController>(context, options_.ca_certificate_pem));
    controllers_.push_back(std::make_unique<ReplicaSetController>(context));
    controllers_.push_back(std::make_unique<DeploymentController>(context));
    controllers_.push_back(std::make_unique<EndpointsController>(context));
    controllers_.push_back(std::make_unique<EndpointSliceController>(context));
    caches_.start();
    TRY(caches_.wait_synced());  // nobody decides on half of the world
    runner_.start();
    return {};
  }

  void stop() override {
    runner_.stop();  // before the caches, for which its reconciles may wait
    caches_.stop();
  }

  bool idle() const override { return runner_.idle(); }

 private:
  const Options options_;
  const client::Client client_;
  client::CacheSet caches_;
  client::Runner runner_;
  const Clock& clock_;
  std::vector<std::unique_ptr<client::Controller>> controllers_;
};

}  // namespace

std::unique_ptr<ControllerManager> make_controller_manager(net::Handler& handler,
                                                           const Clock& clock, Options options) {
  return std::make_unique<Manager>(handler, clock, std::move(options));
}

}  // namespace kist::controllers
