#include "kist/base/log.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "kist/base/clock.h"

namespace kist {
namespace {

struct Settings {
  LogFormat format = LogFormat::kText;
  LogLevel lowest = LogLevel::kInfo;
};
Settings settings;  // written once, before threads start

constexpr const char* kLevelNames[] = {"debug", "info", "warn", "error"};

void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      line += escaped;
    } else {
      line += c;
    }
  }
  line += '"';
}

void append_value(std::string& line, std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \"\\=\n\t\r") == text.npos;
  if (plain) {
    line += text;
  } else {
    append_quoted(line, text);
  }
}

std::string json_line(LogLevel level, std::string_view message, LogFields fields) {
  std::string line = "{\"ts\":\"" + format_rfc3339_micro(system_clock().now()) + "\",\"level\":\"";
  line += kLevelNames[static_cast<int>(level)];
  line += "\",\"msg\":";
  append_quoted(line, message);
  for (const LogField& field : fields) {
    line += ',';
    append_quoted(line, field.key);
    line += ':';
    append_quoted(line, field.value);
  }
  line += "}\n";
  return line;
}

std::string text_line(LogLevel level, std::string_view message, LogFields fields) {
  std::string line = format_rfc3339(system_clock().now());
  line += ' ';
  line += kLevelNames[static_cast<int>(level)];
  line += ": ";
  line += message;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  line += '\n';
  return line;
}

}  // namespace

void log_configure(LogFormat format, LogLevel lowest) { settings = Settings{format, lowest}; }

void log_write(LogLevel level, std::string_view message, LogFields fields) {
  if (level < settings.lowest) return;
  const std::string line = settings.format == LogFormat::kJson ? json_line(level, message, fields)
                                                               : text_line(level, message, fields);
  // A log that cannot be written has nowhere to complain to.
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace kist
