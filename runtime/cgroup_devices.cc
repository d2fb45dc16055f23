// cgroup v2 has no file for devices: a small BPF program decides about each access.
#include "runtime/cgroup_devices.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kist/base/fd.h"
#include "kist/runtime/cgroup.h"

namespace kist::runtime {
namespace {

// struct bpf_insn as one number: opcode, registers, jump offset, immediate.
uint64_t instruction(uint8_t code, int to, int from, int16_t offset, int32_t immediate) {
  bpf_insn one{};
  one.code = code;
  one.dst_reg = static_cast<uint8_t>(to) & 0xf;
  one.src_reg = static_cast<uint8_t>(from) & 0xf;
  one.off = offset;
  one.imm = immediate;
  uint64_t packed = 0;
  static_assert(sizeof(packed) == sizeof(one));
  std::memcpy(&packed, &one, sizeof(one));
  return packed;
}

constexpr int kResult = 0, kScratch = 1, kType = 2, kAccess = 3, kMajor = 4, kMinor = 5;
constexpr int kWhole = 7;  // read, write and mknod

int access_bits(const std::string& access) {
  int bits = 0;
  for (const char c : access) {
    if (c == 'm') bits |= BPF_DEVCG_ACC_MKNOD;
    if (c == 'r') bits |= BPF_DEVCG_ACC_READ;
    if (c == 'w') bits |= BPF_DEVCG_ACC_WRITE;
  }
  return bits;
}

void append_rule(const DeviceRule& rule, std::vector<uint64_t>& program) {
  std::vector<uint64_t> body;
  std::vector<size_t> jumps;  // those that leave for the next rule
  const auto skip_unless = [&](uint8_t code, int reg, int from, int32_t value) {
    jumps.push_back(body.size());
    body.push_back(instruction(code, reg, from, 0, value));
  };
  if (rule.type != 'a') {
    skip_unless(BPF_JMP | BPF_JNE | BPF_K, kType, 0,
                rule.type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
  }
  if (const int bits = access_bits(rule.access); bits != kWhole) {
    body.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_X, kScratch, kAccess, 0, 0));
    body.push_back(instruction(BPF_ALU64 | BPF_AND | BPF_K, kScratch, 0, 0, bits));
    // Allowed only if all that is wanted is in the rule; denied if any of it is.
    if (rule.allow) {
      skip_unless(BPF_JMP | BPF_JNE | BPF_X, kScratch, kAccess, 0);
    } else {
      skip_unless(BPF_JMP | BPF_JEQ | BPF_K, kScratch, 0, 0);
    }
  }
  if (rule.major >= 0) {
    skip_unless(BPF_JMP | BPF_JNE | BPF_K, kMajor, 0, static_cast<int32_t>(rule.major));
  }
  if (rule.minor >= 0) {
    skip_unless(BPF_JMP | BPF_JNE | BPF_K, kMinor, 0, static_cast<int32_t>(rule.minor));
  }
  body.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, rule.allow ? 1 : 0));
  body.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  for (const size_t at : jumps) {
    bpf_insn jump;
    std::memcpy(&jump, &body[at], sizeof(jump));
    jump.off = static_cast<int16_t>(body.size() - at - 1);
    std::memcpy(&body[at], &jump, sizeof(jump));
  }
  program.insert(program.end(), body.begin(), body.end());
}

}  // namespace

std::vector<uint64_t> plan_device_program(const std::vector<DeviceRule>& rules) {
  constexpr uint8_t kLoad = BPF_LDX | BPF_MEM | BPF_W;
  std::vector<uint64_t> program = {
      instruction(kLoad, kType, 1, offsetof(bpf_cgroup_dev_ctx, access_type), 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, kAccess, kType, 0, 0),
      instruction(BPF_ALU64 | BPF_AND | BPF_K, kType, 0, 0, 0xffff),
      instruction(BPF_ALU64 | BPF_RSH | BPF_K, kAccess, 0, 0, 16),
      instruction(kLoad, kMajor, 1, offsetof(bpf_cgroup_dev_ctx, major), 0),
      instruction(kLoad, kMinor, 1, offsetof(bpf_cgroup_dev_ctx, minor), 0),
  };
  // The last rule that matches decides, so it is asked first; what is behind one that matches all
  // would be dead code, which the kernel refuses.
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) {
    append_rule(*rule, program);
    if (rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
        access_bits(rule->access) == kWhole) {
      return program;
    }
  }
  program.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, kResult, 0, 0, 1));
  program.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  return program;
}

Result<> attach_device_program(int cgroup, const std::vector<uint64_t>& program) {
  static constexpr char kLicense[] = "Apache-2.0";
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = reinterpret_cast<uint64_t>(program.data());
  load.insn_cnt = static_cast<uint32_t>(program.size());
  load.license = reinterpret_cast<uint64_t>(kLicense);
  const Fd loaded(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load))));
  if (!loaded) return errno_error("load the device program of the cgroup");
  bpf_attr attach{};
  attach.target_fd = static_cast<uint32_t>(cgroup);
  attach.attach_bpf_fd = static_cast<uint32_t>(loaded.get());
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (::syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof(attach)) != 0) {
    return errno_error("attach the device program to the cgroup");
  }
  return {};
}

}  // namespace kist::runtime
