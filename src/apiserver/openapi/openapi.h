// The API's own description, made from the schema's tables and the resource rows when a
// client asks.
//
// Nothing is kept between requests: clients cache by ETag, and an idle server holds no document.
// Sources: OpenAPI 2.0 and 3.0, gnostic's OpenAPIv2.proto (the form kubectl asks for), KEP-2896.
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::apiserver {

// What clients ask for, and what the answer is called: Go refuses "@" in a Content-Type.
inline constexpr std::string_view kOpenApiV2Protobuf =
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
inline constexpr std::string_view kOpenApiV2ProtobufAnswer =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

struct OpenApiDocument {
  std::string content_type;
  std::string body;
  std::string etag;  // quoted
};

// `path`: /openapi/v2, /openapi/v3, /openapi/v3/api/v1, /openapi/v3/apis/<group>/<version>.
// kNotFound for others; kNotAcceptable where no clause of `accept` names a form there is.
Result<OpenApiDocument> openapi_document(std::string_view path, std::string_view accept,
                                         std::string_view git_version);

// A Swagger 2.0 document in JSON as gnostic's openapi_v2.Document message. kBadRequest: not JSON.
Result<std::string> swagger_to_protobuf(std::string_view swagger_json);

}  // namespace kist::apiserver
