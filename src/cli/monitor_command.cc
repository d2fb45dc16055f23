// kist monitor: the parent of all containers of a node. The agent starts it; so may a person.
#include "cli/command.h"
#include "kist/base/clock.h"
#include "kist/runtime/monitor.h"

namespace kist::cli {
namespace {

constexpr Flag<runtime::MonitorOptions> kMonitorFlags[] = {
    {"directory", &runtime::MonitorOptions::directory, "DIR", "its socket and records, on tmpfs"},
    {"resume", &runtime::MonitorOptions::resume, "FD", "what a predecessor hands over"},
};

class MonitorCommand : public Command {
 public:
  MonitorCommand() { options_.directory = "/run/kist/monitor"; }
  std::string_view name() const override { return "monitor"; }
  std::string_view summary() const override { return "parent of this node's containers"; }
  std::string_view description() const override {
    return "It starts containers for its clients, keeps their terminals and pipes, writes their\n"
           "logs and tells how they ended. Clients may die and come back; containers of a monitor\n"
           "that died are ended by the next one in the same directory.\n";
  }
  std::vector<BoundFlag> flags() override { return bind(kMonitorFlags, options_); }
  Result<> run(const std::vector<std::string>&) override {
    return runtime::run_monitor(options_, system_clock());
  }

 private:
  runtime::MonitorOptions options_;
};

}  // namespace

std::unique_ptr<Command> make_monitor_command() { return std::make_unique<MonitorCommand>(); }

}  // namespace kist::cli
