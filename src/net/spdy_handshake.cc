#include "spdy_handshake.h"

#include <algorithm>
#include <string>

#include "header_elements.h"
#include "upgrade.h"

namespace kist::net {
namespace {

std::string joined(std::span<const std::string_view> names) {
  std::string text;
  for (const std::string_view name : names) {
    if (!text.empty()) text += ' ';
    text += name;
  }
  return "[" + text + "]";
}

void refuse(Exchange& exchange, int status, std::string message, std::vector<Header> headers = {}) {
  headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
  exchange.respond(
      {.status = status, .headers = std::move(headers), .body = {Slice::of(message + "\n")}});
}

}  // namespace

bool wants_spdy(const Request& request) {
  return header_has_token(request, "Connection", "upgrade") &&
         header_has_token(request, "Upgrade", "SPDY/3.1");
}

void accept_spdy(const Request& request, Exchange& exchange,
                 std::span<const std::string_view> supported, MakeSpdy make) {
  const std::vector<std::string_view> wanted =
      header_elements(request, "X-Stream-Protocol-Version");
  if (wanted.empty()) {
    return refuse(exchange, 400, "unable to upgrade: X-Stream-Protocol-Version is required");
  }
  for (const std::string_view name : wanted) {
    const auto chosen = std::ranges::find(supported, name);
    if (chosen == supported.end()) continue;
    return exchange.upgrade(
        {{"Upgrade", "SPDY/3.1"}, {"X-Stream-Protocol-Version", std::string(*chosen)}},
        [make = std::move(make), protocol = *chosen](Transport& to) { return make(to, protocol); });
  }
  std::vector<Header> accepted;
  for (const std::string_view name : supported) {
    accepted.push_back({"X-Accepted-Stream-Protocol-Versions", std::string(name)});
  }
  refuse(exchange, 403,
         "unable to upgrade: unable to negotiate protocol: client supports " + joined(wanted) +
             ", server accepts " + joined(supported),
         std::move(accepted));
}

}  // namespace kist::net
