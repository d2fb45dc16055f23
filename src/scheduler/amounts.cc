// See amounts.h; the rules are those of component-helpers' resource.PodRequests.
#include "src/scheduler/amounts.h"

#include <algorithm>
#include <limits>

#include "kist/api/quantity.h"
#include "kist_api_views.h"

namespace kist::scheduler {
namespace {

namespace core = api::core_v1;

// Sums saturate: absurd requests must not wrap around into small ones.
int64_t plus(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

int64_t& slot(Amounts& amounts, std::string_view name) {
  auto at = std::lower_bound(
      amounts.extended.begin(), amounts.extended.end(), name,
      [](const auto& entry, std::string_view wanted) { return entry.first < wanted; });
  if (at == amounts.extended.end() || at->first != name)
    at = amounts.extended.insert(at, {std::string(name), 0});
  return at->second;
}

Amounts of_list(const api::MapView<std::string_view>& list) {
  Amounts amounts;
  for (const auto& [name, quantity] : list) amounts.set(name, quantity);
  return amounts;
}

Amounts of_container(const core::Container& container, Missing missing) {
  const api::MapView<std::string_view> requests = container.resources().requests();
  Amounts amounts = of_list(requests);
  if (missing == Missing::kGuessed) {
    if (!requests.has("cpu")) amounts.cpu_milli = kGuessedCpuMilli;
    if (!requests.has("memory")) amounts.memory = kGuessedMemory;
  }
  return amounts;
}

}  // namespace

int64_t Amounts::of(std::string_view name) const {
  for (const auto& [key, amount] : extended)
    if (key == name) return amount;
  return 0;
}

void Amounts::set(std::string_view resource, std::string_view quantity) {
  const Result<api::Quantity> parsed = api::Quantity::parse(quantity);
  const api::Quantity amount =
      parsed.ok() ? parsed.value() : api::Quantity::of(0, api::Quantity::Format::kDecimalSI);
  if (resource == "cpu")
    cpu_milli = amount.milli_value();
  else if (resource == "memory")
    memory = amount.value();
  else if (resource == "ephemeral-storage")
    storage = amount.value();
  else
    slot(*this, resource) = amount.value();
}

void Amounts::add(const Amounts& other) {
  cpu_milli = plus(cpu_milli, other.cpu_milli);
  memory = plus(memory, other.memory);
  storage = plus(storage, other.storage);
  for (const auto& [name, amount] : other.extended) {
    int64_t& mine = slot(*this, name);
    mine = plus(mine, amount);
  }
}

void Amounts::subtract(const Amounts& other) {
  cpu_milli -= other.cpu_milli;
  memory -= other.memory;
  storage -= other.storage;
  for (const auto& [name, amount] : other.extended) slot(*this, name) -= amount;
}

void Amounts::raise_to(const Amounts& other) {
  cpu_milli = std::max(cpu_milli, other.cpu_milli);
  memory = std::max(memory, other.memory);
  storage = std::max(storage, other.storage);
  for (const auto& [name, amount] : other.extended) {
    int64_t& mine = slot(*this, name);
    mine = std::max(mine, amount);
  }
}

bool Amounts::nothing() const {
  return cpu_milli == 0 && memory == 0 && storage == 0 &&
         std::all_of(extended.begin(), extended.end(),
                     [](const auto& entry) { return entry.second == 0; });
}

Amounts pod_requests(const api::Value& pod, Missing missing) {
  const core::PodSpec spec = core::Pod(pod).spec();
  Amounts running, starting, sidecars;
  for (const core::Container container : spec.containers())
    running.add(of_container(container, missing));
  for (const core::Container container : spec.init_containers()) {
    Amounts now = of_container(container, missing);
    if (container.restart_policy() == "Always") {  // a sidecar: it stays
      running.add(now);
      sidecars.add(now);
      now = sidecars;
    } else {
      now.add(sidecars);
    }
    starting.raise_to(now);
  }
  running.raise_to(starting);
  running.add(of_list(spec.overhead()));
  return running;
}

}  // namespace kist::scheduler
