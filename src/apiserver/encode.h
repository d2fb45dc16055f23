// Objects as answers: JSON as it is stored, another version, YAML, protobuf, tables, metadata only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/api/schema.h"
#include "kist/base/buffer.h"
#include "src/apiserver/core.h"

namespace kist::apiserver {

enum class IncludeObject : uint8_t { kMetadata, kNone, kObject };  // what a table's row carries

struct ListMeta {
  int64_t revision = 0;
  std::string continue_token;
  int64_t remaining = -1;  // not told
};

// How one client wants to see one resource.
struct View {
  const Served* served = nullptr;
  Format format;
  IncludeObject include = IncludeObject::kMetadata;
  int64_t now = 0;  // Unix seconds, for ages

  // Tells apart views of one event that differ in bytes.
  uint32_t encoding_key() const;
};

// The view a call asks for. kBadRequest: an includeObject that there is not.
Result<View> view_of(const Call& call);

// Stored bytes in the served version; the same bytes where nothing converts.
Slice served_json(const Served& served, const Slice& stored);

std::vector<Slice> encode_object(const View& view, const Slice& stored);
std::vector<Slice> encode_list(const View& view, const std::vector<ObjectPtr>& objects,
                               const ListMeta& meta);

// One chunk of a watch. `type`: "ADDED", "MODIFIED", "DELETED".
std::vector<Slice> encode_event(const View& view, std::string_view type,
                                const std::vector<Slice>& stored);
std::vector<Slice> encode_bookmark(const View& view, int64_t revision, bool initial_end);
std::vector<Slice> encode_error_event(const View& view, const Error& error);
std::string_view watch_content_type(const Format& format);

// JSON text of `type` in another medium.
Slice encode_text(std::string_view json, const api::Type& type, Media media);

// The raw text of a member of an object in canonical JSON; empty where there is none.
std::string_view raw_member(std::string_view json, std::string_view name);

}  // namespace kist::apiserver
