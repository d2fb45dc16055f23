#include "runtime/monitor/message.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/monitor/record.h"
#include "runtime/process_start.h"

namespace kist::runtime {
namespace {

struct Pair {
  Pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    near = Fd(ends[0]);
    far = Fd(ends[1]);
  }
  Fd near, far;
};

TEST_CASE("message: packets and descriptors arrive whole") {
  Pair pair;
  const Fd carried = std::move(body_to_memfd("hello")).value();
  REQUIRE(send_packet(pair.near.get(), {Kind::kCreate, 7, "body", {}}, {carried.get()}).ok());
  Result<std::optional<Packet>> got = receive_packet(pair.far.get());
  REQUIRE(got.ok());
  REQUIRE(got.value());
  CHECK(got.value()->kind == Kind::kCreate);
  CHECK(got.value()->serial == 7);
  CHECK(got.value()->body == "body");
  REQUIRE(got.value()->descriptors.size() == 1);
  CHECK(memfd_to_body(got.value()->descriptors[0]).value() == "hello");

  Result<std::optional<Packet>> nothing = receive_packet(pair.far.get());
  REQUIRE(nothing.ok());
  CHECK_FALSE(nothing.value());
  pair.near.reset();
  CHECK(receive_packet(pair.far.get()).error().code == Code::kUnavailable);
}

TEST_CASE("message: what is no packet is refused") {
  struct Case {
    const char* name;
    std::string bytes;
  };
  const Case cases[] = {
      {"too short", "abc"},
      {"an unknown kind", Packer().number(200).number(1).take()},
      {"longer than any", std::string(kPacketMax + 100, 'x')},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Pair pair;
    REQUIRE(::send(pair.near.get(), c.bytes.data(), c.bytes.size(), 0) > 0);
    Result<std::optional<Packet>> got = receive_packet(pair.far.get());
    REQUIRE_FALSE(got.ok());
    CHECK(got.error().code == Code::kInvalid);
  }
}

TEST_CASE("message: fields are checked at every length") {
  const std::string bytes = Packer().number(1).text("name").flag(true).text("").take();
  for (size_t size = 0; size <= bytes.size() + 1; ++size) {
    INFO(size);
    const std::string cut = size <= bytes.size() ? bytes.substr(0, size) : bytes + "x";
    Unpacker in(cut);
    in.number();
    in.text();
    in.flag();
    in.text();
    CHECK(in.done().ok() == (size == bytes.size()));
  }
  const std::string huge = Packer().number(~uint64_t{0}).take();
  Unpacker in(huge);
  CHECK(in.text().empty());
  CHECK_FALSE(in.done().ok());
}

TEST_CASE("message: errors come back as they were") {
  Result<std::string> back = unpack_reply(pack_error({Code::kConflict, "it runs"}));
  REQUIRE_FALSE(back.ok());
  CHECK(back.error().code == Code::kConflict);
  CHECK(back.error().message == "it runs");
  CHECK(unpack_reply(pack_ok("fine")).value() == "fine");
  CHECK_FALSE(unpack_reply("").ok());
  CHECK_FALSE(unpack_reply(Packer().number(999).text("x").take()).ok());
}

TEST_CASE("record: written, read, removed; damaged ones are skipped") {
  char name[] = "/tmp/kist-record-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  CHECK(read_records(folder).value().empty());
  ContainerRecord record;
  record.status.id = "c1";
  record.status.state = ContainerState::kExited;
  record.status.exit = {137, 9, true, false, 42};
  record.pid_start_ticks = 5;
  record.cgroup = "/kist/c1";
  REQUIRE(write_record(folder, record).ok());
  std::ofstream(folder + "/containers/cut") << "short";
  std::ofstream(folder + "/containers/.c2") << "a write that did not end";
  std::filesystem::copy_file(folder + "/containers/c1", folder + "/containers/stolen");
  Result<std::vector<ContainerRecord>> records = read_records(folder);
  REQUIRE(records.ok());
  REQUIRE(records.value().size() == 1);
  CHECK(records.value()[0].status.exit.out_of_memory);
  CHECK(records.value()[0].status.exit.time_ns == 42);
  CHECK(records.value()[0].cgroup == "/kist/c1");
  remove_record(folder, "c1");
  CHECK(read_records(folder).value().empty());
  std::filesystem::remove_all(folder);
}

TEST_CASE("record: a pid is known by when it began") {
  CHECK(process_start_time(::getpid()) > 0);
  CHECK(process_start_time(::getpid()) == process_start_time(::getpid()));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(process_start_time(child) == 0);
}

TEST_CASE("record: container ids") {
  CHECK(valid_container_id("a"));
  CHECK(valid_container_id("pod-1_x.y"));
  for (const char* bad : {"", ".", "..", ".a", "a/b", "a b", "a\n"})
    CHECK_FALSE(valid_container_id(bad));
  CHECK_FALSE(valid_container_id(std::string(129, 'a')));
}

}  // namespace
}  // namespace kist::runtime
