// Media types: what a body is, and what an answer shall be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kist/base/result.h"
#include "kist/net/handler.h"

namespace kist::apiserver {

enum class Media : uint8_t { kJson, kYaml, kProtobuf };
enum class Shape : uint8_t { kObject, kTable, kMetadata };  // kMetadata: PartialObjectMetadata

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kYamlType = "application/yaml";
inline constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

// How an answer is written.
struct Format {
  Media media = Media::kJson;
  Shape shape = Shape::kObject;
  std::string_view shape_version = "v1";  // of meta.k8s.io
  bool list = false;                      // asked for as ...List

  auto operator<=>(const Format&) const = default;
  bool plain_json() const { return media == Media::kJson && shape == Shape::kObject; }
  std::string_view content_type() const;
};

struct MediaType {
  std::string type;  // "application/json", lower case
  std::vector<std::pair<std::string, std::string>> parameters;
  double quality = 1;
  std::string_view parameter(std::string_view name) const;
};

// "a/b;q=0.5;as=Table, c/d": in order of quality, then as written. Bounded; oddities are skipped.
std::vector<MediaType> parse_media_types(std::string_view header);

// The first acceptable clause. kNotAcceptable names what there is.
Result<Format> negotiate(std::string_view accept, bool allow_shapes);

// Of the body. kUnsupportedMediaType. An absent header is JSON.
Result<Media> body_media(std::string_view content_type);

bool accepts_gzip(std::string_view accept_encoding);

// The error for a patch in a media type that is not one of ours.
Error unsupported_patch(std::string_view content_type);

}  // namespace kist::apiserver
