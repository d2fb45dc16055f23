// What goes: images, layers that no image needs, and what pins hold back.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "runtime/images/digest.h"
#include "runtime/images/files.h"
#include "runtime/images/store.h"

namespace kist::runtime::images {
namespace {

constexpr std::string_view kOwnerLetters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

Result<> check_owner(std::string_view owner) {
  if (owner.empty() || owner.size() > 200 || owner[0] == '.' ||
      owner.find_first_not_of(kOwnerLetters) != owner.npos)
    return Error{Code::kInvalid,
                 "pin owner \"" + std::string(owner) + "\": letters, digits and -_. only"};
  return {};
}

}  // namespace

std::vector<std::string> ImageStore::Impl::pin_owners(std::string_view id) const {
  std::vector<std::string> owners;
  for (const std::string& owner : names_with_suffix(directory_ + "/pins", "")) {
    const Result<std::string> pinned = read_small_file(directory_ + "/pins/" + owner);
    if (pinned.ok() && pinned.value() == id) owners.push_back(owner);
  }
  return owners;
}

Result<> ImageStore::Impl::pin(std::string_view owner, std::string_view name_or_id) {
  TRY(check_owner(owner));
  const Fd held = TRY(lock());
  const Names names = TRY(read_names());
  const std::string id = TRY(find_id(name_or_id, names));
  return replace_file(directory_ + "/pins/" + std::string(owner), id);
}

Result<> ImageStore::Impl::unpin(std::string_view owner) {
  TRY(check_owner(owner));
  const Fd held = TRY(lock());
  const std::string path = directory_ + "/pins/" + std::string(owner);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + path);
  return {};
}

Result<> ImageStore::Impl::remove_image(const std::string& id, RemoveReport& report) {
  const std::vector<std::string> owners = pin_owners(id);
  if (!owners.empty())
    return Error{Code::kConflict, "image " + id + " is in use by " + owners.front()};
  Names names = TRY(read_names());
  const size_t before = names.size();
  std::erase_if(names, [&](const auto& each) {
    if (each.second == id) report.untagged.push_back(each.first);
    return each.second == id;
  });
  if (names.size() != before) TRY(write_names(names));
  const std::string path = directory_ + "/images/" + std::string(hex_of(id)) + ".json";
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + path);
  TRY(sync_directory(directory_ + "/images"));
  report.deleted.push_back(id);
  return {};
}

// The record goes first: a layer without one is no layer, and swept if we die before the rest.
Result<> ImageStore::Impl::forget_layer(const LayerInfo& layer) {
  if (::unlink((layer.directory + ".json").c_str()) != 0 && errno != ENOENT)
    return errno_error("remove " + layer.directory + ".json");
  const std::string layers = directory_ + "/layers";
  TRY(sync_directory(layers));
  ::unlink((layer.directory + ".recipe").c_str());
  return remove_path(layers, layer.directory.substr(layers.size() + 1));
}

Result<> ImageStore::Impl::remove_unused_layers(RemoveReport& report) {
  std::set<std::string> used;
  const Names names = TRY(read_names());
  for (const std::string& id : image_ids()) {
    const Result<Image> image = read_image(id, names);
    if (!image.ok() || image.value().config.diff_ids.empty()) continue;
    used.insert(image.value().config.diff_ids.begin(), image.value().config.diff_ids.end());
  }
  for (const std::string& name : names_with_suffix(directory_ + "/layers", ".json")) {
    const Result<LayerInfo> layer = read_layer(directory_ + "/layers/" + name);
    if (!layer.ok() || used.contains(layer.value().diff_id)) continue;
    TRY(forget_layer(layer.value()));
    report.deleted.push_back(layer.value().diff_id);
    report.bytes += layer.value().bytes;
  }
  return {};
}

Result<RemoveReport> ImageStore::Impl::remove(std::string_view name_or_id) {
  RemoveReport report;
  const Fd held = TRY(lock());
  Names names = TRY(read_names());
  const std::string id = TRY(find_id(name_or_id, names));
  const Result<ImageReference> reference = ImageReference::parse(name_or_id);
  const auto named = reference.ok() ? names.find(reference.value().text()) : names.end();
  const auto count =
      std::ranges::count_if(names, [&](const auto& each) { return each.second == id; });
  if (named != names.end() && count > 1) {
    report.untagged.push_back(named->first);
    names.erase(named);
    TRY(write_names(names));
    return report;
  }
  TRY(remove_image(id, report));
  TRY(remove_unused_layers(report));
  return report;
}

Result<RemoveReport> ImageStore::Impl::prune(const PruneOptions& options) {
  RemoveReport report;
  const Fd held = TRY(lock());
  const Names names = TRY(read_names());
  for (const std::string& id : image_ids()) {
    const bool named =
        std::ranges::any_of(names, [&](const auto& each) { return each.second == id; });
    if ((named && !options.all) || !pin_owners(id).empty()) continue;
    TRY(remove_image(id, report));
  }
  TRY(remove_unused_layers(report));
  return report;
}

Result<std::vector<std::string>> ImageStore::Impl::check() {
  std::vector<std::string> problems;
  const Fd held = TRY(lock());
  for (const std::string& name : names_with_suffix(directory_ + "/layers", ".json")) {
    const std::string path = directory_ + "/layers/" + name;
    Result<LayerInfo> layer = read_layer(path);
    if (!layer.ok()) {
      problems.push_back(layer.error().message);
      LayerInfo broken;
      broken.directory = path;
      TRY(forget_layer(broken));
      continue;
    }
    Result<Archive> archive = open_archive(layer.value());
    if (!archive.ok()) continue;  // it writes a name twice, so it cannot be compared
    HashingSource again(*archive.value().source);
    const Result<> read = drain(again);
    if (read.ok() && again.digest() == layer.value().diff_id) continue;
    problems.push_back("layer " + layer.value().diff_id + " is damaged" +
                       (read.ok() ? "" : ": " + read.error().message) +
                       "; pull or import its images again");
    TRY(forget_layer(layer.value()));
  }
  return problems;
}

}  // namespace kist::runtime::images
