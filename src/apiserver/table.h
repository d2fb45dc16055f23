// Answers as meta.k8s.io Table: what `kubectl get` prints.
#pragma once

#include <string>
#include <vector>

#include "src/apiserver/encode.h"

namespace kist::apiserver {

std::string table_of_object(const View& view, const Slice& stored);
// The Scale of an object of the view's resource.
std::string table_of_scale(const View& view, std::string_view revision, Slice scale);
std::string table_of_list(const View& view, const std::vector<ObjectPtr>& objects,
                          const ListMeta& meta);
std::string table_of_bookmark(const View& view, int64_t revision, std::string_view metadata);

}  // namespace kist::apiserver
