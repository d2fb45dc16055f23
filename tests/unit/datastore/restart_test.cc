// What a restart keeps: revisions, lazy writes, the right to resume a watch; and what it refuses.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "datastore/sqlite_backend.h"
#include "datastore/sqlite_db.h"
#include "datastore/sqlite_file.h"
#include "kist/datastore/admin.h"
#include "store_fixture.h"

namespace kist::datastore {
namespace {

// Runs `work` on a store in a child that ends without any clean-up, as kill -9 would.
void die_after(const SqliteOptions& options, const std::function<void(Store&)>& work) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    Result<std::unique_ptr<Store>> store = open_sqlite_store(options);
    if (store.ok()) work(*store.value());
    _exit(store.ok() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

void quietly(Store& store, Write write) { (void)submit_and_wait(store, std::move(write)); }

TEST_CASE("restart: a clean stop keeps everything and continues with the next revision") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  {
    const auto store = must_open(options);
    must(*store, create("/a", "x"));
    must(*store, create("/lease", "y", Durability::kLazy));
    must(*store, update("/lease", Revision{2}, "z", Durability::kLazy));
  }
  const auto store = must_open(options);
  CHECK(store->current().number == 3);
  CHECK(store->get("/lease").value().value.view() == "z@3;");
  CHECK(store->get("/lease").value().created.number == 2);
  CHECK(store->get("/a").value().value.view() == "x@1;");
  CHECK(must(*store, create("/b")).number == 4);
}

TEST_CASE("restart: revisions handed out for lazy writes never come again after a crash") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  die_after(options, [](Store& store) {
    quietly(store, create("/a"));                                           // 1, on disk
    quietly(store, create("/lease", "x", Durability::kLazy));               // 2: reserves, on disk
    quietly(store, update("/lease", Revision{2}, "y", Durability::kLazy));  // 3: lost
  });
  const auto store = must_open(options);
  CHECK(store->current().number == 2 + 1000);
  CHECK(store->get("/lease").value().value.view() == "x@2;");
  Recorder seen;
  CHECK(store->watch("", Revision{2}, seen.sink()).ok());  // what it saw is what we have
  CHECK(code_of(store->watch("", Revision{3}, seen.sink())) == Code::kExpired);
  CHECK(store->watch("", store->current(), seen.sink()).ok());
  CHECK(must(*store, create("/b")).number == 1003);
  CHECK(code_of(store->changes("", Revision{3})) == Code::kExpired);
  CHECK(code_of(store->changes("", Revision{900})) == Code::kExpired);
  CHECK(store->changes("", Revision{2}).value().size() == 1);
  CHECK(store->changes("", Revision{1002}).value().size() == 1);
}

TEST_CASE("restart: without lazy writes a crash leaves no gap") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  die_after(options, [](Store& store) { quietly(store, create("/a")); });
  CHECK(must_open(options)->current().number == 1);
}

TEST_CASE("restart: the next durable write takes lazy ones along") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  die_after(options, [](Store& store) {
    quietly(store, create("/l1", "x", Durability::kLazy));
    quietly(store, create("/l2", "x", Durability::kLazy));
    quietly(store, create("/a"));
  });
  const auto store = must_open(options);
  CHECK(store->get("/l2").ok());
  CHECK(store->get("/a").value().modified.number == 3);
}

TEST_CASE("restart: lazy writes are flushed in time") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db"), .lazy_flush_seconds = 0};
  const auto store = must_open(options);
  must(*store, create("/l1", "x", Durability::kLazy));
  must(*store, create("/l2", "x", Durability::kLazy));
  // With no delay each is on disk before the next is looked at.
  must(*store, create("/l3", "x", Durability::kLazy));
  const auto file = Database::open({.path = options.path}).value();
  CHECK(file->number("SELECT count(*) FROM current WHERE key<'/l3'").value() == 2);
}

TEST_CASE("restart: watches resume where nothing or only creation happened") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  {
    const auto store = must_open(options);
    for (const char* key : {"/a/1", "/b/1", "/a/2", "/c/1"}) must(*store, create(key));
    must(*store, update("/c/1", Revision{4}));
    must(*store, create("/d/1"));
    must(*store, remove("/d/1", Revision{6}));
  }
  const auto store = must_open(options);
  struct Case {
    const char* name;
    const char* prefix;
    int64_t after;
    bool resumes;
    std::vector<std::string> lines;
  };
  const Case cases[] = {
      {"at the newest revision", "", 7, true, {}},
      {"nothing happened under the prefix", "/b/", 2, true, {}},
      {"one creation", "/a/", 1, true, {"+/a/2=v@3;"}},
      {"an update hides the first value", "/c/", 3, false, {}},
      {"an update hides the value before", "/c/", 4, false, {}},
      {"a deletion hides the last value", "/d/", 5, false, {}},
      {"everything together", "", 1, false, {}},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Recorder seen;
    CHECK(store->watch(c.prefix, Revision{c.after}, seen.sink()).ok() == c.resumes);
    CHECK(seen.lines() == c.lines);
  }
  CHECK(store->changes("/d/", Revision{5}).value().size() == 2);
}

TEST_CASE("restart: history is bounded, and what left it expires") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db"), .history_max = 10};
  {
    const auto store = must_open(options);
    Revision last = must(*store, create("/a"));
    for (int i = 0; i < 600; ++i) last = must(*store, update("/a", last));
  }
  const auto store = must_open(options);
  const int64_t floor = store->stat().value().compacted.number;
  CHECK(floor >= 601 - 10 - kTrimStep);
  CHECK(code_of(store->changes("", Revision{floor - 1})) == Code::kExpired);
  CHECK(static_cast<int64_t>(store->changes("", Revision{floor}).value().size()) == 601 - floor);
}

TEST_CASE("open: refuses with a clear message") {
  const TempDir dir(true);
  const std::string path = dir.file("kist.db");
  SECTION("a second server") {
    const auto store = must_open({.path = path});
    const auto second = open_sqlite_store({.path = path});
    CHECK(code_of(second) == Code::kConflict);
    CHECK(second.error().message == path + ": another server uses this database");
  }
  SECTION("a file of a newer version") {
    must_open({.path = path}).reset();
    REQUIRE(Database::open({.path = path}).value()->execute("PRAGMA user_version=99").ok());
    const auto opened = open_sqlite_store({.path = path});
    CHECK(code_of(opened) == Code::kInvalid);
    CHECK(opened.error().message.find("format 99") != std::string::npos);
  }
  SECTION("a database of someone else") {
    REQUIRE(
        Database::open({.path = path, .create = true}).value()->execute("CREATE TABLE t(x)").ok());
    CHECK(code_of(open_sqlite_store({.path = path})) == Code::kInvalid);
  }
  SECTION("a directory that cannot be made") {
    CHECK(code_of(open_sqlite_store({.path = dir.file("no/such/kist.db")})) == Code::kNotFound);
  }
  SECTION("a directory that cannot be written") {
    if (geteuid() == 0) return;  // root may write anywhere
    std::filesystem::permissions(
        dir.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
    CHECK(code_of(open_sqlite_store({.path = path})) == Code::kForbidden);
  }
}

// Overwrites the middle of the file with noise, in the middle of a page.
void damage(const std::string& path, int64_t offset, size_t length) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file << std::string(length, '\x5a');
  REQUIRE(file.good());
}

TEST_CASE("open: a damaged file is kept aside and the newest backup takes its place") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  {
    const auto store = must_open(options);
    for (int i = 0; i < 50; ++i)
      must(*store, create("/a/" + std::to_string(i), std::string(900, 'x')));
  }
  REQUIRE(list_backups(options.path).size() == 1);
  struct Case {
    const char* name;
    int64_t offset;
    size_t length;
  };
  const int64_t size = file_size(options.path);
  const Case cases[] = {
      {"header", 0, 100},
      {"whole first page", 0, 1024},
      {"one byte in a value", size / 2 + 300, 1},
      {"a page", size / 2, 1024},
      {"the last page", size - 1024, 1024},
  };
  int64_t before = 50;
  for (const Case& c : cases) {
    INFO(c.name);
    damage(options.path, c.offset, c.length);
    const auto store = must_open(options);
    CHECK(store->list("/a/", {}).value().entries.size() == 50);
    CHECK(store->current().number >= before + kRestoreJump);  // nothing handed out comes again
    before = store->current().number;
    Recorder seen;
    CHECK(code_of(store->watch("", Revision{50}, seen.sink())) == Code::kExpired);
  }
  CHECK(file_exists(options.path + ".damaged-0000000000000000005"));
  CHECK_FALSE(file_exists(options.path + ".damaged-0000000000000000001"));  // bounded
}

TEST_CASE("open: damage without a backup is refused, and the file left as it is") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db"), .backups_max = 0};
  {
    const auto store = must_open(options);
    for (int i = 0; i < 50; ++i)
      must(*store, create("/a/" + std::to_string(i), std::string(900, 'x')));
  }
  damage(options.path, 0, 100);
  CHECK(code_of(open_sqlite_store(options)) == Code::kInternal);
  CHECK(file_exists(options.path));
}

TEST_CASE("open: a missing file with backups is restored, an interrupted restore is completed") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db")};
  {
    const auto store = must_open(options);
    must(*store, create("/a"));
  }
  SECTION("missing") {
    std::filesystem::remove(options.path);
    CHECK(must_open(options)->get("/a").ok());
  }
  SECTION("interrupted before the last rename") {
    std::filesystem::rename(options.path, options.path + ".restored");
    CHECK(must_open(options)->get("/a").ok());
    CHECK_FALSE(file_exists(options.path + ".restored"));
  }
  SECTION("the newest backup is damaged as well") {
    {
      const auto store = must_open(options);
      must(*store, create("/b"));
    }
    REQUIRE(list_backups(options.path).size() == 2);
    damage(list_backups(options.path).front(), 0, 200);
    damage(options.path, 0, 200);
    const auto store = must_open(options);
    CHECK(store->get("/a").ok());
    CHECK(code_of(store->get("/b")) == Code::kNotFound);
  }
}

TEST_CASE("backups: rotate and are made while the store runs") {
  const TempDir dir(true);
  const SqliteOptions options{.path = dir.file("kist.db"), .backups_max = 2, .backup_writes = 10};
  for (int round = 0; round < 4; ++round) {
    const auto store = must_open(options);
    must(*store, create("/" + std::to_string(round)));
  }
  CHECK(list_backups(options.path).size() == 2);
  const auto store = must_open(options);
  for (int i = 0; i < 10; ++i) must(*store, create("/more/" + std::to_string(i)));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const auto newest_is_new = [&] {
    const auto all = list_backups(options.path);
    return !all.empty() && verify_file(all.front()).value().number >= 14;
  };
  while (!newest_is_new() && std::chrono::steady_clock::now() < deadline) usleep(5000);
  CHECK(newest_is_new());
}

TEST_CASE("admin: check, stat, compact, backup, restore") {
  const TempDir dir(true);
  const std::string path = dir.file("kist.db");
  const SqliteOptions options{.path = path};
  CHECK(code_of(check_database(path)) == Code::kNotFound);
  CHECK(code_of(compact_database(path)) == Code::kNotFound);
  {
    const auto store = must_open(options);
    for (int i = 0; i < 200; ++i)
      must(*store, create("/a/" + std::to_string(i), std::string(2000, 'x')));
    CHECK(code_of(check_database(path)) == Code::kConflict);
    CHECK(code_of(compact_database(path)) == Code::kConflict);
    CHECK(code_of(restore_database(path, "")) == Code::kConflict);
    CHECK(stat_database(path).value().entries == 200);
    const BackupReport made = backup_database(path, dir.file("mine")).value();
    CHECK(made.revision.number == 200);
    CHECK(code_of(backup_database(path, dir.file("mine"))) == Code::kAlreadyExists);
    for (int i = 0; i < 190; ++i) must(*store, remove("/a/" + std::to_string(i), Revision{i + 1}));
  }
  const CheckReport report = check_database(path).value();
  CHECK(report.problems.empty());
  CHECK(report.stat.entries == 10);
  CHECK(report.stat.current.number == 390);
  CHECK(report.backups.size() == 1);
  const CompactReport compacted = compact_database(path).value();
  CHECK(compacted.bytes_after < compacted.bytes_before / 4);
  CHECK(must_open(options)->current().number == 390);

  const RestoreReport restored = restore_database(path, dir.file("mine")).value();
  CHECK(file_exists(restored.kept_aside));
  CHECK(restored.revision.number == 390 + kRestoreJump);
  const auto store = must_open(options);
  CHECK(store->stat().value().entries == 200);
  CHECK(store->current() == restored.revision);
  CHECK(must(*store, create("/b")).number == restored.revision.number + 1);
}

}  // namespace
}  // namespace kist::datastore
