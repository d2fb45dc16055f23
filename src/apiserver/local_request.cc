// An exchange whose answer is a callback.
#include "src/apiserver/local_request.h"

#include "src/apiserver/pipeline.h"

namespace kist::apiserver {
namespace {

class LocalExchange : public net::Exchange {
 public:
  explicit LocalExchange(std::function<void(int, std::string)> done) : done_(std::move(done)) {}
  ~LocalExchange() override {
    if (done_) done_(500, "dropped");
  }

  void respond(net::Response response) override {
    std::string body;
    for (const Slice& slice : response.body) body += slice.view();
    std::exchange(done_, nullptr)(response.status, std::move(body));
  }
  void begin(int, std::vector<net::Header>) override {}
  bool write(std::vector<Slice>) override { return false; }
  void finish() override {}
  void on_close(std::function<void()>) override {}

 private:
  std::function<void(int, std::string)> done_;
};

}  // namespace

net::Request local_request(std::string method, std::string path, std::string body) {
  net::Request request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.headers.push_back({"Content-Type", "application/json"});
  request.body = std::move(body);
  request.peer = net::PeerIdentity{"system:apiserver", {std::string(kMasters)}};
  request.remote_address = "in-process";
  return request;
}

void run_local(Core& core, net::Request request, std::function<void(int, std::string)> done) {
  run_pipeline(core, std::move(request), std::make_shared<LocalExchange>(std::move(done)));
}

}  // namespace kist::apiserver
