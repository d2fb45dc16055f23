#include "runtime/monitor/output.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

namespace kist::runtime {
namespace {

constexpr size_t kReadMax = 64 * 1024;
constexpr int kFinalReadsMax = 64;  // what a pipe can hold, and then some

// One buffer for all containers: nothing of it is kept.
char read_buffer[kReadMax];

bool make_nonblocking(int descriptor) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  return flags >= 0 && ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0;
}

}  // namespace

Output::~Output() {
  if (stalled_) --stalled_outputs_;
  for (Source& source : sources_) poller_.forget(source.number);
  for (Attached& attached : attached_) poller_.forget(attached.number);
}

Result<> Output::add_stream(LogStream stream, Fd source) {
  if (!make_nonblocking(source.get())) return errno_error("make an output pipe non-blocking");
  Source& slot = sources_[index(stream)];
  slot.fd = std::move(source);
  slot.number = TRY(poller_.watch(slot.fd.get(), EPOLLIN, [this, stream](uint32_t) {
    read_once(stream);
    pause_or_resume();
  }));
  return {};
}

Result<> Output::attach(Fd standard_out, Fd standard_error) {
  if (standard_out) TRY(attach_one(LogStream::kStdout, std::move(standard_out)));
  if (standard_error) TRY(attach_one(LogStream::kStderr, std::move(standard_error)));
  return {};
}

Result<> Output::attach_one(LogStream stream, Fd sink) {
  if (attached_.size() >= kAttachedMax) {
    return Error{Code::kConflict, std::to_string(kAttachedMax) + " streams are attached already"};
  }
  if (!make_nonblocking(sink.get())) return errno_error("attach");
  attached_.push_back({stream, std::move(sink), 0, {}, {}});
  const auto self = std::prev(attached_.end());
  // Only errors at first: a reader that goes away is noticed without a write.
  Result<uint64_t> number = poller_.watch(self->sink.get(), 0, [this, self](uint32_t events) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
      drop(self);
    } else {
      flush(*self);
      if (!self->sink) drop(self);
    }
    pause_or_resume();
  });
  if (!number.ok()) {
    attached_.erase(self);
    return number.error();
  }
  self->number = number.value();
  return {};
}

bool Output::read_once(LogStream stream) {
  const int source = sources_[index(stream)].fd.get();
  if (source < 0) return false;
  ssize_t size = 0;
  do {
    size = ::read(source, read_buffer, kReadMax);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return false;
  if (size <= 0) {  // EIO: the last of a terminal's users is gone
    end(stream);
    return false;
  }
  deliver(stream, {read_buffer, static_cast<size_t>(size)});
  return true;
}

void Output::deliver(LogStream stream, std::string_view bytes) {
  if (log_) log_->append(stream, bytes);
  for (auto attached = attached_.begin(); attached != attached_.end();) {
    const auto here = attached++;
    if (here->stream != stream) continue;
    here->pending.append(bytes);
    flush(*here);
    if (!here->sink) drop(here);
  }
}

// Leaves an empty sink where the reader is gone.
void Output::flush(Attached& attached) {
  while (!attached.pending.empty()) {
    const ssize_t written =
        ::write(attached.sink.get(), attached.pending.data(), attached.pending.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      if (attached.since.time_since_epoch().count() == 0) attached.since = clock_.steady();
      poller_.change(attached.number, EPOLLOUT);
      return;
    }
    if (written <= 0) {
      poller_.forget(attached.number);
      attached.sink.reset();
      return;
    }
    attached.pending.erase(0, static_cast<size_t>(written));
    attached.since = {};
  }
  std::string().swap(attached.pending);
  poller_.change(attached.number, 0);
}

void Output::drop(std::list<Attached>::iterator attached) {
  poller_.forget(attached->number);
  attached_.erase(attached);
}

void Output::end(LogStream stream) {
  Source& source = sources_[index(stream)];
  poller_.forget(source.number);
  source = {};
  if (log_) log_->end(stream);
  for (auto attached = attached_.begin(); attached != attached_.end();) {
    const auto here = attached++;
    if (here->stream == stream && here->pending.empty()) drop(here);
  }
}

void Output::pause_or_resume() {
  const bool wanted = std::any_of(attached_.begin(), attached_.end(), [](const Attached& attached) {
    return !attached.pending.empty();
  });
  if (wanted == stalled_) return;
  stalled_ = wanted;
  stalled_outputs_ += wanted ? 1 : -1;
  for (const Source& source : sources_)
    poller_.change(source.number, wanted ? 0U : uint32_t{EPOLLIN});
}

void Output::cut_off_stalled() {
  const auto now = clock_.steady();
  for (auto attached = attached_.begin(); attached != attached_.end();) {
    const auto here = attached++;
    if (!here->pending.empty() && now - here->since >= kStallMax) drop(here);
  }
  pause_or_resume();
}

void Output::finish() {
  for (const LogStream stream : {LogStream::kStdout, LogStream::kStderr}) {
    for (int i = 0; i < kFinalReadsMax && read_once(stream); ++i) continue;
    end(stream);
  }
  // Whoever still has bytes to take gets what fits now; nobody waits for the dead.
  while (!attached_.empty()) {
    flush(attached_.front());
    drop(attached_.begin());
  }
  pause_or_resume();
}

}  // namespace kist::runtime
