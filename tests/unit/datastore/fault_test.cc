// The nth write, sync, truncate or open of the disk fails, for every n: every acknowledged write is
// there, nothing is half done, and the store works again when the disk does.
#include <map>

#include "fault_vfs.h"
#include "kist/datastore/admin.h"
#include "store_fixture.h"

namespace kist::datastore {
namespace {

constexpr int kCallsMax = 2000;

// The acknowledged state, and what each unanswered write might have left instead.
struct Expectation {
  std::map<std::string, std::string> sure;
  int failures = 0;
};

// A little of everything: creates, updates, lazy writes, removals, big values.
void work(Store& store, Expectation& expected) {
  const auto apply = [&](const std::string& key, Write write) {
    const bool removes = write.kind == Write::Kind::kRemove;
    const Result<Entry> done = submit_and_wait(store, std::move(write));
    if (!done.ok()) {
      CHECK(done.error().code == Code::kUnavailable);
      ++expected.failures;
    } else if (removes) {
      expected.sure.erase(key);
    } else {
      expected.sure[key] = std::string(done.value().value.view());
    }
  };
  for (int i = 0; i < 6; ++i) {
    const std::string key = "/k/" + std::to_string(i);
    apply(key, create(key, std::string(static_cast<size_t>(i) * 700, 'c')));
    apply("/lazy/" + std::to_string(i),
          create("/lazy/" + std::to_string(i), "l", Durability::kLazy));
    const Result<Entry> found = store.get(key);
    if (found.ok()) apply(key, update(key, found.value().modified, "u"));
    if (i % 3 == 0 && store.get(key).ok()) apply(key, remove(key, store.get(key).value().modified));
  }
}

std::map<std::string, std::string> contents(Store& store) {
  std::map<std::string, std::string> found;
  for (const Entry& entry : store.list("/", {}).value().entries)
    found[entry.key] = std::string(entry.value.view());
  return found;
}

// One run with the nth call failing. Whether the fault was reached.
bool run_with_fault(Fault fault, int nth, bool lasting) {
  const TempDir dir(true);
  // A tiny WAL bound makes checkpoints part of it.
  const SqliteOptions options{.path = dir.file("kist.db"),
                              .history_max = 20,
                              .wal_bytes_max = 8192,
                              .backups_max = 1,
                              .vfs = kFaultVfs};
  Expectation expected;
  arm_fault(fault, nth, lasting);
  Result<std::unique_ptr<Store>> opened = open_sqlite_store(options);
  if (opened.ok()) {
    std::unique_ptr<Store> store = std::move(opened).value();
    Recorder seen;
    const auto watch = store->watch("", Revision{}, seen.sink()).value();
    work(*store, expected);
    const bool fired = fault_fired();
    disarm_fault();
    // With the disk back: what was acknowledged is served, and writes are taken again.
    CHECK(contents(*store) == expected.sure);
    must(*store, create("/after", "x"));
    expected.sure["/after"] = std::string(store->get("/after").value().value.view());
    if (!fired) arm_fault(fault, nth, lasting);  // then the stop meets it
  }
  const bool fired = fault_fired();
  disarm_fault();
  const auto again = must_open(options);
  CHECK(contents(*again) == expected.sure);
  return fired;
}

void fail_everywhere(Fault fault, bool lasting) {
  install_fault_vfs();
  int nth = 1;
  for (; nth < kCallsMax; ++nth) {
    INFO("failing call " << nth);
    if (!run_with_fault(fault, nth, lasting)) break;
  }
  CHECK(nth > 50);  // it did inject something
  CHECK(nth < kCallsMax);
}

TEST_CASE("faults: any one call fails with an I/O error") {
  fail_everywhere(Fault::kInputOutput, false);
}
TEST_CASE("faults: the disk is full from any call on") { fail_everywhere(Fault::kDiskFull, true); }

}  // namespace
}  // namespace kist::datastore
