// Netlink messages: written without a library, and read with every length checked.
//
//   MessageWriter request;
//   request.begin(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, sequence, header);
//   request.put_text(IFLA_IFNAME, "kist0");
//   { Nest info(request, IFLA_LINKINFO); request.put_text(IFLA_INFO_KIND, "bridge"); }
//
// Reading never copies: a Message and its attributes are views of the datagram.
// Threads: values of one thread. Errors: kInvalid for bytes the kernel would not send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "kist/base/result.h"

namespace kist::cni {

inline constexpr size_t kAttributeMax = 65535 - 4;  // its length is 16 bits, header included

// One or more messages after each other, ready to send.
class MessageWriter {
 public:
  // Ends the message before it and begins the next; `family_header` (ifinfomsg, nfgenmsg) follows
  // the netlink header as it is.
  void begin(uint16_t type, uint16_t flags, uint32_t sequence, std::string_view family_header);
  // Adds NLM_F_ACK to the current message: of a batch only the last need be answered.
  void ask_for_acknowledgement();
  // A payload beyond kAttributeMax is our bug: callers split what may grow.
  void put(uint16_t type, std::string_view payload);
  void put_text(uint16_t type, std::string_view text);  // with the NUL that the kernel expects
  template <typename T>
  void put_number(uint16_t type,
                  T value) {  // in host order; the caller swaps where nfnetlink wants
    static_assert(std::is_integral_v<T>);
    put(type, {reinterpret_cast<const char*>(&value), sizeof value});
  }
  std::string_view bytes() const { return bytes_; }

 private:
  friend class Nest;
  void append(std::string_view bytes);  // padded to four
  void set_lengths();

  std::string bytes_;
  size_t message_ = 0;  // where the current one begins
};

// An attribute that holds the attributes put while it lives.
class Nest {
 public:
  Nest(MessageWriter& writer, uint16_t type);
  ~Nest();
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  MessageWriter& writer_;
  const size_t start_;
};

struct Attribute {
  uint16_t type = 0;  // without the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER
  std::string_view payload;
};

// Takes attributes off the front of a payload.
class AttributeReader {
 public:
  explicit AttributeReader(std::string_view payload) : rest_(payload) {}
  bool done() const { return rest_.empty(); }
  Result<Attribute> next();  // not when done()

 private:
  std::string_view rest_;
};

struct Message {
  uint16_t type = 0, flags = 0;
  uint32_t sequence = 0;
  std::string_view payload;  // behind the netlink header
};

// Takes messages off the front of a datagram.
class MessageReader {
 public:
  explicit MessageReader(std::string_view datagram) : rest_(datagram) {}
  bool done() const { return rest_.empty(); }
  Result<Message> next();  // not when done()

 private:
  std::string_view rest_;
};

// The number that an attribute holds; kInvalid where its size is another.
template <typename T>
Result<T> number_of(const Attribute& attribute) {
  static_assert(std::is_integral_v<T>);
  if (attribute.payload.size() != sizeof(T))
    return Error{Code::kInvalid, "netlink attribute " + std::to_string(attribute.type) + " has " +
                                     std::to_string(attribute.payload.size()) + " bytes, not " +
                                     std::to_string(sizeof(T))};
  T value;
  __builtin_memcpy(&value, attribute.payload.data(), sizeof value);
  return value;
}
// Up to the NUL, which need not be there.
std::string_view text_of(const Attribute& attribute);

// What an NLMSG_ERROR message says: 0 of an acknowledgement, else the errno (positive).
Result<int> acknowledged_error(const Message& message);

}  // namespace kist::cni
