// Each kind against an object with every field set, made from upstream's facts by
// tests/golden/generate.py: what we decode, print and encode is what upstream's tables say.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "kist/api/codec.h"

using namespace kist;
using namespace kist::api;

namespace {

// Without the line end; empty where there is no such file.
std::string golden(const std::string& name) {
  std::ifstream file(KIST_GOLDEN_DIR "/api/" + name, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::string whole = text.str();
  if (whole.ends_with('\n')) whole.pop_back();
  return whole;
}

// Where two texts part, for eyes; empty if they do not.
std::string difference(const std::string& ours, const std::string& theirs) {
  if (ours == theirs) return {};
  const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
  const auto around = [](const std::string& text, auto at) {
    const size_t begin = std::max<ptrdiff_t>(0, at - text.begin() - 60);
    return text.substr(begin, 140);
  };
  return "ours: " + around(ours, a) + "\ntheirs: " + around(theirs, b);
}

std::string from_hex(std::string_view text) {
  std::string bytes;
  std::string digits;
  for (const char c : text) {
    if (c == '\n') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes += static_cast<char>(std::stoi(digits, nullptr, 16));
    digits.clear();
  }
  return bytes;
}

std::string file_name(const Kind& kind) {
  return std::string(kind.group.empty() ? "core" : kind.group) + "_" + std::string(kind.version) +
         "_" + std::string(kind.kind);
}

// Kinds that can be listed are kinds that can be stored; meta/v1 has no objects of its own.
bool stored(const Kind& kind) {
  return kind.list != nullptr && !kind.type->name.starts_with("io.k8s.apimachinery.");
}

}  // namespace

TEST_CASE("golden: every kind has its files") {
  size_t count = 0;
  for (const Kind& kind : all_kinds()) {
    if (!stored(kind)) continue;
    INFO(file_name(kind) << " is missing: tests/golden/generate.py makes it");
    CHECK(!golden(file_name(kind) + ".json").empty());
    if (kind.type->protobuf) CHECK(!golden(file_name(kind) + ".pb.hex").empty());
    ++count;
  }
  CHECK(count >= 15);
}

TEST_CASE("golden: JSON with every field is canonical as it is") {
  for (const Kind& kind : all_kinds()) {
    if (!stored(kind)) continue;
    INFO(file_name(kind));
    const std::string text = golden(file_name(kind) + ".json");
    Result<Json> json = parse_json(text);
    REQUIRE(json.ok());
    std::vector<std::string> unknown;
    const Result<> checked =
        canonicalize(*kind.type, json.value().root(), json.value().allocator(), &unknown);
    INFO((checked.ok() ? "" : checked.error().message));
    REQUIRE(checked.ok());
    CHECK(unknown.empty());
    CHECK(difference(to_text(json.value().root()), text) == "");
    apply_declared_defaults(*kind.type, json.value().root(), json.value().allocator());
    CHECK(difference(to_text(json.value().root()), text) ==
          "");  // a default never replaces what is there
  }
}

TEST_CASE("golden: protobuf both ways") {
  for (const Kind& kind : all_kinds()) {
    if (!stored(kind) || !kind.type->protobuf) continue;
    INFO(file_name(kind));
    const std::string text = golden(file_name(kind) + ".json");
    const std::string bytes = from_hex(golden(file_name(kind) + ".pb.hex"));
    Json json = parse_json(text).value();
    REQUIRE(canonicalize(*kind.type, json.root(), json.allocator(), nullptr).ok());
    const bool same = encode_protobuf(*kind.type, json.root()) == bytes;
    CHECK(same);
    Result<Json> back = decode_protobuf(*kind.type, bytes);
    REQUIRE(back.ok());
    Value& root = back.value().root();
    REQUIRE(canonicalize(*kind.type, root, back.value().allocator(), nullptr).ok());
    // kind and apiVersion travel in the envelope
    json.root().EraseMember("kind");  // keeps the order
    json.root().EraseMember("apiVersion");
    CHECK(difference(to_text(root), to_text(json.root())) == "");
  }
}
