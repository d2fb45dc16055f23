// Endpoints and EndpointSlices.
#include <set>
#include <string>

#include "src/apiserver/registry/kinds/kinds.h"
#include "src/apiserver/registry/kinds/support.h"

namespace kist::apiserver {
namespace {

constexpr size_t kSliceEndpointsMax = 1000;
constexpr size_t kSlicePortsMax = 20000;
constexpr size_t kAddressesMax = 100;
const std::vector<std::string_view> kProtocols = {"SCTP", "TCP", "UDP"};

void endpoints_defaults(Value& endpoints, Allocator& allocator) {
  each(endpoints, "subsets", [&](Value& subset, size_t) {
    each(subset, "ports",
         [&](Value& port, size_t) { default_text(port, "protocol", "TCP", allocator); });
  });
}

// Addresses that only mean something on one machine or one wire.
void check_special_address(std::string_view address, const FieldPath& path, FieldErrors& errors) {
  if (address == "0.0.0.0" || address == "::") {
    errors.invalid(path, address, "may not be unspecified (" + std::string(address) + ")");
  }
  if (address.starts_with("127.") || address == "::1") {
    errors.invalid(path, address, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
  }
  if (address.starts_with("169.254.") || address.starts_with("fe80:")) {
    errors.invalid(path, address, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  }
  if (address.starts_with("224.0.0.") || address.starts_with("ff02:")) {
    errors.invalid(path, address,
                   "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  }
}

void check_address(std::string_view address, const FieldPath& path, FieldErrors& errors) {
  api::Messages wrong = api::check_ip(address);
  add_messages(errors, path, address, wrong);
  if (wrong.empty()) check_special_address(address, path, errors);
}

void validate_addresses(const Value& subset, const char* list, const FieldPath& path,
                        FieldErrors& errors) {
  each(subset, list, [&](const Value& address, size_t index) {
    FieldPath here = path.child(list).index(index);
    check_address(api::text_of(address, "ip"), here.child("ip"), errors);
    std::string_view host = api::text_of(address, "hostname");
    if (!host.empty()) {
      add_messages(errors, here.child("hostname"), host, api::check_dns1123_label(host));
    }
    std::string_view node = api::text_of(address, "nodeName");
    if (!node.empty()) {
      add_messages(errors, here.child("nodeName"), node, api::check_dns1123_subdomain(node));
    }
  });
}

void validate_subset(const Value& subset, const FieldPath& path, FieldErrors& errors) {
  if (size_of(subset, "addresses") == 0 && size_of(subset, "notReadyAddresses") == 0) {
    errors.required(path, "must specify `addresses` or `notReadyAddresses`");
  }
  validate_addresses(subset, "addresses", path, errors);
  validate_addresses(subset, "notReadyAddresses", path, errors);
  bool several = size_of(subset, "ports") > 1;
  each(subset, "ports", [&](const Value& port, size_t index) {
    FieldPath here = path.child("ports").index(index);
    std::string_view name = api::text_of(port, "name");
    if (name.empty()) {
      if (several) errors.required(here.child("name"));
    } else {
      add_messages(errors, here.child("name"), name, api::check_dns1123_label(name));
    }
    check_port(errors, here.child("port"), api::int_of(port, "port"));
    check_one_of(errors, here.child("protocol"), api::text_of(port, "protocol"), kProtocols);
  });
}

void validate_endpoints(const Value& endpoints, FieldErrors& errors) {
  each(endpoints, "subsets", [&](const Value& subset, size_t index) {
    validate_subset(subset, FieldPath("subsets").index(index), errors);
  });
}

void validate_endpoints_update(const Value& next, const Value& old, FieldErrors& errors) {
  if (!same(at(next, "subsets"), at(old, "subsets"))) validate_endpoints(next, errors);
}

void slice_defaults(Value& slice, Allocator& allocator) {
  each(slice, "ports", [&](Value& port, size_t) {
    default_text_or_empty(port, "name", allocator);
    default_text(port, "protocol", "TCP", allocator);
  });
}

void validate_slice_endpoint(const Value& endpoint, std::string_view type, const FieldPath& path,
                             FieldErrors& errors) {
  size_t count = size_of(endpoint, "addresses");
  FieldPath addresses = path.child("addresses");
  if (count == 0) errors.required(addresses, "must contain at least 1 address");
  if (count > kAddressesMax) errors.too_many(addresses, count, kAddressesMax);
  each(endpoint, "addresses", [&](const Value& address, size_t index) {
    std::string_view text = view(address);
    FieldPath here = addresses.index(index);
    if (type == "FQDN") {
      add_messages(errors, here, text, api::check_dns1123_subdomain(text));
      return;
    }
    check_address(text, here, errors);
    bool is_v6 = text.find(':') != text.npos;
    if (type == "IPv4" && is_v6) errors.invalid(here, text, "must be an IPv4 address");
    if (type == "IPv6" && !is_v6) errors.invalid(here, text, "must be an IPv6 address");
  });
  std::string_view node = api::text_of(endpoint, "nodeName");
  if (has(endpoint, "nodeName")) {
    add_messages(errors, path.child("nodeName"), node, api::check_dns1123_subdomain(node));
  }
  std::string_view host = api::text_of(endpoint, "hostname");
  if (has(endpoint, "hostname")) {
    add_messages(errors, path.child("hostname"), host, api::check_dns1123_label(host));
  }
}

void validate_slice_ports(const Value& slice, FieldErrors& errors) {
  FieldPath path("ports");
  if (size_of(slice, "ports") > kSlicePortsMax) {
    errors.too_many(path, size_of(slice, "ports"), kSlicePortsMax);
    return;
  }
  std::set<std::string_view> names;
  each(slice, "ports", [&](const Value& port, size_t index) {
    FieldPath here = path.index(index);
    std::string_view name = api::text_of(port, "name");
    if (!name.empty()) {
      add_messages(errors, here.child("name"), name, api::check_dns1123_label(name));
    }
    if (!names.insert(name).second) errors.duplicate(here.child("name"), name);
    std::string_view protocol = api::text_of(port, "protocol");
    if (protocol.empty()) {
      errors.required(here.child("protocol"));
    } else {
      check_one_of(errors, here.child("protocol"), protocol, kProtocols);
    }
    std::string_view app = api::text_of(port, "appProtocol");
    if (has(port, "appProtocol")) {
      add_messages(errors, here.child("appProtocol"), app, api::check_qualified_name(app));
    }
  });
}

void validate_slice(const Value& slice, FieldErrors& errors) {
  std::string_view type = api::text_of(slice, "addressType");
  if (type.empty()) {
    errors.required(FieldPath("addressType"));
  } else {
    check_one_of(errors, FieldPath("addressType"), type, {"FQDN", "IPv4", "IPv6"});
  }
  FieldPath path("endpoints");
  size_t count = size_of(slice, "endpoints");
  if (count > kSliceEndpointsMax) {
    errors.too_many(path, count, kSliceEndpointsMax);
  } else {
    each(slice, "endpoints", [&](const Value& endpoint, size_t index) {
      validate_slice_endpoint(endpoint, type, path.index(index), errors);
    });
  }
  validate_slice_ports(slice, errors);
}

void validate_slice_update(const Value& next, const Value& old, FieldErrors& errors) {
  validate_slice(next, errors);
  check_immutable(errors, FieldPath("addressType"), at(next, "addressType"),
                  at(old, "addressType"));
}

}  // namespace

const Strategy kEndpointsStrategy = {
    .set_defaults = endpoints_defaults,
    .validate = validate_endpoints,
    .validate_update = validate_endpoints_update,
    .name_check = api::check_dns1123_subdomain,
    .create_on_update = true,
};

const Strategy kEndpointSliceStrategy = {
    .set_defaults = slice_defaults,
    .validate = validate_slice,
    .validate_update = validate_slice_update,
    .name_check = api::check_dns1123_subdomain,
    .generation = true,
};

}  // namespace kist::apiserver
