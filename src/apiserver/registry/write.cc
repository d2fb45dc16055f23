// create, update and patch of whole objects.
#include "kist/api/codec.h"
#include "kist/api/patch.h"
#include "src/apiserver/bootstrap.h"
#include "src/apiserver/encode.h"
#include "src/apiserver/registry/handlers.h"
#include "src/apiserver/registry/modify.h"
#include "src/apiserver/registry/prepare.h"
#include "src/apiserver/text.h"

namespace kist::apiserver {
namespace {

constexpr int kGeneratedNamesMax = 8;

// A create in the making: each attempt works on a copy, with another name where names are
// generated.
struct Creation {
  CallPtr call;
  api::Json sent;  // stored form
  std::string generate_name;
  int attempts = 0;
};

void try_create(const std::shared_ptr<Creation>& creation);

void finish_create(const std::shared_ptr<Creation>& creation, const std::string& name,
                   Result<Outcome> outcome) {
  const CallPtr& call = creation->call;
  if (!outcome.ok()) {
    bool taken = outcome.error().code == Code::kAlreadyExists && !creation->generate_name.empty();
    if (taken && ++creation->attempts < kGeneratedNamesMax) {
      return post(call, [creation] { try_create(creation); });
    }
    return call->fail(outcome.error());
  }
  Slice bytes = outcome.value().bytes;
  if (call->served->storage->plural == "namespaces" && !call->dry_run()) {
    // A namespace is usable the moment it is answered.
    return ensure_namespace_contents(call->core, name, [call, bytes] { answer(call, 201, bytes); });
  }
  answer(call, 201, bytes);
}

void try_create(const std::shared_ptr<Creation>& creation) {
  const CallPtr& call = creation->call;
  const Served& served = *call->served;
  api::Json next;
  next.root() = api::copy(creation->sent.root(), next.allocator());
  Result<Decision> prepared = prepare_create(*call, served, call->info.namespace_name, next);
  if (!prepared.ok()) return call->fail(prepared.error());

  std::string name(api::text_of(*api::find(next.root(), "metadata"), "name"));
  auto decision = std::make_shared<Decision>(std::move(prepared).value());
  Target target{&served, served.storage->namespaced ? call->info.namespace_name : std::string(),
                name};
  change(
      call, std::move(target), call->dry_run(),
      [decision, &served, name](const ObjectPtr& current) -> Result<Decision> {
        if (current != nullptr) {
          return already_exists(served.row->plural, served.row->group, name);
        }
        Decision once;
        once.action = decision->action;
        once.value = decision->value;
        once.reservation = std::move(decision->reservation);
        return once;
      },
      [creation, name](Result<Outcome> outcome) {
        finish_create(creation, name, std::move(outcome));
      });
}

Result<std::shared_ptr<Creation>> start_create(const CallPtr& call) {
  const Served& served = *call->served;
  TRY(check_write_options(*call));
  auto creation = std::make_shared<Creation>();
  creation->call = call;
  creation->sent = TRY(decode_body(*call, *served.kind));
  api::Value& root = creation->sent.root();
  if (served.row->namespaced) TRY(check_namespace(root, call->info.namespace_name));
  to_storage(served, root, creation->sent.allocator());
  const api::Value* metadata = api::find(root, "metadata");
  if (metadata != nullptr && api::text_of(*metadata, "name").empty()) {
    creation->generate_name = api::text_of(*metadata, "generateName");
  }
  return creation;
}

}  // namespace

void create(const CallPtr& call) {
  if (call->served->row->namespaced && call->info.namespace_name.empty()) {
    return call->fail(bad_request("an empty namespace may not be set during creation"));
  }
  Result<std::shared_ptr<Creation>> creation = start_create(call);
  if (!creation.ok()) return call->fail(creation.error());
  try_create(creation.value());
}

void update(const CallPtr& call) { modify_by_body(call, ""); }

void patch(const CallPtr& call) { modify_by_patch(call, ""); }

}  // namespace kist::apiserver
