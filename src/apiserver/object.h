// A stored object in memory: its bytes once, and where in them what selecting needs stands.
//
// The bytes are our own canonical JSON. Nothing is copied out of them: the digest is a short array
// of offsets, so an object costs little more than its text. Where a text ends the bytes tell.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kist/base/buffer.h"

namespace kist::apiserver {

// Which paths of a resource's objects the digest remembers; made once per stored resource.
class FieldIndex {
 public:
  enum : int { kName, kNamespace, kUid, kVersion, kDeletion, kFixed };
  static constexpr int kLabels = -2;  // the slot of metadata.labels: its members, not its text

  explicit FieldIndex(const std::vector<std::string>& paths);
  int slot(std::string_view path) const;  // -1: not remembered
  int size() const { return static_cast<int>(paths_.size()); }

 private:
  friend class DigestReader;
  friend class Object;
  struct Node {
    std::string name;
    int slot = -1;
    std::vector<Node> children;
  };
  void add(std::string_view path, int slot);

  Node root_;
  std::vector<std::string> paths_;
};

class Object {
 public:
  Object(const FieldIndex& index, Slice bytes, int64_t revision);

  const Slice& bytes() const { return bytes_; }
  int64_t revision() const { return revision_; }
  std::string_view name() const { return slot(FieldIndex::kName); }
  std::string_view namespace_name() const { return slot(FieldIndex::kNamespace); }
  std::string_view uid() const { return slot(FieldIndex::kUid); }
  bool deleting() const { return !slot(FieldIndex::kDeletion).empty(); }

  std::string_view slot(int slot) const { return text(places_[slot]); }  // empty: absent
  bool label(std::string_view key, std::string_view* value) const;

  // The bytes with another resourceVersion: three slices, nothing copied but the digits.
  std::vector<Slice> with_revision(int64_t revision) const;

 private:
  friend class DigestReader;
  using Place = uint32_t;                      // where in the bytes a text begins; 0: there is none
  static constexpr Place kInExtra = 1u << 31;  // or, with this bit, which of extra_ it is

  std::string_view text(Place place) const;

  Slice bytes_;
  int64_t revision_;
  std::unique_ptr<Place[]> places_;  // the index's slots, then key and value of each label
  uint16_t slots_ = 0, labels_ = 0;
  std::unique_ptr<std::vector<std::string>> extra_;  // texts that have escapes in the bytes; rare
};

using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace kist::apiserver
