// kist server: its flag table, and what text becomes before the role sees it.
#include <algorithm>
#include <charconv>

#include "cli/command.h"
#include "cli/paths.h"
#include "kist/base/log.h"
#include "roles/server.h"

namespace kist::cli {
namespace {

struct Options {
  roles::ServerOptions role;
  std::string data_dir = default_paths().data_dir;
  std::string config;
  std::string bind_address = role.bind_address;
  std::string advertise_address;
  int https_listen_port = role.port;
  std::vector<std::string> tls_san;
  std::string write_kubeconfig = default_paths().kubeconfig;
  std::string write_kubeconfig_mode = "0600";
  std::string token_auth_file;
  std::string service_cidr = role.service_cidr;
  std::string service_node_port_range = "30000-32767";
  bool disable_agent = false;
  bool ephemeral = false;
  std::string log_format = "text";
  std::string log_level = "info";
};

constexpr Flag<Options> kServerFlags[] = {
    {"data-dir", &Options::data_dir, "DIR", "where state is kept"},
    {"config", &Options::config, "FILE", "configuration file, with drop-ins in FILE.d"},
    {"bind-address", &Options::bind_address, "IP", "address to listen on"},
    {"https-listen-port", &Options::https_listen_port, "PORT", "port of the API"},
    {"advertise-address", &Options::advertise_address, "IP",
     "where members of the cluster reach us"},
    {"tls-san", &Options::tls_san, "NAME", "another name or IP in the server's certificate"},
    {"write-kubeconfig", &Options::write_kubeconfig, "FILE", "where the admin's kubeconfig goes"},
    {"write-kubeconfig-mode", &Options::write_kubeconfig_mode, "MODE", "its permissions, octal"},
    {"token-auth-file", &Options::token_auth_file, "FILE",
     "bearer tokens: token,user,uid,\"groups\""},
    {"service-cidr", &Options::service_cidr, "CIDR", "addresses of Services"},
    {"service-node-port-range", &Options::service_node_port_range, "A-B",
     "ports of NodePort Services"},
    {"disable-agent", &Options::disable_agent, "", "no node agent: an API without a node"},
    {"ephemeral", &Options::ephemeral, "", "keep everything in memory, gone at the end"},
    {"log-format", &Options::log_format, "FORMAT", "text or json"},
    {"log-level", &Options::log_level, "LEVEL", "debug, info, warn or error"},
};

static_assert(std::ranges::all_of(kServerFlags, [](const auto& flag) {
  return std::string_view(flag.help).size() <= 60;
}));

Error invalid(std::string message) { return Error{Code::kInvalid, std::move(message)}; }

Result<int> port_number(std::string_view flag, std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535) {
    return invalid("--" + std::string(flag) + ": \"" + std::string(text) +
                   "\" is no port (1 to 65535)");
  }
  return port;
}

Result<mode_t> file_mode(const std::string& text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 0777) {
    return invalid("--write-kubeconfig-mode: \"" + text + "\" is no octal mode such as 0600");
  }
  return static_cast<mode_t>(mode);
}

Result<LogFormat> log_format(const std::string& text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return invalid("--log-format: \"" + text + "\" is neither text nor json");
}

Result<LogLevel> log_level(const std::string& text) {
  constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (text == kNames[i]) return static_cast<LogLevel>(i);
  }
  return invalid("--log-level: \"" + text + "\" is none of debug, info, warn, error");
}

Result<roles::ServerOptions> role_options(const Options& options) {
  roles::ServerOptions role;
  role.data_dir = options.data_dir;
  role.bind_address = options.bind_address;
  role.advertise_address = options.advertise_address;
  role.port = TRY(port_number("https-listen-port", std::to_string(options.https_listen_port)));
  role.tls_san = options.tls_san;
  role.kubeconfig = options.write_kubeconfig;
  role.kubeconfig_mode = TRY(file_mode(options.write_kubeconfig_mode));
  role.token_auth_file = options.token_auth_file;
  role.service_cidr = options.service_cidr;
  const std::string_view range = options.service_node_port_range;
  const size_t dash = std::min(range.find('-'), range.size());
  role.node_port_first = TRY(port_number("service-node-port-range", range.substr(0, dash)));
  role.node_port_last =
      TRY(port_number("service-node-port-range", range.substr(std::min(dash + 1, range.size()))));
  if (role.node_port_first > role.node_port_last) {
    return invalid("--service-node-port-range: " + options.service_node_port_range +
                   " ends before it begins");
  }
  role.agent = !options.disable_agent;
  role.ephemeral = options.ephemeral;
  return role;
}

class ServerCommand : public Command {
 public:
  std::string_view name() const override { return "server"; }
  std::string_view summary() const override { return "run the Kubernetes API and its controllers"; }
  std::string_view description() const override {
    return "The same keys, without dashes in front, go into the configuration file; lists are "
           "YAML\n"
           "lists, `key+` in a drop-in adds to one. Flags beat files.\n"
           "Started by root, files are in /var/lib/kist and /etc/kist; by anybody else below\n"
           "~/.local/share/kist and ~/.config/kist.\n";
  }
  std::vector<BoundFlag> flags() override { return bind(kServerFlags, options_); }
  bool reads_config() const override { return true; }

  Result<> run(const std::vector<std::string>&) override {
    const roles::ServerOptions role = TRY(role_options(options_));
    log_configure(TRY(log_format(options_.log_format)), TRY(log_level(options_.log_level)));
    return roles::run_server(role, system_clock());
  }

 private:
  Options options_;
};

}  // namespace

std::unique_ptr<Command> make_server_command() { return std::make_unique<ServerCommand>(); }

}  // namespace kist::cli
