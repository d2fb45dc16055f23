// config.json -> spec -> plan: what is refused, with which words, and what a plan holds.
#include <catch2/catch.hpp>

#include "kist/runtime/launcher.h"
#include "runtime/oci/read_spec.h"

namespace kist::runtime {
namespace {

std::string with(const std::string& members) {
  return R"({"ociVersion":"1.0.2","process":{"args":["sh"],"cwd":"/"},"root":{"path":"rootfs"})" +
         members + "}";
}

const std::string kMountNamespace = R"(,"linux":{"namespaces":[{"type":"mount"}])";

ContainerSpec spec_of(const std::string& text) {
  Result<ContainerSpec> spec = oci::read_spec(text);
  REQUIRE(spec.ok());
  spec.value().id = "c";
  spec.value().bundle = "/bundle";
  return std::move(spec).value();
}

TEST_CASE("oci spec: what cannot be read names its field") {
  struct Case {
    const char* name;
    std::string text;
    std::string error;
  };
  const Case cases[] = {
      {"no object", "[]", "must be an object"},
      {"no version", R"({"process":{}})", "ociVersion: Required value"},
      {"another version", R"({"ociVersion":"2.0.0"})",
       "ociVersion: \"2.0.0\" is not supported, only 1.x is"},
      {"no process", R"({"ociVersion":"1.0.0"})", "process: Required value"},
      {"wrong type", with(R"(,"hostname":7)"), "hostname: must be a string"},
      {"a NUL in a path", with(R"(,"mounts":[{"destination":"/a\u0000b"}])"),
       "mounts[0].destination: holds a NUL"},
      {"unknown namespace", with(R"(,"linux":{"namespaces":[{"type":"x"}]})"),
       "linux.namespaces[0]: unknown type \"x\""},
      {"relative hook", with(R"(,"hooks":{"poststop":[{"path":"a"}]})"),
       "hooks.poststop[0]: path must be absolute"},
      {"a notify socket", with(R"(,"linux":{"seccomp":{"listenerPath":"/x"}})"),
       "linux.seccomp.listenerPath: is not supported"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Result<ContainerSpec> spec = oci::read_spec(c.text);
    REQUIRE_FALSE(spec.ok());
    CHECK(spec.error().code == Code::kInvalid);
    CHECK(spec.error().message == c.error);
  }
}

TEST_CASE("prepare: contradictions name their field") {
  struct Case {
    const char* name;
    std::string members;
    std::string error;
  };
  const Case cases[] = {
      {"the host's mounts", R"(,"linux":{"namespaces":[]})",
       "linux.namespaces: a mount namespace is needed"},
      {"a sysctl of the host", kMountNamespace + R"(,"sysctl":{"kernel.panic":"1"}})",
       "linux.sysctl[kernel.panic]: is not in a namespace of the container"},
      {"a group above the root", kMountNamespace + R"(,"cgroupsPath":"/a/../.."})",
       "linux.cgroupsPath: must be a plain path below the root group"},
      {"a user namespace without ids",
       R"(,"linux":{"namespaces":[{"type":"mount"},{"type":"user"}]})",
       "linux.uidMappings: Required value"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const Result<Prepared> prepared = prepare(spec_of(with(c.members)), HostFacts{}, {});
    REQUIRE_FALSE(prepared.ok());
    CHECK(prepared.error().message == c.error);
  }
}

TEST_CASE("launch plan: read back as written, refused when cut") {
  const ContainerSpec spec = spec_of(
      with(kMountNamespace + R"(,"maskedPaths":["/proc/keys"]},"mounts":[{"destination":"/proc",
      "type":"proc","source":"proc","options":["nosuid","ro"]}])"));
  Result<Prepared> prepared = prepare(spec, HostFacts{}, {});
  REQUIRE(prepared.ok());
  const LaunchPlan& plan = prepared.value().plan;
  CHECK(plan.root.path == "/bundle/rootfs");
  CHECK(plan.cgroup.path == "/kist/c");
  CHECK(plan.mounts.front().set_attributes == 3);  // MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID
  const std::string bytes = encode(plan);
  const Result<LaunchPlan> again = decode(bytes);
  REQUIRE(again.ok());
  CHECK(encode(again.value()) == bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    INFO("first " << size << " bytes");
    CHECK_FALSE(decode(std::string_view(bytes).substr(0, size)).ok());
  }
}

TEST_CASE("cgroup plan: the files of each version") {
  ResourceSpec limits;
  limits.memory_limit = 1 << 20;
  limits.memory_swap = 3 << 20;
  limits.cpu_quota = 50000;
  limits.cpu_period = 100000;
  limits.cpu_shares = 1024;
  limits.pids_limit = 0;
  struct Case {
    const char* name;
    CgroupHost host;
    std::vector<std::string> writes;
    size_t warnings;
  };
  const Case cases[] = {
      {"v2",
       {.unified = "/c", .unified_has_controllers = true},
       {"pids.max=max", "memory.swap.max=2097152", "memory.max=1048576", "cpu.weight=39",
        "cpu.max=50000 100000"},
       0},
      {"v1 without cpu",
       {.v1 = {{"memory", "/m"}, {"pids", "/p"}}},
       {"pids.max=max", "memory.limit_in_bytes=1048576", "memory.memsw.limit_in_bytes=3145728"},
       3},
      {"none", {}, {}, 6},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    std::vector<std::string> warnings, writes;
    for (const CgroupWrite& one : plan_cgroup(limits, c.host, warnings)) {
      writes.push_back(one.file + "=" + one.value);
    }
    CHECK(writes == c.writes);
    CHECK(warnings.size() == c.warnings);
  }
}

}  // namespace
}  // namespace kist::runtime
