// What reading and writing one object costs: the 4 KB pod of tests/golden/api/pod.json.
//
// Run: build/tests/bench/codec_bench [rounds]. With few rounds it is a test, so it never rots.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "kist/api/codec.h"

using namespace kist::api;

namespace {

// The fastest of several batches, so that neighbours on the machine count least.
void measure(const char* name, int rounds, const std::function<size_t()>& work) {
  constexpr int kBatches = 10;
  double best = 1e9;
  size_t sum = 0;
  for (int batch = 0; batch < kBatches; ++batch) {
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < rounds; ++i) sum += work();
    std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    best = std::min(best, took.count() / rounds);
  }
  std::printf("%-28s %8.2f us  (%zu)\n", name, best, sum);
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = argc > 1 ? std::atoi(argv[1]) : 2000;
  std::ifstream file(KIST_GOLDEN_DIR "/api/pod.json", std::ios::binary);
  std::stringstream buffer;
  buffer << file.rdbuf();
  const std::string text = buffer.str();
  const Type& type = *find_kind("", "v1", "Pod")->type;
  Json pod = parse_json(text).value();
  const std::string bytes = encode_protobuf(type, pod.root());
  std::printf("JSON %zu bytes, protobuf %zu bytes\n", text.size(), bytes.size());

  measure("parse", rounds, [&] { return parse_json(text).value().root().MemberCount(); });
  measure("parse, canonicalize", rounds, [&] {
    Json json = parse_json(text).value();
    return canonicalize(type, json.root(), json.allocator(), nullptr).ok() ? 1u : 0u;
  });
  measure("parse, canonicalize, default", rounds, [&] {
    Json json = parse_json(text).value();
    bool ok = canonicalize(type, json.root(), json.allocator(), nullptr).ok();
    apply_declared_defaults(type, json.root(), json.allocator());
    return ok ? 1u : 0u;
  });
  measure("to_text", rounds, [&] { return to_text(pod.root()).size(); });
  measure("encode protobuf", rounds, [&] { return encode_protobuf(type, pod.root()).size(); });
  measure("decode protobuf", rounds,
          [&] { return size_t{decode_protobuf(type, bytes).value().root().MemberCount()}; });
  return 0;
}
