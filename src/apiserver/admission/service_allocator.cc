#include "src/apiserver/admission/service_allocator.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "kist/base/random.h"
#include "src/apiserver/registry/kinds/service.h"

namespace kist::apiserver {
namespace {

constexpr uint32_t kSizeMax = 1u << 20;

bool parse_v4(std::string_view text, uint32_t& out) {
  in_addr address{};
  if (inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return false;
  out = ntohl(address.s_addr);
  return true;
}

// The IPv4 addresses that a Service holds; "None" and other families hold nothing of ours.
std::vector<uint32_t> addresses_of(const Value& service) {
  std::vector<uint32_t> held;
  if (!needs_cluster_ip(service)) return held;
  each(at(service, "spec"), "clusterIPs", [&](const Value& item, size_t) {
    uint32_t address = 0;
    if (parse_v4(view(item), address)) held.push_back(address);
  });
  return held;
}

std::set<int> ports_of(const Value& service) {
  std::set<int> held;
  if (!needs_node_ports(service)) return held;
  each(at(service, "spec"), "ports", [&](const Value& port, size_t) {
    int number = static_cast<int>(api::int_of(port, "nodePort"));
    if (number != 0) held.insert(number);
  });
  int health = static_cast<int>(api::int_of(at(service, "spec"), "healthCheckNodePort"));
  if (health != 0 && needs_health_check_port(service)) held.insert(health);
  return held;
}

uint32_t random_below(uint32_t bound) {
  std::string bytes = random_bytes(4);
  uint32_t number = 0;
  for (char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number % bound;
}

}  // namespace

Reservation::Reservation(Reservation&&) noexcept = default;

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  undo();
  allocator_ = std::move(other.allocator_);
  taken_addresses_ = std::move(other.taken_addresses_);
  freed_addresses_ = std::move(other.freed_addresses_);
  taken_ports_ = std::move(other.taken_ports_);
  freed_ports_ = std::move(other.freed_ports_);
  return *this;
}

Reservation::~Reservation() { undo(); }

void Reservation::undo() {
  if (allocator_ == nullptr) return;
  MutexLock lock(allocator_->mutex_);
  for (uint32_t address : taken_addresses_) allocator_->free_address(address);
  for (int port : taken_ports_) allocator_->free_port(port);
  allocator_.reset();
}

void Reservation::keep() {
  if (allocator_ == nullptr) return;
  std::shared_ptr<ServiceAllocator> allocator = std::move(allocator_);
  MutexLock lock(allocator->mutex_);
  for (uint32_t address : freed_addresses_) allocator->free_address(address);
  for (int port : freed_ports_) allocator->free_port(port);
}

ServiceAllocator::ServiceAllocator(uint32_t base, uint32_t size, std::string cidr, int first,
                                   int last)
    : base_(base),
      size_(size),
      cidr_(std::move(cidr)),
      port_first_(first),
      port_last_(last),
      addresses_(size, false),
      ports_(static_cast<size_t>(last - first + 1), false),
      // A random start, as upstream: an address that was just freed is not given again at once.
      address_hint_(random_below(size)),
      port_hint_(random_below(static_cast<uint32_t>(last - first + 1))) {
  addresses_[0] = true;
  addresses_[size - 1] = true;
}

Result<std::shared_ptr<ServiceAllocator>> ServiceAllocator::create(
    const AdmissionOptions& options) {
  std::string_view text = options.service_cidr;
  size_t slash = text.find('/');
  uint32_t base = 0;
  unsigned bits = 0;
  bool good = slash != text.npos && parse_v4(text.substr(0, slash), base);
  if (good) {
    auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), bits);
    good = error == std::errc() && end == text.data() + text.size() && bits >= 12 && bits <= 30;
  }
  if (!good) {
    return Error{Code::kInvalid, "service CIDR \"" + options.service_cidr +
                                     "\" must be an IPv4 network of /12 to /30"};
  }
  if (options.node_port_first < 1 || options.node_port_last > 65535 ||
      options.node_port_first > options.node_port_last) {
    return Error{Code::kInvalid, "node port range must lie within 1-65535"};
  }
  uint32_t size = 1u << (32 - bits);
  ENSURE(size <= kSizeMax);
  return std::shared_ptr<ServiceAllocator>(
      new ServiceAllocator(base & ~(size - 1), size, options.service_cidr, options.node_port_first,
                           options.node_port_last));
}

void ServiceAllocator::rebuild(ObjectReader& reader) {
  for (const Slice& slice : reader.list("", "services")) {
    auto parsed = api::parse_json(slice.view());
    if (!parsed.ok()) continue;
    const Value& service = parsed.value().root();
    MutexLock lock(mutex_);
    for (uint32_t address : addresses_of(service)) take_address(address);
    for (int port : ports_of(service)) take_port(port);
  }
}

std::string ServiceAllocator::text_of(uint32_t address) const {
  char text[INET_ADDRSTRLEN];
  in_addr number{htonl(address)};
  return inet_ntop(AF_INET, &number, text, sizeof text);
}

ServiceAllocator::Taken ServiceAllocator::take_address(uint32_t address) {
  if (address - base_ == 0 || address - base_ >= size_ - 1) return Taken::kOutside;
  if (addresses_[address - base_]) return Taken::kHeld;
  addresses_[address - base_] = true;
  return Taken::kOk;
}

ServiceAllocator::Taken ServiceAllocator::take_port(int port) {
  if (port < port_first_ || port > port_last_) return Taken::kOutside;
  size_t bit = static_cast<size_t>(port - port_first_);
  if (ports_[bit]) return Taken::kHeld;
  ports_[bit] = true;
  return Taken::kOk;
}

uint32_t ServiceAllocator::next_address() {
  for (uint32_t step = 0; step < size_; ++step) {
    uint32_t offset = (address_hint_ + step) % size_;
    // The lowest addresses are left to those who ask for one: kubernetes (.1) and DNS (.10).
    if (offset <= std::min<uint32_t>(16, size_ / 16)) continue;
    if (take_address(base_ + offset) == Taken::kOk) {
      address_hint_ = offset + 1;
      return base_ + offset;
    }
  }
  for (uint32_t offset = 1; offset + 1 < size_; ++offset) {
    if (take_address(base_ + offset) == Taken::kOk) return base_ + offset;
  }
  return 0;
}

int ServiceAllocator::next_port() {
  uint32_t count = static_cast<uint32_t>(ports_.size());
  for (uint32_t step = 0; step < count; ++step) {
    uint32_t offset = (port_hint_ + step) % count;
    int port = port_first_ + static_cast<int>(offset);
    if (take_port(port) == Taken::kOk) {
      port_hint_ = offset + 1;
      return port;
    }
  }
  return 0;
}

void ServiceAllocator::free_address(uint32_t address) {
  if (address - base_ < size_) addresses_[address - base_] = false;
}

void ServiceAllocator::free_port(int port) {
  if (port >= port_first_ && port <= port_last_) {
    ports_[static_cast<size_t>(port - port_first_)] = false;
  }
}

void ServiceAllocator::assign_address(Value& service, const Value* old, Reservation& reservation,
                                      FieldErrors& errors, Allocator& allocator) {
  if (!needs_cluster_ip(service) || is_headless(service)) return;
  Value& spec = api::child(service, "spec", allocator);
  FieldPath path = FieldPath("spec").child("clusterIPs");
  std::vector<uint32_t> before = old ? addresses_of(*old) : std::vector<uint32_t>();
  std::vector<uint32_t> wanted = addresses_of(service);
  for (uint32_t address : wanted) {
    if (std::find(before.begin(), before.end(), address) != before.end()) continue;
    Taken taken = take_address(address);
    if (taken == Taken::kOk) {
      reservation.taken_addresses_.push_back(address);
      continue;
    }
    std::string why = taken == Taken::kHeld
                          ? "provided IP is already allocated"
                          : "the provided IP (" + text_of(address) +
                                ") is not in the valid range. The range of valid IPs is " + cidr_;
    errors.invalid(path, at(spec, "clusterIPs"),
                   "failed to allocate IP " + text_of(address) + ": " + why);
  }
  if (!wanted.empty() || size_of(spec, "clusterIPs") > 0) return;
  uint32_t address = next_address();
  if (address == 0) {
    errors.invalid(path, at(spec, "clusterIPs"), "failed to allocate a serviceIP: range is full");
    return;
  }
  reservation.taken_addresses_.push_back(address);
  std::string text = text_of(address);
  api::set(spec, "clusterIP", std::string_view(text), allocator);
  Value list(rapidjson::kArrayType);
  list.PushBack(Value(text.c_str(), allocator), allocator);
  api::set(spec, "clusterIPs", std::move(list), allocator);
}

// The port to use for `wanted` (0: any), or 0 after an error. `held`: it is this Service's own.
int ServiceAllocator::choose_port(int wanted, bool held, const FieldPath& path,
                                  Reservation& reservation, FieldErrors& errors) {
  if (held) return wanted;
  if (wanted == 0) {
    int port = next_port();
    if (port == 0) {
      errors.invalid(path, int64_t{0}, "failed to allocate a nodePort: range is full");
      return 0;
    }
    reservation.taken_ports_.push_back(port);
    return port;
  }
  Taken taken = take_port(wanted);
  if (taken == Taken::kOk) {
    reservation.taken_ports_.push_back(wanted);
    return wanted;
  }
  errors.invalid(path, int64_t{wanted},
                 taken == Taken::kHeld
                     ? std::string("provided port is already allocated")
                     : "provided port is not in the valid range. The range of valid ports is " +
                           std::to_string(port_first_) + "-" + std::to_string(port_last_));
  return 0;
}

void ServiceAllocator::assign_ports(Value& service, const Value* old, Reservation& reservation,
                                    FieldErrors& errors, Allocator& allocator) {
  if (!needs_node_ports(service)) return;
  Value& spec = api::child(service, "spec", allocator);
  std::set<int> own = old ? ports_of(*old) : std::set<int>();
  std::set<std::pair<int, std::string>> used;  // TCP and UDP may share a number
  bool allocate = allocates_node_ports(service);
  each(spec, "ports", [&](Value& port, size_t index) {
    mutex_.assert_held();
    FieldPath path = FieldPath("spec").child("ports").index(index).child("nodePort");
    int wanted = static_cast<int>(api::int_of(port, "nodePort"));
    if (wanted == 0 && !allocate) return;
    std::string protocol(api::text_of(port, "protocol"));
    bool shared = wanted != 0 && std::any_of(used.begin(), used.end(), [&](const auto& entry) {
                    return entry.first == wanted && entry.second != protocol;
                  });
    int chosen = choose_port(wanted, shared || own.contains(wanted), path, reservation, errors);
    if (chosen == 0) return;
    used.emplace(chosen, protocol);
    api::set(port, "nodePort", Value(int64_t{chosen}), allocator);
  });
}

void ServiceAllocator::assign_health_port(Value& service, const Value* old,
                                          Reservation& reservation, FieldErrors& errors,
                                          Allocator& allocator) {
  if (!needs_health_check_port(service)) return;
  Value& spec = api::child(service, "spec", allocator);
  int wanted = static_cast<int>(api::int_of(spec, "healthCheckNodePort"));
  bool held = wanted != 0 && old != nullptr && ports_of(*old).contains(wanted);
  int chosen = choose_port(wanted, held, FieldPath("spec").child("healthCheckNodePort"),
                           reservation, errors);
  if (chosen != 0) api::set(spec, "healthCheckNodePort", Value(int64_t{chosen}), allocator);
}

Result<Reservation> ServiceAllocator::assign(Value& service, const Value* old, bool dry_run,
                                             Allocator& allocator) {
  FieldErrors errors;
  normalize_service(service, old, allocator);
  complete_ip_families(service, errors, allocator);
  Reservation reservation;
  if (errors.empty()) {
    MutexLock lock(mutex_);
    assign_address(service, old, reservation, errors, allocator);
    assign_ports(service, old, reservation, errors, allocator);
    assign_health_port(service, old, reservation, errors, allocator);
  }
  reservation.allocator_ = shared_from_this();
  if (!errors.empty()) {
    std::string message = errors.message();
    return Error{Code::kInvalid, std::move(message), errors.take()};
  }
  if (old == nullptr || dry_run) return reservation;
  std::vector<uint32_t> now = addresses_of(service);
  std::set<int> ports = ports_of(service);
  for (uint32_t address : addresses_of(*old)) {
    if (std::find(now.begin(), now.end(), address) == now.end()) {
      reservation.freed_addresses_.push_back(address);
    }
  }
  for (int port : ports_of(*old)) {
    if (!ports.contains(port)) reservation.freed_ports_.push_back(port);
  }
  return reservation;
}

Reservation ServiceAllocator::release(const Value& service) {
  Reservation reservation;
  reservation.allocator_ = shared_from_this();
  reservation.freed_addresses_ = addresses_of(service);
  for (int port : ports_of(service)) reservation.freed_ports_.push_back(port);
  return reservation;
}

}  // namespace kist::apiserver
