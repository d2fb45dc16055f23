// The forms of names: DNS labels, qualified names, keys, ports, addresses.
#include <arpa/inet.h>

#include <algorithm>

#include "kist/api/field_errors.h"

namespace kist::api {
namespace {

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_alnum(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

constexpr size_t kLabelMax = 63, kSubdomainMax = 253, kPortNameMax = 15;

std::string too_long(size_t bytes_max) {
  return "must be no more than " + std::to_string(bytes_max) + " bytes";
}

bool is_label(std::string_view text) {
  if (text.empty() || !is_lower(text.front()) || !is_lower(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || c == '-'; });
}

bool is_subdomain(std::string_view text) {
  for (size_t start = 0;;) {
    size_t dot = std::min(text.find('.', start), text.size());
    if (!is_label(text.substr(start, dot - start))) return false;
    if (dot == text.size()) return true;
    start = dot + 1;
  }
}

bool is_name_part(std::string_view text) {
  if (text.empty() || !is_alnum(text.front()) || !is_alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

constexpr std::string_view kNamePartDetail =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

}  // namespace

Messages check_dns1123_label(std::string_view text) {
  Messages wrong;
  if (text.size() > kLabelMax) wrong.push_back(too_long(kLabelMax));
  if (!is_label(text)) {
    wrong.push_back(
        is_subdomain(text)
            ? "must not contain dots"
            : "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
              "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
              "'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')");
  }
  return wrong;
}

Messages check_dns1123_subdomain(std::string_view text) {
  Messages wrong;
  if (text.size() > kSubdomainMax) wrong.push_back(too_long(kSubdomainMax));
  if (!is_subdomain(text)) {
    wrong.push_back(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
  }
  return wrong;
}

Messages check_dns1035_label(std::string_view text) {
  Messages wrong;
  if (text.size() > kLabelMax) wrong.push_back(too_long(kLabelMax));
  if (!is_label(text) || !is_letter(text.front())) {
    wrong.push_back(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
        "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')");
  }
  return wrong;
}

Messages check_qualified_name(std::string_view text) {
  Messages wrong;
  size_t slash = text.find('/');
  std::string_view name = text;
  if (slash != text.npos) {
    if (text.find('/', slash + 1) != text.npos) {
      wrong.push_back("a qualified name " + std::string(kNamePartDetail) +
                      " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
      return wrong;
    }
    std::string_view prefix = text.substr(0, slash);
    name = text.substr(slash + 1);
    if (prefix.empty()) {
      wrong.emplace_back("prefix part must be non-empty");
    } else {
      for (const std::string& message : check_dns1123_subdomain(prefix)) {
        wrong.push_back("prefix part " + message);
      }
    }
  }
  if (name.empty()) {
    wrong.emplace_back("name part must be non-empty");
  } else if (name.size() > kLabelMax) {
    wrong.push_back("name part " + too_long(kLabelMax));
  }
  if (!is_name_part(name)) wrong.push_back("name part " + std::string(kNamePartDetail));
  return wrong;
}

Messages check_label_value(std::string_view text) {
  Messages wrong;
  if (text.size() > kLabelMax) wrong.push_back(too_long(kLabelMax));
  if (!text.empty() && !is_name_part(text)) {
    wrong.push_back(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        "'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
  }
  return wrong;
}

Messages check_config_map_key(std::string_view text) {
  Messages wrong;
  if (text.size() > kSubdomainMax) wrong.push_back(too_long(kSubdomainMax));
  bool good = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
  if (!good) {
    wrong.push_back(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
        "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
        "'[-._a-zA-Z0-9]+')");
  }
  if (text == "." || text == "..") {
    wrong.push_back("must not be '" + std::string(text) + "'");
  } else if (text.starts_with("..")) {
    wrong.emplace_back("must not start with '..'");
  }
  return wrong;
}

Messages check_env_var_name(std::string_view text) {
  Messages wrong;
  bool good = !text.empty() && !(text.front() >= '0' && text.front() <= '9') &&
              std::all_of(text.begin(), text.end(),
                          [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
  if (!good) {
    wrong.push_back(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', "
        "'-', or '.', and must not start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or "
        "'MyEnvName1', regex used for validation is '[-._a-zA-Z][-._a-zA-Z0-9]*')");
  }
  if (text == "." || text == "..") {
    wrong.push_back("must not be '" + std::string(text) + "'");
  } else if (text.starts_with("..")) {
    wrong.emplace_back("must not start with '..'");
  }
  return wrong;
}

Messages check_port_name(std::string_view text) {
  Messages wrong;
  if (text.size() > kPortNameMax) wrong.push_back(too_long(kPortNameMax));
  bool charset = !text.empty() && std::all_of(text.begin(), text.end(),
                                              [](char c) { return is_lower(c) || c == '-'; });
  if (!charset) {
    wrong.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    wrong.emplace_back("must contain at least one letter (a-z)");
  }
  if (text.find("--") != text.npos) wrong.emplace_back("must not contain consecutive hyphens");
  if (!text.empty() && (text.front() == '-' || text.back() == '-')) {
    wrong.emplace_back("must not begin or end with a hyphen");
  }
  return wrong;
}

Messages check_port_number(int64_t port) {
  if (port >= 1 && port <= 65535) return {};
  return {"must be between 1 and 65535, inclusive"};
}

Messages check_ip(std::string_view text) {
  std::string copy(text);
  unsigned char bytes[16];
  bool plain = copy.size() == text.size() && copy.find('\0') == copy.npos;
  if (plain && (inet_pton(AF_INET, copy.c_str(), bytes) == 1 ||
                inet_pton(AF_INET6, copy.c_str(), bytes) == 1)) {
    return {};
  }
  return {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"};
}

Messages check_path_segment(std::string_view text) {
  Messages wrong;
  if (text == "." || text == "..") return {"may not be '" + std::string(text) + "'"};
  for (char c : {'/', '%'}) {
    if (text.find(c) != text.npos) wrong.push_back(std::string("may not contain '") + c + "'");
  }
  return wrong;
}

}  // namespace kist::api
