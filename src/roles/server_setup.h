// What the server's components want to be told, from what the operator said.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "kist/apiserver/server.h"
#include "kist/datastore/store.h"
#include "kist/net/server.h"
#include "roles/server.h"
#include "roles/trust.h"

namespace kist::roles {

// Addresses that were left open are filled in.
ServerOptions complete(ServerOptions options);

// "https://127.0.0.1:6443": where a client on this machine reaches us.
std::string local_url(const ServerOptions& options);

Result<> prepare_data_dir(const ServerOptions& options);
TrustOptions trust_options(const ServerOptions& options);
Result<std::unique_ptr<datastore::Store>> open_store(const ServerOptions& options);
Result<apiserver::Options> api_options(const ServerOptions& options, const Trust& trust);
net::ServerOptions net_options(const ServerOptions& options, const Trust& trust);

// The error with what to do about it.
Error advise(Error error, const std::string& advice);
Error explain_start(Error error, const ServerOptions& options);

void log_ready(const ServerOptions& options, std::chrono::steady_clock::duration took);

}  // namespace kist::roles
