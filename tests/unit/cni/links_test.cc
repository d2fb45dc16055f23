// Devices: what is read from answers, and which answers are refused.
#include "cni/netlink/links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <catch2/catch.hpp>

#include "fake_netlink.h"

using namespace kist;
using namespace kist::cni;

namespace {

std::string veth_answer() {
  ifinfomsg header{};
  header.ifi_index = 5;
  header.ifi_flags = 1;
  MessageWriter writer;
  writer.begin(RTM_NEWLINK, 0, 1, {reinterpret_cast<const char*>(&header), sizeof header});
  writer.put_text(IFLA_IFNAME, "kv0");
  writer.put(IFLA_ADDRESS, std::string_view("\x0a\x58\0\0\0\7", 6));
  writer.put_number<uint32_t>(IFLA_MASTER, 3);
  {
    Nest info(writer, IFLA_LINKINFO);
    writer.put_text(IFLA_INFO_KIND, "veth");
  }
  return std::string(writer.bytes().substr(16));
}

}  // namespace

TEST_CASE("links: an answer of the kernel") {
  FakeNetlink kernel;
  kernel.answers.push_back(std::vector<Reply>{{RTM_NEWLINK, veth_answer()}});
  const Link link = find_link(kernel, "kv0").value().value();
  CHECK(link.index == 5);
  CHECK(link.name == "kv0");
  CHECK(link.master == 3);
  CHECK(link.kind == "veth");
  CHECK(link.up);
  CHECK(mac_text(link.mac) == "0a:58:00:00:00:07");
}

TEST_CASE("links: what is refused") {
  struct Case {
    const char* name;
    Result<std::vector<Reply>> answer;
    Code code;
  };
  const Case cases[] = {
      {"a link without a header", std::vector<Reply>{{RTM_NEWLINK, "short"}}, Code::kInvalid},
      {"no answer at all", std::vector<Reply>{}, Code::kUnavailable},
      {"not allowed", Error{Code::kForbidden, "no"}, Code::kForbidden},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    FakeNetlink kernel;
    kernel.answers.push_back(c.answer);
    const auto found = find_link(kernel, "kv0");
    REQUIRE_FALSE(found.ok());
    CHECK(found.error().code == c.code);
    CHECK(found.error().message.find("kv0") != std::string::npos);
  }
  FakeNetlink kernel;
  kernel.answers.push_back(Error{Code::kNotFound, "none"});
  CHECK_FALSE(find_link(kernel, "kv0").value().has_value());
  for (const char* name : {"", "a-name-that-is-too-long"}) {
    INFO(name);
    CHECK(find_link(kernel, name).error().code == Code::kInvalid);
  }
  CHECK(kernel.requests.size() == 1);  // bad names were not sent
}
