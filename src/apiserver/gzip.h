// Answers that are long enough are sent compressed to those who ask for it.
#pragma once

#include <vector>

#include "kist/base/buffer.h"
#include "kist/net/handler.h"

namespace kist::apiserver {

inline constexpr size_t kGzipBytesMin = 128 * 1024;  // as in kube-apiserver: below it costs more

// Replaces `body` and adds Content-Encoding and Vary where that pays.
void compress_if_worthwhile(const net::Request& request, std::vector<net::Header>& headers,
                            std::vector<Slice>& body);

}  // namespace kist::apiserver
