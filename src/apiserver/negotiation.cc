// Accept and Content-Type, by the rules of kube-apiserver.
#include "src/apiserver/negotiation.h"

#include <algorithm>
#include <cstdlib>

#include "kist/base/text.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr size_t kMediaTypesMax = 64;

MediaType parse_one(std::string_view clause) {
  MediaType out;
  size_t end = clause.find(';');
  out.type = ascii_lower(trim(clause.substr(0, end)));
  while (end != std::string_view::npos) {
    clause.remove_prefix(end + 1);
    end = clause.find(';');
    std::string_view parameter = trim(clause.substr(0, end));
    size_t equal = parameter.find('=');
    if (equal == std::string_view::npos) continue;
    std::string name = ascii_lower(trim(parameter.substr(0, equal)));
    std::string_view value = trim(parameter.substr(equal + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (name == "q") {
      out.quality = std::strtod(std::string(value).c_str(), nullptr);
    } else {
      out.parameters.emplace_back(std::move(name), value);
    }
  }
  return out;
}

bool media_of(std::string_view type, Media* media) {
  if (type == kJsonType || type == "*/*" || type == "application/*") {
    *media = Media::kJson;
  } else if (type == kYamlType) {
    *media = Media::kYaml;
  } else if (type == kProtobufType) {
    *media = Media::kProtobuf;
  } else {
    return false;
  }
  return true;
}

// False: this clause asks for what we do not make, the next one may do.
bool shape_of(const MediaType& clause, bool allow_shapes, Format* format) {
  std::string_view as = clause.parameter("as");
  if (as.empty()) return true;
  std::string_view version = clause.parameter("v");
  if (!allow_shapes || clause.parameter("g") != "meta.k8s.io") return false;
  if (version != "v1" && version != "v1beta1") return false;
  format->shape_version = version == "v1" ? "v1" : "v1beta1";
  if (as == "Table") {
    format->shape = Shape::kTable;
    return format->media != Media::kProtobuf;
  }
  format->shape = Shape::kMetadata;
  format->list = as == "PartialObjectMetadataList";
  return as == "PartialObjectMetadata" || format->list;
}

}  // namespace

std::string_view Format::content_type() const {
  switch (media) {
    case Media::kYaml: return kYamlType;
    case Media::kProtobuf: return kProtobufType;
    case Media::kJson: break;
  }
  return kJsonType;
}

std::string_view MediaType::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::vector<MediaType> parse_media_types(std::string_view header) {
  std::vector<MediaType> types;
  while (!header.empty() && types.size() < kMediaTypesMax) {
    size_t end = header.find(',');
    std::string_view clause = trim(header.substr(0, end));
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 1);
    if (clause.empty()) continue;
    MediaType type = parse_one(clause);
    if (type.quality > 0) types.push_back(std::move(type));
  }
  std::stable_sort(types.begin(), types.end(),
                   [](const MediaType& a, const MediaType& b) { return a.quality > b.quality; });
  return types;
}

Result<Format> negotiate(std::string_view accept, bool allow_shapes) {
  if (trim(accept).empty()) return Format{};
  for (const MediaType& clause : parse_media_types(accept)) {
    Format format;
    if (media_of(clause.type, &format.media) && shape_of(clause, allow_shapes, &format)) {
      return format;
    }
  }
  return Error{Code::kNotAcceptable,
               "only the following media types are accepted: application/json, application/yaml, "
               "application/vnd.kubernetes.protobuf"};
}

Result<Media> body_media(std::string_view content_type) {
  if (trim(content_type).empty()) return Media::kJson;
  MediaType type = parse_one(content_type);
  Media media;
  if (type.type.find('*') == std::string::npos && media_of(type.type, &media)) return media;
  return Error{Code::kUnsupportedMediaType,
               "the body of the request was in an unknown format - accepted media types include: "
               "application/json, application/yaml, application/vnd.kubernetes.protobuf"};
}

bool accepts_gzip(std::string_view accept_encoding) {
  for (const MediaType& coding : parse_media_types(accept_encoding)) {
    if (coding.type == "gzip") return true;
  }
  return false;
}

Error unsupported_patch(std::string_view) {
  return {Code::kUnsupportedMediaType,
          "the body of the request was in an unknown format - accepted media types include: "
          "application/json-patch+json, application/merge-patch+json, "
          "application/strategic-merge-patch+json"};
}

}  // namespace kist::apiserver
