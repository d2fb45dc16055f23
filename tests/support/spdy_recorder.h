// What a SpdyReader read, as one text: for tests that compare, and for the fuzz target.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/spdy_reader.h"

namespace kist::net::testing {

struct SpdyRecorder : SpdyReader::Sink {
  void on_stream(Stream stream) override {
    seen += "(stream " + std::to_string(stream.id);
    for (const Header& header : stream.headers) seen += " " + header.name + "=" + header.value;
    seen += stream.ends ? " fin)" : ")";
  }
  // Data that came in pieces reads as one.
  void on_data(uint32_t id, std::string_view bytes) override {
    if (id != shown) seen += std::to_string(id) + ":";
    shown = id;
    seen += bytes;
  }
  void on_data_end(uint32_t id) override { seen += "(end " + std::to_string(id) + ")"; }
  void on_reset(uint32_t id) override { seen += "(reset " + std::to_string(id) + ")"; }
  void on_ping(uint32_t id) override { seen += "(ping " + std::to_string(id) + ")"; }
  bool given_up() const override { return false; }

  std::string seen;
  uint32_t shown = 0;
};

}  // namespace kist::net::testing
