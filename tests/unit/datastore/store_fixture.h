// What the datastore tests share: a temporary directory, short ways to write, a watch that records.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "kist/datastore/store.h"

namespace kist::datastore {

class TempDir {
 public:
  // `in_memory`: where a sync costs nothing, for tests that are about something else.
  explicit TempDir(bool in_memory = false) {
    const bool shm = in_memory && std::filesystem::is_directory("/dev/shm");
    path_ = std::string(shm ? "/dev/shm" : "/tmp") + "/kist-store-XXXXXX";
    REQUIRE(mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline Write create(const std::string& key, const std::string& text = "v",
                    Durability durability = Durability::kDurable) {
  return Write{.kind = Write::Kind::kCreate,
               .durability = durability,
               .key = key,
               .expected = {},
               .head = text + "@",
               .tail = ";"};
}

inline Write update(const std::string& key, Revision expected, const std::string& text = "v",
                    Durability durability = Durability::kDurable) {
  Write write = create(key, text, durability);
  write.kind = Write::Kind::kUpdate;
  write.expected = expected;
  return write;
}

inline Write remove(const std::string& key, Revision expected,
                    Durability durability = Durability::kDurable) {
  Write write = update(key, expected, "gone", durability);
  write.kind = Write::Kind::kRemove;
  return write;
}

// The value that the writes above leave at `revision`.
inline std::string value_at(const std::string& text, Revision revision) {
  return text + "@" + std::to_string(revision.number) + ";";
}

inline Revision must(Store& store, Write write) {
  Result<Entry> result = submit_and_wait(store, std::move(write));
  if (!result.ok()) FAIL(result.error().message);
  return result.value().modified;
}

inline std::unique_ptr<Store> must_open(const SqliteOptions& options) {
  Result<std::unique_ptr<Store>> opened = open_sqlite_store(options);
  if (!opened.ok()) FAIL(opened.error().message);
  return std::move(opened).value();
}

template <typename T>
Code code_of(const Result<T>& result) {
  REQUIRE_FALSE(result.ok());
  return result.error().code;
}

// Collects what a watch delivers, as text: "+key=value", "~key=value<previous",
// "-key=value<previous".
class Recorder {
 public:
  Store::Sink sink() {
    return [this](std::span<const Event> events, Revision upto) {
      const std::lock_guard<std::mutex> lock(mutex_);
      for (const Event& event : events) {
        std::string line(1, "+~-"[static_cast<int>(event.type)]);
        line += event.entry.key + "=" + std::string(event.entry.value.view());
        if (event.type != EventType::kCreated) line += "<" + std::string(event.previous.view());
        lines_.push_back(line);
        revisions_.push_back(event.entry.modified.number);
      }
      upto_ = upto;
    };
  }
  std::vector<std::string> lines() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }
  std::vector<int64_t> revisions() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return revisions_;
  }
  Revision upto() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return upto_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  std::vector<int64_t> revisions_;
  Revision upto_;
};

}  // namespace kist::datastore
