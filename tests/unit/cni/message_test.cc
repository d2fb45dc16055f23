// Netlink framing: what is written reads back, and no cut or lying length is believed.
#include "cni/netlink/message.h"

#include <linux/netlink.h>
#include <catch2/catch.hpp>
#include <cstring>

using namespace kist;
using namespace kist::cni;

namespace {

std::string two_messages() {
  MessageWriter writer;
  writer.begin(16, NLM_F_REQUEST, 7, "abcd");
  writer.put_text(3, "kist0");
  {
    Nest nest(writer, 18);
    writer.put_number<uint32_t>(1, 1450);
  }
  writer.begin(17, NLM_F_ACK, 8, {});
  return std::string(writer.bytes());
}

// Reads everything; whether all of it was well formed.
bool reads(std::string_view datagram) {
  for (MessageReader messages(datagram); !messages.done();) {
    const Result<Message> message = messages.next();
    if (!message.ok()) return false;
    if (message.value().payload.size() < 4) continue;
    for (AttributeReader attributes(message.value().payload.substr(4)); !attributes.done();)
      if (!attributes.next().ok()) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("netlink: what is written reads back") {
  const std::string bytes = two_messages();
  MessageReader messages(bytes);
  const Message first = messages.next().value();
  CHECK(first.type == 16);
  CHECK(first.sequence == 7);
  CHECK(first.payload.substr(0, 4) == "abcd");
  AttributeReader attributes(first.payload.substr(4));
  const Attribute name = attributes.next().value();
  CHECK(name.payload.size() == 6);
  CHECK(text_of(name) == "kist0");
  const Attribute nest = attributes.next().value();
  CHECK(nest.type == 18);  // without NLA_F_NESTED
  CHECK(attributes.done());
  const Attribute mtu = AttributeReader(nest.payload).next().value();
  CHECK(number_of<uint32_t>(mtu).value() == 1450);
  CHECK_FALSE(number_of<uint16_t>(mtu).ok());
  CHECK(messages.next().value().sequence == 8);
  CHECK(messages.done());
}

TEST_CASE("netlink: a cut datagram is refused at every byte") {
  const std::string bytes = two_messages();
  const size_t first = bytes.size() - sizeof(nlmsghdr);
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    INFO("cut at " << cut);
    CHECK(reads(std::string_view(bytes).substr(0, cut)) == (cut == first));
  }
}

TEST_CASE("netlink: lengths that lie are refused") {
  struct Case {
    const char* name;
    size_t offset;  // of two bytes of a length in two_messages()
    uint16_t length;
  };
  const Case cases[] = {
      {"a message shorter than its header", 0, 15},
      {"a message of no length would never end", 0, 0},
      {"a message longer than the datagram", 0, 4000},
      {"an attribute shorter than its header", 20, 3},
      {"an attribute of no length would never end", 20, 0},
      {"an attribute longer than its message", 20, 60000},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    std::string bytes = two_messages();
    std::memcpy(bytes.data() + c.offset, &c.length, sizeof c.length);
    CHECK_FALSE(reads(bytes));
  }
}

TEST_CASE("netlink: acknowledgements") {
  nlmsgerr error{};
  error.error = -17;
  Message message{NLMSG_ERROR, 0, 1, {reinterpret_cast<const char*>(&error), sizeof error}};
  CHECK(acknowledged_error(message).value() == 17);
  error.error = 0;
  CHECK(acknowledged_error(message).value() == 0);
  error.error = 5;  // errors are negative
  CHECK_FALSE(acknowledged_error(message).ok());
  message.payload = message.payload.substr(0, 3);
  CHECK_FALSE(acknowledged_error(message).ok());
}
