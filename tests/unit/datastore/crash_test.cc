// kill -9 at random moments under load, many times: what was acknowledged is there, nothing is half
// written, revisions never go back.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "store_fixture.h"

namespace kist::datastore {
namespace {

constexpr int kRounds = 25;
constexpr int kWriters = 4;
constexpr int kLazyWriter = kWriters - 1;

// What a child reports through a pipe, once for each acknowledged write.
struct Ack {
  int32_t writer;
  int32_t round;
  int64_t revision;
};

std::string key_of(int writer) { return "/w/" + std::to_string(writer); }

// One writer updates its own key again and again; the value says which write it was.
void write_forever(Store& store, int writer, int round, int pipe) {
  const auto durability = writer == kLazyWriter ? Durability::kLazy : Durability::kDurable;
  Revision last;
  const Result<Entry> found = store.get(key_of(writer));
  if (found.ok()) last = found.value().modified;
  for (;;) {
    const std::string text(500 + static_cast<size_t>(last.number % 3000), 'x');
    Write write = last.number == 0 ? create(key_of(writer), text, durability)
                                   : update(key_of(writer), last, text, durability);
    const Result<Entry> done = submit_and_wait(store, std::move(write));
    if (!done.ok()) _exit(2);
    last = done.value().modified;
    const Ack ack{writer, round, last.number};
    if (::write(pipe, &ack, sizeof ack) != sizeof ack) _exit(3);
  }
}

[[noreturn]] void child(const SqliteOptions& options, int round, int pipe) {
  Result<std::unique_ptr<Store>> opened = open_sqlite_store(options);
  if (!opened.ok()) _exit(1);
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer)
    threads.emplace_back([&, writer] { write_forever(*opened.value(), writer, round, pipe); });
  for (;;) pause();
}

void run_and_kill(const SqliteOptions& options, int round, int delay_us, std::vector<Ack>& acks) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t pid = fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    close(ends[0]);
    child(options, round, ends[1]);
  }
  close(ends[1]);
  std::thread reader([&] {
    Ack ack;
    while (read(ends[0], &ack, sizeof ack) == sizeof ack) acks.push_back(ack);
  });
  usleep(static_cast<useconds_t>(delay_us));
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  reader.join();
  close(ends[0]);
  REQUIRE(WIFSIGNALED(status));
}

TEST_CASE("crash: kill -9 under load loses nothing acknowledged") {
  const TempDir dir;
  const SqliteOptions options{
      .path = dir.file("kist.db"), .history_max = 500, .wal_bytes_max = 64 << 10};
  std::mt19937 random(4711);
  std::uniform_int_distribution<int> delay(5'000, 60'000);
  std::vector<Ack> acks;
  int64_t highest = 0;
  for (int round = 0; round < kRounds; ++round) {
    INFO("round " << round);
    const size_t before = acks.size();
    run_and_kill(options, round, delay(random), acks);
    std::map<int, int64_t> newest;
    for (size_t i = before; i < acks.size(); ++i) {
      REQUIRE(acks[i].revision > highest);  // nothing handed out before this round came again
      newest[acks[i].writer] = acks[i].revision;
    }
    for (const Ack& ack : acks) highest = std::max(highest, ack.revision);
    const auto store = must_open(options);
    REQUIRE(store->current().number >= highest);
    highest = store->current().number;
    for (const auto& [writer, revision] : newest) {
      if (writer == kLazyWriter) continue;
      const Entry entry = store->get(key_of(writer)).value();
      REQUIRE(entry.modified.number >= revision);
      // Whole: the revision inside is the entry's own, the length that of its write.
      const std::string end = "@" + std::to_string(entry.modified.number) + ";";
      REQUIRE(entry.value.view().ends_with(end));
      const std::string_view body = entry.value.view().substr(0, entry.value.size() - end.size());
      REQUIRE(body.find_first_not_of('x') == body.npos);
    }
  }
  CHECK(acks.size() > kRounds);
  UNSCOPED_INFO(acks.size() << " writes acknowledged in " << kRounds << " rounds");
}

TEST_CASE("load: concurrent writers of one key, watched") {
  const TempDir dir;
  const auto store = must_open({.path = dir.file("kist.db"), .wal_bytes_max = 128 << 10});
  Recorder seen;
  const auto watch = store->watch("", Revision{}, seen.sink()).value();
  must(*store, create("/counter", "0"));
  constexpr int kThreads = 8, kIncrements = 40;
  std::atomic<int> conflicts{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int done = 0; done < kIncrements;) {
        const Entry entry = store->get("/counter").value();
        const std::string_view text = entry.value.view();
        const int count = std::atoi(std::string(text.substr(0, text.find('@'))).c_str());
        if (submit_and_wait(*store, update("/counter", entry.modified, std::to_string(count + 1)))
                .ok()) {
          ++done;
        } else {
          ++conflicts;
        }
      }
    });
  }
  // Watches that come and go meanwhile see a gapless tail.
  for (int i = 0; i < 50; ++i) {
    Recorder tail;
    const Revision from = store->current();
    const auto other = store->watch("/counter", from, tail.sink());
    REQUIRE(other.ok());
    const std::vector<int64_t> revisions = tail.revisions();
    for (size_t n = 0; n < revisions.size(); ++n) REQUIRE(revisions[n] > from.number);
  }
  for (std::thread& thread : threads) thread.join();
  const Entry last = store->get("/counter").value();
  CHECK(last.value.view().starts_with(std::to_string(kThreads * kIncrements) + "@"));
  const std::vector<int64_t> revisions = seen.revisions();
  CHECK(revisions.size() == kThreads * kIncrements + 1);
  CHECK(std::is_sorted(revisions.begin(), revisions.end()));
  CHECK(std::adjacent_find(revisions.begin(), revisions.end()) == revisions.end());
}

}  // namespace
}  // namespace kist::datastore
