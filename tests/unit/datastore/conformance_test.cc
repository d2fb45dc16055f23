// One table of behaviours that every store has: run on the memory and on the SQLite store.
#include <functional>

#include "store_fixture.h"

namespace kist::datastore {
namespace {

using Strings = std::vector<std::string>;

Strings keys(const Page& page) {
  Strings found;
  for (const Entry& entry : page.entries) found.push_back(entry.key);
  return found;
}

void creates_and_reads(Store& store) {
  const Revision first = must(store, create("/a/1", "x"));
  CHECK(first.number == 1);
  const Entry entry = store.get("/a/1").value();
  CHECK(entry.value.view() == "x@1;");
  CHECK(entry.created == first);
  CHECK(entry.modified == first);
  CHECK(code_of(store.get("/a/2")) == Code::kNotFound);
  CHECK(code_of(store.get("/a")) == Code::kNotFound);
  CHECK(store.current() == first);
}

void refuses_to_create_twice(Store& store) {
  must(store, create("/a"));
  const Result<Entry> second = submit_and_wait(store, create("/a"));
  CHECK(code_of(second) == Code::kAlreadyExists);
  CHECK(store.current().number == 1);  // a refused write takes no revision
}

void compares_and_swaps(Store& store) {
  const Revision first = must(store, create("/a", "x"));
  const Revision second = must(store, update("/a", first, "y"));
  CHECK(second > first);
  CHECK(code_of(submit_and_wait(store, update("/a", first))) == Code::kConflict);
  CHECK(code_of(submit_and_wait(store, remove("/a", first))) == Code::kConflict);
  CHECK(code_of(submit_and_wait(store, update("/b", first))) == Code::kNotFound);
  CHECK(code_of(submit_and_wait(store, remove("/b", first))) == Code::kNotFound);
  const Entry entry = store.get("/a").value();
  CHECK(entry.value.view() == value_at("y", second));
  CHECK(entry.created == first);
}

void removes_and_creates_again(Store& store) {
  const Revision first = must(store, create("/a", "x"));
  const Entry gone = submit_and_wait(store, remove("/a", first)).value();
  CHECK(gone.value.view() == "gone@2;");
  CHECK(gone.modified.number == 2);
  CHECK(code_of(store.get("/a")) == Code::kNotFound);
  CHECK(must(store, create("/a", "z")).number == 3);
  CHECK(store.get("/a").value().created.number == 3);
}

void judges_queued_writes_in_order(Store& store) {
  std::vector<std::string> answers;
  const auto note = [&](Result<Entry> r) {
    answers.push_back(r.ok() ? std::to_string(r.value().modified.number) : r.error().message);
  };
  store.submit(create("/a"), note);
  store.submit(create("/a"), note);
  store.submit(update("/a", Revision{1}), note);
  store.submit(update("/a", Revision{1}), note);
  store.submit(remove("/a", Revision{2}), note);
  must(store, create("/end"));
  CHECK(answers == Strings{"1", "/a", "2", "/a: revision is 2, not 1", "3"});
}

void lists_in_key_order_by_prefix(Store& store) {
  for (const char* key : {"/b/2", "/a/1", "/b/1", "/b/3", "/c", "/b0"}) must(store, create(key));
  CHECK(keys(store.list("/b/", {}).value()) == Strings{"/b/1", "/b/2", "/b/3"});
  CHECK(keys(store.list("", {}).value()).size() == 6);
  CHECK(keys(store.list("/x/", {}).value()).empty());
  CHECK(store.list("/b/", {}).value().revision.number == 6);
}

void lists_in_pages(Store& store) {
  for (const char* key : {"/b/1", "/b/2", "/b/3", "/b/4", "/b/5"}) must(store, create(key));
  must(store, create("/b/2x", "lazy", Durability::kLazy));
  must(store, remove("/b/4", Revision{4}, Durability::kLazy));
  Strings all;
  std::string after;
  for (int page_number = 0; page_number < 3; ++page_number) {
    const Page page = store.list("/b/", {.after = after, .limit = 2}).value();
    for (const std::string& key : keys(page)) all.push_back(key);
    CHECK(page.more == (page_number < 2));
    after = all.back();
  }
  CHECK(all == Strings{"/b/1", "/b/2", "/b/2x", "/b/3", "/b/5"});
  CHECK(keys(store.list("/b/", {.after = "/b/5"}).value()).empty());
  CHECK_FALSE(store.list("/b/", {.limit = 5}).value().more);
  CHECK(keys(store.list("/b/", {.after = "/a"}).value()).size() == 5);
  CHECK(keys(store.list("/b/", {.after = "/c"}).value()).empty());
}

void watches_from_now(Store& store) {
  must(store, create("/a/1"));
  Recorder seen;
  const auto watch = store.watch("/a/", Revision{}, seen.sink()).value();
  must(store, create("/a/2", "x"));
  must(store, create("/b/1"));
  must(store, update("/a/2", Revision{2}, "y"));
  must(store, remove("/a/2", Revision{4}));
  CHECK(seen.lines() == Strings{"+/a/2=x@2;", "~/a/2=y@4;<x@2;", "-/a/2=gone@5;<y@4;"});
  CHECK(seen.upto().number == 5);
}

void resumes_watches(Store& store) {
  for (const char* key : {"/a/1", "/a/2", "/b/1", "/a/3"}) must(store, create(key));
  Recorder seen;
  const auto watch = store.watch("/a/", Revision{1}, seen.sink()).value();
  CHECK(seen.lines() == Strings{"+/a/2=v@2;", "+/a/3=v@4;"});
  CHECK(seen.upto().number == 4);
  must(store, create("/a/4"));
  CHECK(seen.revisions() == std::vector<int64_t>{2, 4, 5});
}

void ends_watches(Store& store) {
  Recorder seen;
  auto watch = store.watch("", Revision{}, seen.sink()).value();
  must(store, create("/a"));
  watch.reset();
  must(store, create("/b"));
  CHECK(seen.lines().size() == 1);
  // Also from its own callback.
  std::unique_ptr<Watch> own;
  int calls = 0;
  own = store
            .watch("", Revision{},
                   [&](std::span<const Event> events, Revision) {
                     if (!events.empty()) {
                       ++calls;
                       own.reset();
                     }
                   })
            .value();
  must(store, create("/c"));
  must(store, create("/d"));
  CHECK(calls == 1);
}

void tells_watches_before_writers(Store& store) {
  Recorder seen;
  const auto watch = store.watch("", Revision{}, seen.sink()).value();
  size_t seen_by_done = 0;
  store.submit(create("/a"), [&](Result<Entry>) { seen_by_done = seen.lines().size(); });
  must(store, create("/b"));
  CHECK(seen_by_done >= 1);
}

void expires_what_was_compacted(Store& store) {
  for (const char* key : {"/a", "/b", "/c"}) must(store, create(key));
  REQUIRE(store.compact(Revision{2}).ok());
  Recorder seen;
  CHECK(code_of(store.watch("", Revision{1}, seen.sink())) == Code::kExpired);
  CHECK(code_of(store.changes("", Revision{1})) == Code::kExpired);
  CHECK(store.watch("", Revision{2}, seen.sink()).ok());
  CHECK(seen.lines() == Strings{"+/c=v@3;"});
  CHECK(store.get("/a").ok());
  CHECK(store.stat().value().compacted.number == 2);
}

void refuses_revisions_of_the_future(Store& store) {
  must(store, create("/a"));
  Recorder seen;
  CHECK(code_of(store.watch("", Revision{2}, seen.sink())) == Code::kExpired);
  CHECK(code_of(store.changes("", Revision{2})) == Code::kExpired);
  CHECK(store.watch("", Revision{1}, seen.sink()).ok());
}

void tells_changes(Store& store) {
  must(store, create("/a"));
  must(store, create("/b", "x", Durability::kLazy));
  must(store, update("/a", Revision{1}));
  must(store, remove("/b", Revision{2}));
  const std::vector<Change> all = store.changes("", Revision{1}).value();
  REQUIRE(all.size() == 3);
  CHECK(all[0].key == "/b");
  CHECK(all[0].type == EventType::kCreated);
  CHECK(all[1].revision.number == 3);
  CHECK(all[2].type == EventType::kDeleted);
  CHECK(store.changes("/a", Revision{3}).value().empty());
}

void serves_lazy_writes_at_once(Store& store) {
  Recorder seen;
  const auto watch = store.watch("", Revision{}, seen.sink()).value();
  const Revision first = must(store, create("/lease", "x", Durability::kLazy));
  const Revision second = must(store, update("/lease", first, "y", Durability::kLazy));
  CHECK(code_of(submit_and_wait(store, update("/lease", first, "z"))) == Code::kConflict);
  CHECK(store.get("/lease").value().modified == second);
  CHECK(store.get("/lease").value().created == first);
  CHECK(seen.lines().size() == 2);
  const Revision third = must(store, update("/lease", second, "durable"));
  must(store, remove("/lease", third, Durability::kLazy));
  CHECK(code_of(store.get("/lease")) == Code::kNotFound);
  CHECK(seen.lines().back() == "-/lease=gone@4;<" + value_at("durable", third));
}

void keeps_odd_bytes(Store& store) {
  const std::string odd("\0\xff\n\"", 4);
  must(store, create("/a", odd));
  CHECK(store.get("/a").value().value.view() == odd + "@1;");
  Write empty = create("/empty");
  empty.tail.clear();
  empty.head.clear();
  must(store, empty);
  CHECK(store.get("/empty").value().value.view() == "2");
}

void bounds_keys_and_values(Store& store) {
  CHECK(code_of(submit_and_wait(store, create(""))) == Code::kInvalid);
  CHECK(code_of(submit_and_wait(store, create(std::string(5000, 'k')))) == Code::kInvalid);
  CHECK(code_of(submit_and_wait(store, create("/a", std::string(17 << 20, 'v')))) ==
        Code::kTooLarge);
  must(store, create("/big", std::string(3 << 20, 'v')));
  CHECK(store.get("/big").value().value.size() == (3 << 20) + 3);
}

void counts(Store& store) {
  must(store, create("/a", "12"));
  must(store, create("/b", "12", Durability::kLazy));
  must(store, update("/b", Revision{2}, "123", Durability::kLazy));
  const Stat stat = store.stat().value();
  CHECK(stat.entries == 2);
  CHECK(stat.value_bytes == 5 + 6);
  CHECK(stat.current.number == 3);
}

struct Behaviour {
  const char* name;
  void (*check)(Store&);
};

constexpr Behaviour kBehaviours[] = {
    {"creates and reads", creates_and_reads},
    {"refuses to create twice", refuses_to_create_twice},
    {"compares and swaps", compares_and_swaps},
    {"removes and creates again", removes_and_creates_again},
    {"judges queued writes in order", judges_queued_writes_in_order},
    {"lists in key order by prefix", lists_in_key_order_by_prefix},
    {"lists in pages", lists_in_pages},
    {"watches from now", watches_from_now},
    {"resumes watches", resumes_watches},
    {"ends watches", ends_watches},
    {"tells watches before writers", tells_watches_before_writers},
    {"expires what was compacted", expires_what_was_compacted},
    {"refuses revisions of the future", refuses_revisions_of_the_future},
    {"tells changes", tells_changes},
    {"serves lazy writes at once", serves_lazy_writes_at_once},
    {"keeps odd bytes", keeps_odd_bytes},
    {"bounds keys and values", bounds_keys_and_values},
    {"counts", counts},
};

TEST_CASE("store: behaviours of the memory store") {
  for (const Behaviour& behaviour : kBehaviours) {
    INFO(behaviour.name);
    const std::unique_ptr<Store> store = open_memory_store();
    behaviour.check(*store);
  }
}

TEST_CASE("store: behaviours of the SQLite store") {
  for (const Behaviour& behaviour : kBehaviours) {
    INFO(behaviour.name);
    const TempDir dir(true);
    const std::unique_ptr<Store> store = must_open({.path = dir.file("kist.db")});
    behaviour.check(*store);
  }
}

}  // namespace
}  // namespace kist::datastore
