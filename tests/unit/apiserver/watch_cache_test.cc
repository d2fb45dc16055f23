// The cache by itself: what it shows at which revision, and what it tells whom.
#include "src/apiserver/watch_cache.h"

#include <catch2/catch.hpp>

namespace kist::apiserver {
namespace {

using datastore::Write;

class CacheFixture {
 public:
  CacheFixture() : store_(datastore::open_memory_store()) {}

  int64_t write(Write::Kind kind, const std::string& name, const std::string& value,
                int64_t expected = 0) {
    Write write;
    write.kind = kind;
    write.key = "/registry/core/configmaps/default/" + name;
    write.expected = {expected};
    write.head = R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":")" + name +
                 R"(","namespace":"default","uid":"u","resourceVersion":")";
    write.tail = R"("},"data":{"k":")" + value + R"("}})";
    Result<datastore::Entry> entry = datastore::submit_and_wait(*store_, std::move(write));
    REQUIRE(entry.ok());
    return entry.value().modified.number;
  }

  WatchCache& start() {
    cache_ = std::make_unique<WatchCache>(*store_);
    REQUIRE(cache_->start().ok());
    return *cache_;
  }

 private:
  std::unique_ptr<datastore::Store> store_;
  std::unique_ptr<WatchCache> cache_;
};

std::string names(const Snapshot& snapshot) {
  std::string all;
  for (const ObjectPtr& object : snapshot.objects) all += std::string(object->name()) + " ";
  return all;
}

class Recorder : public Watcher {
 public:
  void offer(const EventPtr& event) override { revisions.push_back(event->revision); }
  std::vector<int64_t> revisions;
};

TEST_CASE("watch cache: what was stored before is loaded") {
  CacheFixture f;
  int64_t a = f.write(Write::Kind::kCreate, "a", "1");
  WatchCache& cache = f.start();
  ResourceCache& maps = *cache.find("", "configmaps");
  REQUIRE(maps.get("default", "a") != nullptr);
  CHECK(maps.get("default", "a")->revision() == a);
  CHECK(maps.get("default", "b") == nullptr);
  CHECK(maps.get("other", "a") == nullptr);
  CHECK(cache.revision() == a);
  // What happened before is not known any more.
  auto watcher = std::make_shared<Recorder>();
  Result<ResourceCache::Subscription> old = maps.subscribe(watcher, false, a - 1, "");
  REQUIRE_FALSE(old.ok());
  CHECK(old.error().code == Code::kExpired);
  CHECK(maps.subscribe(watcher, false, a, "").ok());
}

TEST_CASE("watch cache: any revision of the ring") {
  CacheFixture f;
  WatchCache& cache = f.start();
  ResourceCache& maps = *cache.find("", "configmaps");
  int64_t zero = cache.revision();
  int64_t a = f.write(Write::Kind::kCreate, "a", "1");
  int64_t b = f.write(Write::Kind::kCreate, "b", "1");
  int64_t a2 = f.write(Write::Kind::kUpdate, "a", "2", a);
  int64_t gone = f.write(Write::Kind::kRemove, "a", "2", a2);
  int64_t again = f.write(Write::Kind::kCreate, "a", "3");
  const struct {
    int64_t revision;
    const char* names;
  } rows[] = {{zero, ""}, {a, "a "}, {b, "a b "}, {a2, "a b "}, {gone, "b "}, {again, "a b "}};
  for (const auto& row : rows) {
    INFO(row.revision);
    Result<Snapshot> snapshot = maps.list_at(row.revision, "");
    REQUIRE(snapshot.ok());
    CHECK(names(snapshot.value()) == row.names);
    CHECK(snapshot.value().revision == row.revision);
  }
  CHECK(maps.list_at(a, "").value().objects[0]->revision() == a);
  CHECK(maps.list_at(a2, "").value().objects[0]->revision() == a2);
  ObjectKey after{"default", "a"};
  CHECK(names(maps.list_at(b, "", &after).value()) == "b ");
  CHECK(names(maps.list_at(b, "other").value()).empty());
}

TEST_CASE("watch cache: the ring is bounded, and what fell out is expired") {
  CacheFixture f;
  WatchCache& cache = f.start();
  ResourceCache& maps = *cache.find("", "configmaps");
  int64_t first = f.write(Write::Kind::kCreate, "a", "0");
  int64_t last = first;
  for (size_t i = 0; i < kRingEventsMax + 10; ++i) {
    last = f.write(Write::Kind::kUpdate, "a", std::to_string(i), last);
  }
  CHECK_FALSE(maps.list_at(first, "").ok());
  CHECK(maps.list_at(last - 100, "").ok());
  auto watcher = std::make_shared<Recorder>();
  CHECK(maps.subscribe(watcher, false, first, "").error().code == Code::kExpired);
  Result<ResourceCache::Subscription> recent = maps.subscribe(watcher, false, last - 5, "");
  REQUIRE(recent.ok());
  CHECK(recent.value().events.size() == 5);
}

TEST_CASE("watch cache: a subscription and its watcher have each event once") {
  CacheFixture f;
  WatchCache& cache = f.start();
  ResourceCache& maps = *cache.find("", "configmaps");
  int64_t a = f.write(Write::Kind::kCreate, "a", "1");
  auto watcher = std::make_shared<Recorder>();
  Result<ResourceCache::Subscription> begun = maps.subscribe(watcher, false, a - 1, "");
  REQUIRE(begun.ok());
  REQUIRE(begun.value().events.size() == 1);
  int64_t b = f.write(Write::Kind::kCreate, "b", "1");
  CHECK(watcher->revisions == std::vector<int64_t>{b});
  maps.unsubscribe(watcher.get());
  f.write(Write::Kind::kCreate, "c", "1");
  CHECK(watcher->revisions.size() == 1);
}

TEST_CASE("digest: found where it stands, escapes undone, odd bytes survived") {
  FieldIndex index({"spec.nodeName", "status.phase", "spec.hostNetwork"});
  std::string text =
      R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","namespace":"n","uid":"u-1",)"
      R"("resourceVersion":"41","labels":{"a":"1","b/c":""},"annotations":{"x":"{\"name\":1}"}},)"
      R"("spec":{"containers":[{"name":"c","nodeName":"no"}],"nodeName":"a\"b","hostNetwork":true},)"
      R"("status":{"conditions":[],"phase":"Running"}})";
  Object object(index, Slice::of(text), 41);
  CHECK(object.name() == "p");
  CHECK(object.namespace_name() == "n");
  CHECK(object.uid() == "u-1");
  CHECK_FALSE(object.deleting());
  CHECK(object.slot(index.slot("spec.nodeName")) == "a\"b");
  CHECK(object.slot(index.slot("spec.hostNetwork")) == "true");
  CHECK(object.slot(index.slot("status.phase")) == "Running");
  std::string_view value;
  CHECK(object.label("b/c", &value));
  CHECK(value.empty());
  CHECK_FALSE(object.label("x", &value));
  std::string changed;
  for (const Slice& slice : object.with_revision(77)) changed += slice.view();
  CHECK(changed.find(R"("resourceVersion":"77")") != std::string::npos);
  CHECK(changed.size() == text.size());
  // Whatever the bytes are, reading ends and stays inside.
  for (size_t cut = 0; cut < text.size(); ++cut) {
    Object partial(index, Slice::of(text.substr(0, cut)), 1);
    CHECK(partial.name().size() <= 1);
  }
}

}  // namespace
}  // namespace kist::apiserver
