// Names of images as docker reads them: "nginx" is "docker.io/library/nginx:latest".
#pragma once

#include <string>
#include <string_view>

#include "kist/base/result.h"

namespace kist::runtime::images {

// [REGISTRY/]REPOSITORY[:TAG][@DIGEST], completed with docker's defaults. A value; pure functions.
struct ImageReference {
  std::string registry;    // "docker.io", "localhost:5000"
  std::string repository;  // "library/nginx"
  std::string tag;         // "latest" where neither tag nor digest was given; empty with a digest
  std::string digest;      // "sha256:...", or empty

  // kInvalid, in the words of distribution/reference, with the text that was refused.
  static Result<ImageReference> parse(std::string_view text);

  std::string name() const;  // "docker.io/library/nginx"
  std::string text() const;  // name, tag and digest: what parse() reads back to the same value
  // What a registry is asked for: the digest where there is one, else the tag.
  const std::string& version() const { return digest.empty() ? tag : digest; }
};

// "sha256:<64 hex digits>" or "sha512:<128 hex digits>", lower case. kInvalid, naming the text.
Result<> check_digest(std::string_view digest);

}  // namespace kist::runtime::images
