// An API server in memory for tests of clients and controllers: objects are JSON, writes are done
// before handle() returns, and the nth write can be made to fail.
//
// It knows metadata, owners' finalizers, bindings and the status subresource, and nothing of kinds: no
// defaults, no validation. Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kist/api/json.h"
#include "kist/net/handler.h"

namespace kist::testing {

class FakeApi : public net::Handler {
 public:
  void handle(net::Request request, std::shared_ptr<net::Exchange> exchange) override;

  // The nth write from now on (1: the next) is answered 503; it is `applied` all the same or not.
  void fail_write(int nth, bool applied = false);
  bool failed() const;
  // Writes of this user are neither counted nor failed: the test's own.
  void spare(std::string user);
  // GETs of this path are answered 503: a discovery document.
  void refuse(std::string path);
  // Ends all watches; with `forget`, watches that resume are answered 410.
  void cut_watches(bool forget);

  // Paths are those of the API, "/api/v1/namespaces/n/pods/x"; an empty text: not there.
  std::string get(const std::string& path) const;
  std::vector<std::string> list(const std::string& prefix) const;  // the objects' paths
  std::vector<std::string> deleted() const;                        // paths, in the order they went
  size_t writes() const;

 private:
  struct Route {
    std::string collection, name, subresource;
    std::string space;
    std::string all;  // the collection without its namespace: what watchers of all see
  };
  struct Watcher {
    std::string all;
    std::shared_ptr<net::Exchange> exchange;
  };
  struct Past {
    int64_t revision;
    std::string all, type, object;
  };
  using Answer = std::pair<int, std::string>;

  static bool parse(const std::string& path, Route& route);
  Answer write(const net::Request& request, const Route& route);
  Answer create(const Route& route, api::Json body);
  Answer replace(const Route& route, const api::Json& body, bool merge);
  Answer bind(const Route& route, const api::Json& body);
  Answer remove(const Route& route, const std::string& body);
  Answer remove_all(const Route& route, const std::string& body);
  void watch(const net::Request& request, const Route& route,
             std::shared_ptr<net::Exchange> exchange);
  Answer read(const Route& route) const;
  Answer store(const Route& route, const std::string& path, api::Json object, bool fresh);
  void emit(const Route& route, const char* type, const std::string& object);

  mutable std::recursive_mutex mutex_;
  std::map<std::string, std::string> objects_;  // by path
  std::vector<Past> past_;
  std::vector<std::string> deleted_;
  std::string spared_, refused_;
  std::vector<Watcher> watchers_;
  int64_t revision_ = 10, forgotten_ = 0;
  int fail_in_ = 0;
  bool fail_applied_ = false, failed_ = false;
  size_t writes_ = 0;
};

}  // namespace kist::testing
