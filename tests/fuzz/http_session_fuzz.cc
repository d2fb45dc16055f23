// Any bytes, in any pieces, into an HTTP conversation: no crash, no growth beyond the bounds, and
// whatever pieces they come in, the same requests are seen.
//
// The first byte of the input chooses the size of the pieces.
#include <cstdint>
#include <cstdlib>

#include "net/session.h"

namespace {

using namespace kist::net;

// Notes what it was asked and answers in all the ways there are.
struct RecordingHandler : Handler {
  void handle(Request request, std::shared_ptr<Exchange> exchange) override {
    seen +=
        request.method + "\n" + request.path + "\n" + request.query + "\n" + request.body + "\n";
    if (request.method == "DROP") return;
    if (request.path == "/stream") {
      exchange->begin(200, {});
      exchange->write({kist::Slice::literal("a"), kist::Slice::literal("b")});
      exchange->finish();
      return;
    }
    exchange->respond({.body = {kist::Slice::of(std::move(request.body))}});
  }
  std::string seen;
};

std::string converse(std::string_view bytes, size_t piece) {
  RecordingHandler handler;
  ServerOptions options;
  options.limits.body_bytes_max = 4096;
  options.limits.header_bytes_max = 2048;
  options.limits.request_line_bytes_max = 1024;
  auto mailbox = std::make_shared<Mailbox>();
  mailbox->adopt_thread();
  SessionContext context{.handler = handler, .options = options, .mailbox = mailbox};
  Session session(context, [] {});
  while (!bytes.empty() && !session.closing() && !session.aborted()) {
    const std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    session.input(part);
    session.output().clear();
    session.sent();
    session.resume();
  }
  session.end_of_input();
  if (!session.closing()) std::abort();
  return handler.seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (converse(bytes, bytes.size() + 1) != converse(bytes, data[0] % 16 + 1u)) std::abort();
  return 0;
}
