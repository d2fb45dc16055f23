// Lists and events are put together from stored bytes; only what asks for another form is parsed.
#include "src/apiserver/encode.h"

#include "kist/api/codec.h"
#include "src/apiserver/protobuf_wire.h"
#include "src/apiserver/table.h"
#include "src/apiserver/text.h"
#include "src/apiserver/yaml_text.h"

namespace kist::apiserver {
namespace {

constexpr std::string_view kMetaGroup = "meta.k8s.io/";

const api::Type* meta_type(std::string_view name) {
  return api::find_type("io.k8s.apimachinery.pkg.apis.meta.v1." + std::string(name));
}

std::string join(const std::vector<Slice>& slices) {
  std::string text;
  for (const Slice& slice : slices) text += slice.view();
  return text;
}

std::string partial_text(const View& view, std::string_view json) {
  std::string_view metadata = raw_member(json, "metadata");
  std::string out = R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/)";
  out.append(view.format.shape_version) += "\",\"metadata\":";
  out.append(metadata.empty() ? "{}" : metadata);
  return out += '}';
}

std::string list_meta_text(const ListMeta& meta) {
  std::string out = R"({"resourceVersion":")" + std::to_string(meta.revision) + "\"";
  if (!meta.continue_token.empty()) out += ",\"continue\":" + json_string(meta.continue_token);
  if (meta.remaining >= 0) out += ",\"remainingItemCount\":" + std::to_string(meta.remaining);
  return out + "}";
}

// The body of a message, without an envelope.
std::string protobuf_of(std::string_view json, const api::Type& type) {
  Result<api::Json> parsed = api::parse_json(json);
  if (!parsed.ok()) return {};  // our own text: cannot be
  return api::encode_protobuf(type, parsed.value().root());
}

struct Shown {
  std::string api_version, kind;
  const api::Type* type;
};

Shown shown_as(const View& view) {
  if (view.format.shape == Shape::kMetadata) {
    return {std::string(kMetaGroup).append(view.format.shape_version), "PartialObjectMetadata",
            meta_type("PartialObjectMetadata")};
  }
  return {view.served->api_version(), std::string(view.served->row->kind), view.served->kind->type};
}

// What a single object looks like in JSON, whatever the medium will be.
std::vector<Slice> shaped_json(const View& view, const std::vector<Slice>& stored) {
  bool as_stored = !view.served->converts() && view.format.shape == Shape::kObject;
  if (as_stored) return stored;
  Slice joined = stored.size() == 1 ? stored[0] : Slice::of(join(stored));
  Slice json = served_json(*view.served, joined);
  switch (view.format.shape) {
    case Shape::kTable: return {Slice::of(table_of_object(view, joined))};
    case Shape::kMetadata: return {Slice::of(partial_text(view, json.view()))};
    case Shape::kObject: break;
  }
  return {json};
}

std::string protobuf_object(const View& view, const std::vector<Slice>& stored) {
  Shown shown = shown_as(view);
  std::string raw = protobuf_of(join(shaped_json(view, stored)), *shown.type);
  return api::seal_envelope(shown.api_version, shown.kind, raw);
}

std::vector<Slice> protobuf_list(const View& view, const std::vector<ObjectPtr>& objects,
                                 const ListMeta& meta) {
  Shown shown = shown_as(view);
  std::string raw;
  append_bytes_field(raw, 1, protobuf_of(list_meta_text(meta), *meta_type("ListMeta")));
  for (const ObjectPtr& object : objects) {
    append_bytes_field(raw, 2,
                       protobuf_of(join(shaped_json(view, {object->bytes()})), *shown.type));
  }
  return {Slice::of(api::seal_envelope(shown.api_version, shown.kind + "List", raw))};
}

std::vector<Slice> json_list(const View& view, const std::vector<ObjectPtr>& objects,
                             const ListMeta& meta) {
  bool partial = view.format.shape == Shape::kMetadata;
  std::string head = "{\"kind\":\"";
  head.append(partial ? "PartialObjectMetadata" : view.served->row->kind) += "List\"";
  head += ",\"apiVersion\":\"";
  head += partial ? std::string(kMetaGroup).append(view.format.shape_version)
                  : view.served->api_version();
  head += "\",\"metadata\":" + list_meta_text(meta) + ",\"items\":[";

  std::vector<Slice> body;
  body.reserve(2 * objects.size() + 2);
  body.push_back(Slice::of(std::move(head)));
  for (const ObjectPtr& object : objects) {
    if (body.size() > 1) body.push_back(Slice::literal(","));
    for (Slice& slice : shaped_json(view, {object->bytes()})) body.push_back(std::move(slice));
  }
  body.push_back(Slice::literal("]}\n"));
  return body;
}

// The length-prefixed frame of a protobuf watch around a WatchEvent (type = 1, object.raw = 2.1).
std::vector<Slice> protobuf_frame(std::string_view type, std::string_view sealed) {
  std::string extension, event;
  append_bytes_field(extension, 1, sealed);
  append_bytes_field(event, 1, type);
  append_bytes_field(event, 2, extension);
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>((event.size() >> shift) & 255));
  }
  return {Slice::of(frame + event)};
}

std::string_view json_prefix(std::string_view type) {
  if (type == "ADDED") return R"({"type":"ADDED","object":)";
  if (type == "MODIFIED") return R"({"type":"MODIFIED","object":)";
  if (type == "DELETED") return R"({"type":"DELETED","object":)";
  if (type == "BOOKMARK") return R"({"type":"BOOKMARK","object":)";
  return R"({"type":"ERROR","object":)";
}

std::vector<Slice> json_frame(std::string_view type, std::vector<Slice> object) {
  std::vector<Slice> chunk;
  chunk.reserve(object.size() + 2);
  chunk.push_back(Slice::literal(json_prefix(type)));
  for (Slice& slice : object) chunk.push_back(std::move(slice));
  chunk.push_back(Slice::literal("}\n"));
  return chunk;
}

}  // namespace

uint32_t View::encoding_key() const {
  auto row = static_cast<uint32_t>(served->row - all_resources().data());
  return (row << 8) | (static_cast<uint32_t>(format.media) << 6) |
         (static_cast<uint32_t>(format.shape) << 4) | (static_cast<uint32_t>(include) << 2) |
         (format.shape_version == "v1" ? 1u : 0u);
}

Result<View> view_of(const Call& call) {
  View view{call.served, call.format, IncludeObject::kMetadata, call.core.now_seconds()};
  std::string_view include = call.query.get("includeObject");
  if (include == "None") {
    view.include = IncludeObject::kNone;
  } else if (include == "Object") {
    view.include = IncludeObject::kObject;
  } else if (!include.empty() && include != "Metadata") {
    return bad_request("unrecognized includeObject value: " + quoted(include));
  }
  return view;
}

Slice served_json(const Served& served, const Slice& stored) {
  if (!served.converts() || served.row->from_storage == nullptr) return stored;
  Result<api::Json> parsed = api::parse_json(stored.view());
  if (!parsed.ok()) return stored;
  api::Value& root = parsed.value().root();
  api::Allocator& allocator = parsed.value().allocator();
  served.row->from_storage(root, allocator);
  api::set(root, "apiVersion", served.api_version(), allocator);
  api::set(root, "kind", served.row->kind, allocator);
  if (!api::canonicalize(*served.kind->type, root, allocator, nullptr).ok()) return stored;
  return Slice::of(api::to_text(root));
}

Slice encode_text(std::string_view json, const api::Type& type, Media media) {
  if (media == Media::kJson) return Slice::of(std::string(json));
  Result<api::Json> parsed = api::parse_json(json);
  if (!parsed.ok()) return Slice::of(std::string(json));
  const api::Value& root = parsed.value().root();
  if (media == Media::kYaml) return Slice::of(yaml_text(root));
  return Slice::of(api::seal_envelope(api::text_of(root, "apiVersion"), api::text_of(root, "kind"),
                                      api::encode_protobuf(type, root)));
}

std::vector<Slice> encode_object(const View& view, const Slice& stored) {
  switch (view.format.media) {
    case Media::kProtobuf: return {Slice::of(protobuf_object(view, {stored}))};
    case Media::kYaml:
      return {encode_text(join(shaped_json(view, {stored})), *shown_as(view).type, Media::kYaml)};
    case Media::kJson: break;
  }
  std::vector<Slice> body = shaped_json(view, {stored});
  body.push_back(Slice::literal("\n"));
  return body;
}

std::vector<Slice> encode_list(const View& view, const std::vector<ObjectPtr>& objects,
                               const ListMeta& meta) {
  if (view.format.media == Media::kProtobuf) return protobuf_list(view, objects, meta);
  std::vector<Slice> json = view.format.shape == Shape::kTable
                                ? std::vector{Slice::of(table_of_list(view, objects, meta))}
                                : json_list(view, objects, meta);
  if (view.format.media == Media::kJson) return json;
  return {encode_text(join(json), *view.served->kind->type, Media::kYaml)};
}

std::vector<Slice> encode_event(const View& view, std::string_view type,
                                const std::vector<Slice>& stored) {
  if (view.format.media == Media::kProtobuf) {
    return protobuf_frame(type, protobuf_object(view, stored));
  }
  return json_frame(type, shaped_json(view, stored));
}

std::vector<Slice> encode_bookmark(const View& view, int64_t revision, bool initial_end) {
  std::string metadata = R"({"resourceVersion":")" + std::to_string(revision) + "\"";
  if (initial_end) metadata += R"(,"annotations":{"k8s.io/initial-events-end":"true"})";
  metadata += "}";
  if (view.format.shape == Shape::kTable) {
    return json_frame("BOOKMARK", {Slice::of(table_of_bookmark(view, revision, metadata))});
  }
  Shown shown = shown_as(view);
  std::string object = "{\"kind\":\"" + shown.kind + "\",\"apiVersion\":\"" + shown.api_version +
                       "\",\"metadata\":" + metadata + "}";
  if (view.format.media == Media::kProtobuf) {
    return protobuf_frame("BOOKMARK", api::seal_envelope(shown.api_version, shown.kind,
                                                         protobuf_of(object, *shown.type)));
  }
  return json_frame("BOOKMARK", {Slice::of(std::move(object))});
}

std::vector<Slice> encode_error_event(const View& view, const Error& error) {
  std::string status = failure_text(error, {});
  if (view.format.media == Media::kProtobuf) {
    return protobuf_frame(
        "ERROR", api::seal_envelope("v1", "Status", protobuf_of(status, *meta_type("Status"))));
  }
  return json_frame("ERROR", {Slice::of(std::move(status))});
}

std::string_view watch_content_type(const Format& format) {
  if (format.media == Media::kProtobuf) return "application/vnd.kubernetes.protobuf;stream=watch";
  return kJsonType;
}

std::string_view raw_member(std::string_view json, std::string_view name) {
  // Canonical JSON has no blanks: at depth 1, outside strings, a member begins with its quoted
  // name.
  int depth = 0;
  size_t key = 0, value = std::string_view::npos;
  bool expect_key = false;
  for (size_t i = 0; i < json.size(); ++i) {
    char c = json[i];
    if (c == '"') {
      size_t start = ++i;
      while (i < json.size() && json[i] != '"') i += json[i] == '\\' ? 2 : 1;
      if (depth == 1 && expect_key) {
        expect_key = false;
        key = start;
        if (json.substr(key, i - key) == name) value = i + 2;
      }
    } else if (c == '{' || c == '[') {
      if (++depth == 1) expect_key = true;
    } else if (c == '}' || c == ']' || c == ',') {
      bool ends = (c == ',' && depth == 1) || (c != ',' && --depth == 0);
      if (ends && value != std::string_view::npos) return json.substr(value, i - value);
      if (ends) expect_key = true;
    }
  }
  return {};
}

}  // namespace kist::apiserver
