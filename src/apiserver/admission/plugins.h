// Admission: what a write must pass, and gains, between decoding and validation.
//
// An ordered array of small plugins (plugins.cc). Some refuse (a namespace that is going away),
// some add (the token volume of a Pod, the address of a Service). The registry calls admit() once
// per write that is about to be stored, with defaults filled in, before strategy.prepare_* and
// validate.
//
// Threads: any; address and port allocation is guarded by one mutex, held for bitmap work only.
// Errors:  kForbidden, kNotFound and kConflict carry the whole message ("pods \"x\" is forbidden:
//          ..."); kInvalid carries FieldErrors::message() and causes, without `Kind "x" is invalid:
//          `.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/api/json.h"
#include "kist/base/buffer.h"
#include "kist/base/result.h"

namespace kist::apiserver {

enum class Operation : uint8_t { kCreate, kUpdate, kDelete, kConnect };

struct Attributes {
  Operation operation = Operation::kCreate;
  std::string_view group, resource, subresource;  // "", "pods", "status"
  std::string_view kind;                          // "Pod"
  std::string_view namespace_name, name;          // name: may be empty before generateName
  std::string_view user;
  bool dry_run = false;
  const api::Value* old = nullptr;  // kUpdate and kDelete: the object as it is stored
};

// The stored objects as admission sees them; the API server implements it over its cache.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  // Bytes of the stored form; kNotFound. `namespace_name` is empty for cluster-scoped resources.
  virtual Result<Slice> get(std::string_view group, std::string_view resource,
                            std::string_view namespace_name, std::string_view name) = 0;
  // All of a resource, in all namespaces.
  virtual std::vector<Slice> list(std::string_view group, std::string_view resource) = 0;
};

class ServiceAllocator;

// What one write took (cluster IPs, node ports) or is about to give back. Keep it until the write's
// outcome is known: keep() when it is stored, else destruction undoes it.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&&) noexcept;
  Reservation& operator=(Reservation&&) noexcept;
  ~Reservation();

  void keep();

 private:
  friend class ServiceAllocator;
  void undo();
  std::shared_ptr<ServiceAllocator> allocator_;  // null: nothing taken, nothing to give back
  std::vector<uint32_t> taken_addresses_, freed_addresses_;
  std::vector<int> taken_ports_, freed_ports_;
};

struct AdmissionOptions {
  std::string service_cidr = "10.43.0.0/16";  // IPv4, /12 to /30
  int node_port_first = 30000;
  int node_port_last = 32767;
};

class Admission {
 public:
  static Result<std::unique_ptr<Admission>> create(const AdmissionOptions& options);

  // Marks what stored Services hold. Once, before the first admit().
  void rebuild(ObjectReader& reader);

  // For kDelete `object` is the object that is about to go. Subresource writes pass here too:
  // plugins that do not care ignore them.
  Result<Reservation> admit(const Attributes& attributes, api::Value& object,
                            api::Allocator& allocator, ObjectReader& reader);

 private:
  explicit Admission(std::shared_ptr<ServiceAllocator> services);
  std::shared_ptr<ServiceAllocator> services_;
};

}  // namespace kist::apiserver
