// The server role: which components, in which order, and nothing else.
#include "roles/server.h"

#include "kist/apiserver/server.h"
#include "kist/base/log.h"
#include "kist/controllers/manager.h"
#include "kist/datastore/admin.h"
#include "kist/net/server.h"
#include "kist/scheduler/scheduler.h"
#include "roles/files.h"
#include "roles/kubeconfig.h"
#include "roles/notify.h"
#include "roles/process.h"
#include "roles/role.h"
#include "roles/server_setup.h"
#include "roles/trust.h"

namespace kist::roles {
namespace {

constexpr std::chrono::hours kRenewalCheckPeriod{12};

Result<> write_kubeconfig(const ServerOptions& options, const Trust& trust) {
  const std::string text =
      kubeconfig_text({local_url(options), trust.ca.certificate_pem, trust.admin});
  Result<> written = write_file(options.kubeconfig, text, options.kubeconfig_mode);
  if (written.ok()) return {};
  return advise(std::move(written).error(), "choose another place with --write-kubeconfig");
}

// Certificates that came due, or that were made while the clock was wrong, are issued anew.
Result<> renew(const ServerOptions& options, const TrustOptions& names, const Clock& clock,
               Trust& trust, net::Server& server) {
  if (names.directory.empty()) return {};  // in memory: lives no longer than its certificates
  Trust fresh = TRY(prepare_trust(names, clock));
  if (fresh.server.certificate_pem != trust.server.certificate_pem) {
    TRY(server.reload_tls(fresh.tls()));
    log_info("server certificate renewed");
  }
  if (fresh.admin.certificate_pem != trust.admin.certificate_pem) {
    TRY(write_kubeconfig(options, fresh));
    log_info("admin certificate renewed", {{"kubeconfig", options.kubeconfig}});
  }
  trust = std::move(fresh);
  return {};
}

}  // namespace

Result<> run_server(const ServerOptions& wanted, const Clock& clock) {
  const auto begun = clock.steady();
  prepare_process();
  StopSignals signals = TRY(StopSignals::create());
  const ServerOptions options = complete(wanted);
  TRY(prepare_data_dir(options));

  const TrustOptions names = trust_options(options);
  Trust trust = TRY(prepare_trust(names, clock).context("certificates"));
  const std::unique_ptr<datastore::Store> store = TRY(open_store(options));
  const auto api = apiserver::ApiServer::create(*store, clock, TRY(api_options(options, trust)));
  net::Server net(net_options(options, trust), *api);
  const auto controllers = controllers::make_controller_manager(
      *api, clock, {.ca_certificate_pem = trust.ca.certificate_pem});
  const auto scheduler = scheduler::make_scheduler(*api, clock, {});

  Role role;
  role.add(*api);
  role.add(net);
  role.add(*controllers);
  role.add(*scheduler);
  if (Result<> started = role.start(); !started.ok())
    return explain_start(started.error(), options);
  TRY(write_kubeconfig(options, trust));
  release_start_memory();

  log_ready(options, clock.steady() - begun);
  notify_service_manager("READY=1");
  while (!TRY(signals.wait(kRenewalCheckPeriod))) {
    const Result<> renewed = renew(options, names, clock, trust, net);
    if (!renewed.ok()) log_error("certificates not renewed", {{"error", renewed.error().message}});
  }
  notify_service_manager("STOPPING=1");
  signals.restore_default();
  log_info("stopping");
  role.stop();
  return {};
}

}  // namespace kist::roles
