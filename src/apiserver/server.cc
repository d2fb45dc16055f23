// The pieces of an API server, started in order and stopped in reverse.
#include "kist/apiserver/server.h"

#include "kist/base/log.h"
#include "src/apiserver/bootstrap.h"
#include "src/apiserver/core.h"
#include "src/apiserver/pipeline.h"

namespace kist::apiserver {
namespace {

Result<Served> join(Core& core, const Resource& row) {
  Served served;
  served.row = served.storage = &row;
  if (!row.storage_version.empty()) {
    served.storage = find_resource(row.storage_group, row.storage_version, row.plural);
  }
  if (served.storage == nullptr) {
    return Error{Code::kInternal, "no storage row for " + std::string(row.plural)};
  }
  served.kind = api::find_kind(row.group, row.version, row.kind);
  served.stored_kind =
      api::find_kind(served.storage->group, served.storage->version, served.storage->kind);
  if (served.kind == nullptr || served.stored_kind == nullptr) {
    return Error{Code::kInternal, "no kind " + std::string(row.kind) + " in the schema"};
  }
  served.cache = core.cache.find(served.storage->group, served.storage->plural);
  return served;
}

class Server : public ApiServer {
 public:
  Server(datastore::Store& store, const Clock& clock, Options options)
      : core_(store, clock, std::move(options)) {}

  ~Server() override {
    if (core_.workers != nullptr && !core_.stopping) shut_down();
  }

  Result<> start() override {
    TRY(prepare());
    TRY(core_.cache.start().context("load the stored objects"));
    core_.admission->rebuild(core_.reader);
    core_.timers = std::make_unique<Timers>();
    core_.workers = std::make_unique<WorkerPool>("api", core_.options.workers);
    TRY(make_bootstrap_objects(core_).context("make the bootstrap objects"));
    core_.ready = true;
    return {};
  }

  void stop() override { shut_down(); }

  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override {
    if (!core_.ready || core_.stopping) {
      net::Response response;
      response.status = 503;
      response.headers.push_back({"Content-Type", std::string(kJsonType)});
      response.headers.push_back({"Retry-After", "1"});
      response.body.push_back(Slice::of(
          failure_text({Code::kUnavailable, "the server is not ready to take requests"}, {})));
      return exchange->respond(std::move(response));
    }
    run_pipeline(core_, std::move(request), std::move(exchange));
  }

  void set_nodes(FindNode find) override { core_.find_node = std::move(find); }

  void add_ready_check(ReadyCheck check) override { core_.checks.push_back(std::move(check)); }

 private:
  Result<> prepare() {
    const Options& options = core_.options;
    if (!options.service_account_key_pem.empty()) {
      core_.tokens =
          TRY(ServiceAccountTokens::create(options.service_account_key_pem, options.issuer));
    }
    core_.authenticator = TRY(Authenticator::create(
        options.token_csv, core_.tokens,
        [this](std::string_view plural, std::string_view space,
               std::string_view name) -> std::optional<HeldObject> {
          const ObjectPtr object = core_.cache.find("", plural)->get(space, name);
          if (object == nullptr) return std::nullopt;
          return HeldObject{std::string(object->uid()),
                            std::string(object->slot(FieldIndex::kDeletion))};
        }));
    AdmissionOptions admission;
    admission.service_cidr = options.service_cidr;
    admission.node_port_first = options.node_port_first;
    admission.node_port_last = options.node_port_last;
    core_.admission = TRY(Admission::create(admission));
    for (const Resource& row : all_resources()) core_.served.push_back(TRY(join(core_, row)));
    core_.cache.on_event([this](const ResourceCache& cache, const EventPtr& event) {
      repair_after(core_, cache, *event);
    });
    return {};
  }

  void shut_down() {
    if (core_.stopping.exchange(true)) return;
    core_.timers.reset();
    core_.open_calls.wait_none();  // also those whose write the store has not answered yet
    core_.cache.finish_watchers();
    core_.cache.stop();
    core_.workers.reset();  // runs what is queued
  }

  Core core_;
};

}  // namespace

std::unique_ptr<ApiServer> ApiServer::create(datastore::Store& store, const Clock& clock,
                                             Options options) {
  return std::make_unique<Server>(store, clock, std::move(options));
}

}  // namespace kist::apiserver
